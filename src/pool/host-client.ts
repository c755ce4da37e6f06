import type { HostState } from "../core/report.ts";
import { PLUGIN_NAME, PLUGIN_PATH } from "../plugin/place.ts";
import {
  ARGUMENT,
  FUNCTION,
  formatRequest,
  type PoolCommand,
  REFUSED,
  VERSION_MISMATCH,
} from "../plugin/request.ts";
import { VERSION } from "../version.ts";
import type { PoolHost } from "../xapi/inventory/hosts.ts";
import { sentenceOf } from "../xapi/rpc/errors.ts";
import type { CallError } from "../xapi/rpc/reply.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { type HostAnswer, parseHostAnswer } from "./host-document.ts";
import type { Pool } from "./hosts.ts";

/** Why a host gave no report. */
export interface NoAnswer {
  readonly state: Exclude<HostState, "ok" | "partial">;
  readonly message: string;
  /** Commands, to be run on that host, that would fix it. */
  readonly advice: readonly string[];
}

/** What a host answered, or why it did not. */
export type HostReply =
  | { readonly ok: true; readonly answer: HostAnswer }
  | { readonly ok: false; readonly reason: NoAnswer };

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
export async function callHost(
  pool: Pool,
  host: PoolHost,
  command: HostCommand,
): Promise<HostReply> {
  const opened = await XapiSession.open(pool.session.hostUuid, pool.session.socket);
  if (!opened.ok) return noAnswer("failed", joinMessages(opened.failures));
  const session = opened.value;
  try {
    return await callWithin(session, pool, host, command);
  } finally {
    await session.close();
  }
}

async function callWithin(
  session: XapiSession,
  pool: Pool,
  host: PoolHost,
  { command, args, timeoutSeconds: seconds, signal }: HostCommand,
): Promise<HostReply> {
  const own = await session.ownUuid();
  if (!own.ok) return noAnswer("failed", joinMessages(own.failures));
  const request = formatRequest({
    version: VERSION,
    host: host.uuid,
    command,
    args: [...args],
    session: own.value,
    run: pool.run,
    deadline: pool.timeAfter(seconds * 1000),
    halted: host.uuid === pool.local.uuid,
  });
  if (!request.ok) return noAnswer("failed", joinMessages(request.failures));
  const params = { [ARGUMENT]: request.value };
  const patience = { seconds, signal };
  const call = ["host.call_plugin", host.ref, PLUGIN_NAME, FUNCTION, params] as const;
  const reply = await session.callFor(patience, ...call);
  if (!reply.ok) return explain(reply.error, signal);
  const answer = parseHostAnswer(reply.value);
  return answer === null
    ? noAnswer("failed", "its plugin's answer is not understood; is it offload's?")
    : { ok: true, answer };
}

/** Errors by which XAPI says that it cannot get through to a host (message_forwarding.ml, xapi.ml). */
const UNREACHABLE: ReadonlySet<string> = new Set([
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

const NOT_INSTALLED = `XAPI finds no ${PLUGIN_PATH} there; install offload on that host, or only the link where offload is there already`;

const LINK_IT = `ln -s /usr/local/bin/offload ${PLUGIN_PATH}`;

function explain(error: CallError, signal: AbortSignal): HostReply {
  if (signal.aborted) {
    return noAnswer("unreachable", "interrupted before it answered; it may have changed something");
  }
  if (error.kind === "silent") {
    const message = `no answer within ${error.seconds} seconds; it may have changed something`;
    return noAnswer("unreachable", message);
  }
  if (error.kind !== "refused") {
    return noAnswer("failed", `${sentenceOf(error)}; it may have changed something`);
  }
  const { code, params } = error;
  if (UNREACHABLE.has(code)) return noAnswer("unreachable", `XAPI cannot reach it (${code})`);
  switch (code) {
    case "XENAPI_MISSING_PLUGIN":
      return noAnswer("plugin-missing", NOT_INSTALLED, LINK_IT);
    case VERSION_MISMATCH: {
      const message = `offload ${params[0] ?? ""} is installed there, and ${VERSION} here; install the same version on every host`;
      return noAnswer("version-mismatch", message);
    }
    case REFUSED:
      return noAnswer("failed", excerpts(params.slice(1)).join("; "));
    case "XENAPI_PLUGIN_FAILURE":
      return noAnswer("failed", `its plugin failed: ${excerpts(params).join("; ")}`);
    default:
      return noAnswer("failed", `XAPI refused: ${excerpts([code, ...params]).join(" ")}`);
  }
}

/** How much is repeated of what a program has written, in characters. */
const MAX_EXCERPT = 200;

/** What a plugin wrote may be anything, of any length; references mean nothing to people. */
function excerpts(parts: readonly string[]): readonly string[] {
  return parts.flatMap((part) => {
    const line = part
      .replaceAll(/OpaqueRef:[\w-]+/g, "")
      .trim()
      .replaceAll(/\s+/g, " ");
    if (line === "") return [];
    return [line.length > MAX_EXCERPT ? `${line.slice(0, MAX_EXCERPT)}…` : line];
  });
}

function noAnswer(state: NoAnswer["state"], message: string, ...advice: string[]): HostReply {
  return { ok: false, reason: { state, message, advice } };
}

function joinMessages(failures: readonly { readonly message: string }[]): string {
  return failures.map(({ message }) => message).join("; ");
}
