import { asCommandError, attemptAsync, CommandError, type Failure, usageError } from "../core/command-error.ts";
import type { PoolCall } from "../core/pool-call.ts";
import { EXIT_CODES, type ExitCode } from "../core/problem.ts";
import type { Report } from "../core/report.ts";
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
type CommandRunner = (command: string, words: readonly string[], call: PoolCall) => Promise<XapiPluginAnswer>;

/**
 * This program as XAPI's plugin: runs the one command that it was started for, and answers with its
 * report. A refusal is an answer too; only a caller other than XAPI gets none.
 */
export async function answerPluginCall(args: readonly string[], runCommand: CommandRunner): Promise<ExitCode> {
  try {
    requireXapiCaller();
  } catch (error) {
    createLogger(createView("stderr", false)).error(asCommandError(error).message);
    return EXIT_CODES.unavailable;
  }
  await writeAll("stdout", await createResponse(args, runCommand));
  return EXIT_CODES.success;
}

async function createResponse(args: readonly string[], runCommand: CommandRunner): Promise<string> {
  const answer = await attemptAsync(async () => await runRequest(parseArgument(args), runCommand));
  if (answer instanceof CommandError) return formatRefusal(answer.failures);
  const response = formatSuccessResponse(JSON.stringify(answer));
  if (Buffer.byteLength(response) <= MAX_ANSWER_BYTES) return response;
  const message = "its report is too long to be passed on; run offload on that host";
  return formatRefusal([{ code: "response-too-large", message }]);
}

function parseArgument([argument = ""]: readonly string[]): PluginRequest {
  const call = parsePluginCall(argument);
  const { name, args } = call;
  if (name !== PLUGIN_FUNCTION) throw usageError(UNKNOWN_FUNCTION_CODE, name);
  const text = args.get(PLUGIN_ARGUMENT);
  if (text === undefined || args.size > 1) {
    throw usageError("invalid-request", `the one argument is ${PLUGIN_ARGUMENT}`);
  }
  return parseRequest(text);
}

async function runRequest(request: PluginRequest, runCommand: CommandRunner): Promise<XapiPluginAnswer> {
  const { host, command, args, run: runId, halted: includesHaltedVms } = request;
  const { uuid } = readHostIdentity();
  if (uuid !== host) {
    throw usageError("wrong-host", `this is the host ${uuid}, and the call is for ${host}`);
  }
  const session = await XapiSession.open(uuid);
  try {
    const checkCallerWaiting = () => checkCallLimits(session, request);
    await checkCallerWaiting();
    return await runCommand(command, args, { runId, includesHaltedVms, checkCallerWaiting });
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
