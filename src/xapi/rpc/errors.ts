import { type Result, unavailable } from "../../core/result.ts";
import { isOlderThan82, readCoordinator } from "../host-files.ts";
import type { CallError } from "./reply.ts";

const WITHOUT_XAPI = "a device of this host can be named with --live-only, which needs no XAPI";

/** What a pool member says in emergency mode, beside HOST_STILL_BOOTING (xapi.ml). */
const EMERGENCY: ReadonlySet<string> = new Set([
  "HOST_HAS_NO_MANAGEMENT_IP",
  "HOST_MASTER_CANNOT_TALK_BACK",
  "HOST_UNKNOWN_TO_MASTER",
  "HOST_ITS_OWN_SLAVE",
  "HOST_BROKEN",
  "HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR",
]);

/** The failure of a command that XAPI's error means; `during` tells a login from what follows it. */
export function asFailure(error: CallError, during: "login" | "read"): Result<never> {
  switch (error.kind) {
    case "unreachable":
      return unavailable(
        "xapi-unreachable",
        `XAPI does not answer: ${error.because}; start it with xe-toolstack-restart, or ${WITHOUT_XAPI}`,
      );
    case "silent":
      return unavailable(
        "xapi-silent",
        `${sentenceOf(error)}; ${silenceAdvice()}, or ${WITHOUT_XAPI}`,
      );
    case "broken":
      return brokenReply(error, during);
    case "refused":
      return refusal(error);
  }
}

/** Every call on a member hangs while its coordinator's xapi is away, the login too. */
function silenceAdvice(): string {
  const coordinator = readCoordinator();
  return coordinator === null
    ? "see xe-toolstack-restart"
    : `this is a pool member: look at its coordinator (${coordinator})`;
}

/**
 * Before xapi 1.230 a member sends JSON calls on to its coordinator as XML, and answers HTTP 500
 * (CA-336258); logging in works there all the same, for that is done by the member itself.
 */
function brokenReply(
  { status, because }: Extract<CallError, { kind: "broken" }>,
  during: "login" | "read",
): Result<never> {
  const coordinator =
    during === "read" && status === 500 && isOlderThan82() ? readCoordinator() : null;
  if (coordinator !== null) {
    return unavailable(
      "old-pool-member",
      `this pool member runs a XAPI older than 8.2, which cannot hand these calls to its coordinator; run offload on the coordinator (${coordinator}) for the settings, and here with --live-only`,
    );
  }
  return unavailable(
    "xapi-broken-reply",
    `XAPI's reply makes no sense: ${because}; see /var/log/xensource.log, or ${WITHOUT_XAPI}`,
  );
}

function refusal({ code, params }: Extract<CallError, { kind: "refused" }>): Result<never> {
  if (code === "HOST_STILL_BOOTING") {
    return unavailable(
      "xapi-starting",
      "XAPI is still starting; wait for it with: /opt/xensource/bin/xapi-wait-init-complete 300",
    );
  }
  if (EMERGENCY.has(code)) {
    return unavailable(
      "emergency-mode",
      `this pool member is in emergency mode (${code}); bring back its coordinator, or ${WITHOUT_XAPI}`,
    );
  }
  if (code === "HOST_NOT_FOUND") {
    return unavailable(
      "host-unknown-to-xapi",
      `XAPI knows no host ${params[0] ?? ""}, which /etc/xensource-inventory says this is`,
    );
  }
  return unavailable("xapi-refused", `XAPI refused: ${wordsOf(code, params)}`);
}

/** An error in the middle of the work, as part of a sentence. */
export function sentenceOf(error: CallError): string {
  switch (error.kind) {
    case "unreachable":
      return `XAPI does not answer: ${error.because}`;
    case "silent":
      return `XAPI gave no reply to ${error.method} in ${error.seconds} seconds`;
    case "broken":
      return `XAPI's reply makes no sense: ${error.because}`;
    case "refused":
      return wordsOf(error.code, error.params);
  }
}

/** Handles are left out: they mean nothing to anybody, and a session's is a secret. */
function wordsOf(code: string, params: readonly string[]): string {
  const words = [code, ...params.map((param) => param.replaceAll(/OpaqueRef:[\w-]*/g, "").trim())];
  return words.filter((word) => word !== "").join(" ");
}
