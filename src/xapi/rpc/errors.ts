import { type CommandError, unavailableError } from "../../core/command-error.ts";
import { isOlderThan82, readCoordinatorAddress } from "../host-files.ts";
import type { CallError } from "./reply.ts";

const LIVE_ONLY_HINT = "a device of this host can be named with --live-only, which needs no XAPI";

/**
 * What XAPI says while it starts. A coordinator whose database is not loaded yet does not find its own record, for
 * some tenths of a second; a member's management interface has no address yet (seen).
 */
const STARTING_MESSAGES: ReadonlyMap<string, string> = new Map([
  ["HOST_STILL_BOOTING", "XAPI is still starting"],
  ["UUID_INVALID", "XAPI is still starting and does not find its own host yet"],
  ["HOST_HAS_NO_MANAGEMENT_IP", "XAPI is still starting: its management interface has no address yet"],
]);

/** What a pool member says in emergency mode (xapi.ml). */
const EMERGENCY_MODE_CODES: ReadonlySet<string> = new Set([
  "HOST_MASTER_CANNOT_TALK_BACK",
  "HOST_UNKNOWN_TO_MASTER",
  "HOST_ITS_OWN_SLAVE",
  "HOST_BROKEN",
  "HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR",
]);

/** The failure of a command that XAPI's error means; `during` tells a login from what follows it. */
export function toXapiError(error: CallError, phase: "login" | "read"): CommandError {
  switch (error.kind) {
    case "unreachable":
      return unavailableError(
        "xapi-unreachable",
        `XAPI does not answer: ${error.reason}; start it with xe-toolstack-restart, or ${LIVE_ONLY_HINT}`,
      );
    case "timeout":
      return unavailableError(
        "xapi-timeout",
        `${formatCallError(error)}; ${formatTimeoutHint()}, or ${LIVE_ONLY_HINT}`,
      );
    case "bad-response":
      return createBadResponseError(error, phase);
    case "refused":
      return createRefusedError(error, phase);
  }
}

/** Every call on a member hangs while its coordinator's xapi is away, the login too. */
function formatTimeoutHint(): string {
  const coordinator = readCoordinatorAddress();
  return coordinator === null
    ? "see xe-toolstack-restart"
    : `a pool member's XAPI hangs while its coordinator (${coordinator}) is away: look there`;
}

/**
 * Before xapi 1.230 a member sends JSON calls on to its coordinator as XML, and answers HTTP 500
 * (CA-336258); logging in works there all the same, for that is done by the member itself.
 */
function createBadResponseError(
  { status, reason }: Extract<CallError, { kind: "bad-response" }>,
  phase: "login" | "read",
): CommandError {
  const coordinator = phase === "read" && status === 500 && isOlderThan82() ? readCoordinatorAddress() : null;
  if (coordinator !== null) {
    return unavailableError(
      "old-pool-member",
      `this pool member runs a XAPI older than 8.2, which cannot hand these calls to its coordinator; run offload on the coordinator (${coordinator}) for the settings, and here with --live-only`,
    );
  }
  return unavailableError(
    "xapi-bad-response",
    `XAPI's reply makes no sense: ${reason}; see /var/log/xensource.log, or ${LIVE_ONLY_HINT}`,
  );
}

function createRefusedError(
  { code, params }: Extract<CallError, { kind: "refused" }>,
  phase: "login" | "read",
): CommandError {
  // A login names no object but XAPI's own host.
  const starting = code !== "UUID_INVALID" || phase === "login" ? STARTING_MESSAGES.get(code) : undefined;
  if (starting !== undefined) {
    return unavailableError(
      "xapi-starting",
      `${starting}; wait for it with: /opt/xensource/bin/xapi-wait-init-complete 300`,
    );
  }
  if (EMERGENCY_MODE_CODES.has(code)) {
    return unavailableError(
      "emergency-mode",
      `this pool member is in emergency mode (${code}); bring back its coordinator, or ${LIVE_ONLY_HINT}`,
    );
  }
  if (code === "HOST_NOT_FOUND") {
    return unavailableError(
      "host-not-in-xapi",
      `XAPI knows no host ${params[0] ?? ""}, which /etc/xensource-inventory says this is`,
    );
  }
  return unavailableError("xapi-refused", `XAPI refused: ${formatErrorCode(code, params)}`);
}

/** An error in the middle of the work, as part of a sentence. */
export function formatCallError(error: CallError): string {
  switch (error.kind) {
    case "unreachable":
      return `XAPI does not answer: ${error.reason}`;
    case "timeout":
      return `XAPI gave no reply to ${error.method} in ${error.timeoutSeconds} seconds`;
    case "bad-response":
      return `XAPI's reply makes no sense: ${error.reason}`;
    case "refused":
      return formatErrorCode(error.code, error.params);
  }
}

/** Handles are left out: they mean nothing to anybody, and a session's is a secret. */
function formatErrorCode(code: string, params: readonly string[]): string {
  const parts = [code, ...params.map((param) => param.replaceAll(/OpaqueRef:[\w-]*/g, "").trim())];
  return parts.filter((word) => word !== "").join(" ");
}
