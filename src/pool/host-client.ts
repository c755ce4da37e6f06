import { asCommandError } from "../core/command-error.ts";
import type { HostState } from "../core/report.ts";
import { PLUGIN_NAME, PLUGIN_PATH } from "../paths.ts";
import {
  formatRequest,
  PLUGIN_ARGUMENT,
  PLUGIN_FUNCTION,
  type PoolCommand,
  REFUSED_CODE,
  VERSION_MISMATCH_CODE,
} from "../plugin/request.ts";
import { VERSION } from "../version.ts";
import type { PoolHost } from "../xapi/inventory/hosts.ts";
import { formatCallError } from "../xapi/rpc/errors.ts";
import type { CallError } from "../xapi/rpc/reply.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { type HostAnswer, parseHostAnswer } from "./host-answer.ts";
import type { Pool } from "./pool.ts";

/** Why a host gave no report. */
export interface HostFailure {
  readonly state: Exclude<HostState, "ok" | "partial">;
  readonly message: string;
  /** Commands, to be run on that host, that would fix it. */
  readonly advice: readonly string[];
}

/** What a host answered, or why it did not. */
export type HostReply =
  | { readonly ok: true; readonly answer: HostAnswer }
  | { readonly ok: false; readonly reason: HostFailure };

/** What a host is asked to run, and for how long it is waited for. */
export interface HostCommand {
  readonly command: PoolCommand;
  readonly args: readonly string[];
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/**
 * Has a host run a command: `host.call_plugin`, which every member passes on to the coordinator and the
 * coordinator to the host in question (message_forwarding.ml Host.call_plugin). XAPI sets it no time
 * limit and delivers it whenever the host is back, whatever the caller did. So each call has a session of
 * its own, which is logged out as soon as nobody waits any more: without it the host refuses the call.
 */
export async function callHost(pool: Pool, host: PoolHost, command: HostCommand): Promise<HostReply> {
  try {
    const session = await XapiSession.open(pool.session.hostUuid, pool.session.socket);
    try {
      return await callPlugin(session, pool, host, command);
    } finally {
      await session.close();
    }
  } catch (error) {
    return createFailureReply("failed", asCommandError(error).message);
  }
}

async function callPlugin(
  session: XapiSession,
  pool: Pool,
  host: PoolHost,
  { command, args, timeoutSeconds, signal }: HostCommand,
): Promise<HostReply> {
  const ownSession = await session.readSessionUuid();
  const request = formatRequest({
    version: VERSION,
    host: host.uuid,
    command,
    args: [...args],
    session: ownSession,
    run: pool.runId,
    deadline: pool.getCoordinatorTimeAfter(timeoutSeconds * 1000),
    halted: host.uuid === pool.local.uuid,
  });
  const params = { [PLUGIN_ARGUMENT]: request };
  const limits = { timeoutSeconds, signal };
  const call = ["host.call_plugin", host.ref, PLUGIN_NAME, PLUGIN_FUNCTION, params] as const;
  const reply = await session.callWithTimeout(limits, ...call);
  if (!reply.ok) return toFailureReply(reply.error, signal);
  const answer = parseHostAnswer(reply.value);
  return answer === null
    ? createFailureReply("failed", "its plugin's answer is not understood; is it offload's?")
    : { ok: true, answer };
}

/** Errors by which XAPI says that it cannot get through to a host (message_forwarding.ml, xapi.ml). */
const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  "HOST_OFFLINE",
  "CANNOT_CONTACT_HOST",
  "HOST_NOT_LIVE",
  "HOST_STILL_BOOTING",
  "HOST_HAS_NO_MANAGEMENT_IP",
  "HOST_MASTER_CANNOT_TALK_BACK",
  "HOST_UNKNOWN_TO_MASTER",
  "HOST_BROKEN",
  "TLS_CONNECTION_FAILED",
]);

const NOT_INSTALLED_MESSAGE = `XAPI finds no ${PLUGIN_PATH} there; install offload on that host, or only the link where offload is there already`;

const LINK_COMMAND = `ln -s /usr/local/bin/offload ${PLUGIN_PATH}`;

function toFailureReply(error: CallError, signal: AbortSignal): HostReply {
  if (signal.aborted) {
    return createFailureReply("unreachable", "interrupted before it answered; it may have changed something");
  }
  if (error.kind === "timeout") {
    const message = `no answer within ${error.timeoutSeconds} seconds; it may have changed something`;
    return createFailureReply("unreachable", message);
  }
  if (error.kind !== "refused") {
    return createFailureReply("failed", `${formatCallError(error)}; it may have changed something`);
  }
  const { code, params } = error;
  if (UNREACHABLE_CODES.has(code)) return createFailureReply("unreachable", `XAPI cannot reach it (${code})`);
  switch (code) {
    case "XENAPI_MISSING_PLUGIN":
      return createFailureReply("plugin-missing", NOT_INSTALLED_MESSAGE, LINK_COMMAND);
    case VERSION_MISMATCH_CODE: {
      const message = `offload ${createExcerpts(params.slice(0, 1)).join("")} is installed there, and ${VERSION} here; install the same version on every host`;
      return createFailureReply("version-mismatch", message);
    }
    case REFUSED_CODE:
      return createFailureReply("failed", createExcerpts(params.slice(1)).join("; "));
    case "XENAPI_PLUGIN_FAILURE":
      return createFailureReply("failed", `its plugin failed: ${createExcerpts(params).join("; ")}`);
    default:
      return createFailureReply("failed", `XAPI refused: ${createExcerpts([code, ...params]).join(" ")}`);
  }
}

/** How much is repeated of what a program has written, in characters. */
const MAX_EXCERPT_CHARS = 200;

/** What a plugin wrote may be anything, of any length; references mean nothing to people. */
function createExcerpts(parts: readonly string[]): readonly string[] {
  return parts.flatMap((part) => {
    const line = part
      .replaceAll(/OpaqueRef:[\w-]+/g, "")
      .trim()
      .replaceAll(/\s+/g, " ");
    if (line === "") return [];
    return [line.length > MAX_EXCERPT_CHARS ? `${line.slice(0, MAX_EXCERPT_CHARS)}…` : line];
  });
}

function createFailureReply(state: HostFailure["state"], message: string, ...advice: string[]): HostReply {
  return { ok: false, reason: { state, message, advice } };
}
