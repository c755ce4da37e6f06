import type { PoolCall } from "../core/pool-call.ts";
import { EXIT_CODES, type ExitCode } from "../core/problem.ts";
import type { Report } from "../core/report.ts";
import { type Failure, type Result, usageFailure } from "../core/result.ts";
import { createLogger } from "../terminal/logger.ts";
import { writeAll } from "../terminal/streams.ts";
import { createView } from "../terminal/view.ts";
import { readHostIdentity } from "../xapi/host-files.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { checkCallLimits } from "./call-limits.ts";
import { requireXapiCaller } from "./caller.ts";
import {
  MAX_ANSWER_BYTES,
  PLUGIN_ARGUMENT,
  PLUGIN_FUNCTION,
  type PluginRequest,
  parseRequest,
  REFUSED_CODE,
  VERSION_MISMATCH_CODE,
} from "./request.ts";
import { formatFailureResponse, formatSuccessResponse, parsePluginCall } from "./xml-rpc.ts";

/** What XenAPIPlugin.py answers, too. */
const UNKNOWN_FUNCTION_CODE = "UNKNOWN_XENAPI_PLUGIN_FUNCTION";

/** What a host answers: the report of the command, and what replaces its usual view. */
export interface XapiPluginAnswer {
  readonly report: Report;
  /** The commands of a dry run, or a page that only this host can lay out. */
  readonly text: string | null;
}

/** Runs a command as it is run from a command line. */
export type CommandRunner = (
  command: string,
  args: readonly string[],
  call: PoolCall,
) => Promise<Result<XapiPluginAnswer>>;

/**
 * This program as XAPI's plugin: runs the one command that it was started for, and answers with its
 * report. A refusal is an answer too; only a caller other than XAPI gets none.
 */
export async function answerPluginCall(args: readonly string[], runCommand: CommandRunner): Promise<ExitCode> {
  const caller = requireXapiCaller();
  if (!caller.ok) {
    const { error } = createLogger(createView("stderr", false));
    for (const { message } of caller.failures) error(message);
    return EXIT_CODES.unavailable;
  }
  await writeAll("stdout", await createResponse(args, runCommand));
  return EXIT_CODES.success;
}

async function createResponse(args: readonly string[], runCommand: CommandRunner): Promise<string> {
  const request = parseArgument(args);
  const answer = request.ok ? await runRequest(request.value, runCommand) : request;
  if (!answer.ok) return formatRefusal(answer.failures);
  const response = formatSuccessResponse(JSON.stringify(answer.value));
  if (Buffer.byteLength(response) <= MAX_ANSWER_BYTES) return response;
  const message = "its report is too long to be passed on; run offload on that host";
  return formatRefusal([{ code: "response-too-large", message }]);
}

function parseArgument([argument = ""]: readonly string[]): Result<PluginRequest> {
  const call = parsePluginCall(argument);
  if (!call.ok) return call;
  const { name, args } = call.value;
  if (name !== PLUGIN_FUNCTION) return usageFailure(UNKNOWN_FUNCTION_CODE, name);
  const text = args.get(PLUGIN_ARGUMENT);
  return text === undefined || args.size > 1
    ? usageFailure("invalid-request", `the one argument is ${PLUGIN_ARGUMENT}`)
    : parseRequest(text);
}

async function runRequest(request: PluginRequest, runCommand: CommandRunner): Promise<Result<XapiPluginAnswer>> {
  const { host, command, args, run: runId, halted: includesHaltedVms } = request;
  const files = readHostIdentity();
  if (!files.ok) return files;
  const { uuid } = files.value;
  if (uuid !== host) {
    return usageFailure("wrong-host", `this is the host ${uuid}, and the call is for ${host}`);
  }
  const opened = await XapiSession.open(uuid);
  if (!opened.ok) return opened;
  const session = opened.value;
  try {
    const checkCallerWaiting = () => checkCallLimits(session, request);
    const callerWaiting = await checkCallerWaiting();
    return callerWaiting.ok
      ? await runCommand(command, args, { runId, includesHaltedVms, checkCallerWaiting })
      : callerWaiting;
  } finally {
    await session.close();
  }
}

/** The answer to a call that is not carried out: a code of XAPI's kind, or ours with a sentence. */
function formatRefusal(failures: readonly Pick<Failure, "code" | "message">[]): string {
  const message = failures.map((failure) => failure.message).join("; ");
  const code = failures[0]?.code ?? "";
  return code === VERSION_MISMATCH_CODE || code === UNKNOWN_FUNCTION_CODE
    ? formatFailureResponse(code, [message])
    : formatFailureResponse(REFUSED_CODE, [code, message]);
}
