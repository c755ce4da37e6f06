import { EXIT, type ExitCode } from "../core/problem.ts";
import type { Report } from "../core/report.ts";
import { type Failure, type Result, usage } from "../core/result.ts";
import { messages } from "../terminal/output.ts";
import { writeOut } from "../terminal/streams.ts";
import { viewOn } from "../terminal/view.ts";
import { readHostFiles } from "../xapi/host-files.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { refuseOthers } from "./caller.ts";
import { checkGuard, type PoolCall } from "./pool-call.ts";
import {
  ARGUMENT,
  FUNCTION,
  MAX_ANSWER_BYTES,
  type PluginRequest,
  parseRequest,
  REFUSED,
  VERSION_MISMATCH,
} from "./request.ts";
import { failureResponse, parsePluginCall, successResponse } from "./xml-rpc.ts";

/** What XenAPIPlugin.py answers, too. */
const UNKNOWN_FUNCTION = "UNKNOWN_XENAPI_PLUGIN_FUNCTION";

/** What a host answers: the report of the command, and what replaces its usual view. */
export interface PluginAnswer {
  readonly report: Report;
  /** The commands of a dry run, or a page that only this host can lay out. */
  readonly text: string | null;
}

/** Runs a command as it is run from a command line. */
export type RunCommand = (
  command: string,
  args: readonly string[],
  call: PoolCall,
) => Promise<Result<PluginAnswer>>;

/**
 * This program as XAPI's plugin: runs the one command that it was started for, and answers with its
 * report. A refusal is an answer too; only a caller other than XAPI gets none.
 */
export async function answerPlugin(
  args: readonly string[],
  runCommand: RunCommand,
): Promise<ExitCode> {
  const allowed = refuseOthers();
  if (!allowed.ok) {
    const { error } = messages(viewOn("stderr", false));
    for (const { message } of allowed.failures) error(message);
    return EXIT.unavailable;
  }
  await writeOut("stdout", await responseTo(args, runCommand));
  return EXIT.done;
}

async function responseTo(args: readonly string[], runCommand: RunCommand): Promise<string> {
  const request = readRequest(args);
  const answer = request.ok ? await answerRequest(request.value, runCommand) : request;
  if (!answer.ok) return refusal(answer.failures);
  const response = successResponse(JSON.stringify(answer.value));
  if (Buffer.byteLength(response) <= MAX_ANSWER_BYTES) return response;
  const message = "its report is too long to be passed on; run offload on that host";
  return refusal([{ code: "answer-too-long", message }]);
}

function readRequest([argument = ""]: readonly string[]): Result<PluginRequest> {
  const call = parsePluginCall(argument);
  if (!call.ok) return call;
  const { name, args } = call.value;
  if (name !== FUNCTION) return usage(UNKNOWN_FUNCTION, name);
  const text = args.get(ARGUMENT);
  return text === undefined || args.size > 1
    ? usage("bad-request", `the one argument is ${ARGUMENT}`)
    : parseRequest(text);
}

async function answerRequest(
  request: PluginRequest,
  runCommand: RunCommand,
): Promise<Result<PluginAnswer>> {
  const { host, command, args, run, halted } = request;
  const files = readHostFiles();
  if (!files.ok) return files;
  const { uuid } = files.value;
  if (uuid !== host) {
    return usage("another-host", `this is the host ${uuid}, and the call is for ${host}`);
  }
  const opened = await XapiSession.open(uuid);
  if (!opened.ok) return opened;
  const session = opened.value;
  try {
    const stillWanted = () => checkGuard(session, request);
    const wanted = await stillWanted();
    return wanted.ok ? await runCommand(command, args, { run, halted, stillWanted }) : wanted;
  } finally {
    await session.close();
  }
}

/** The answer to a call that is not carried out: a code of XAPI's kind, or ours with a sentence. */
function refusal(failures: readonly Pick<Failure, "code" | "message">[]): string {
  const message = failures.map((one) => one.message).join("; ");
  const code = failures[0]?.code ?? "";
  return code === VERSION_MISMATCH || code === UNKNOWN_FUNCTION
    ? failureResponse(code, [message])
    : failureResponse(REFUSED, [code, message]);
}
