import { describe, expect, test } from "bun:test";
import { formatCallError, toXapiError } from "../../../src/xapi/rpc/errors.ts";
import type { CallError } from "../../../src/xapi/rpc/reply.ts";
import { failureOf } from "../../builders/hosts.ts";

function refused(code: string, ...params: readonly string[]): CallError {
  return { kind: "refused", code, params };
}

function failure(error: CallError, during: "login" | "read" = "read") {
  return failureOf(() => {
    throw toXapiError(error, during);
  });
}

const KINDS: readonly (readonly [CallError, string])[] = [
  [{ kind: "unreachable", reason: "its socket does not exist" }, "xapi-unreachable"],
  [{ kind: "timeout", method: "VM.get_record", timeoutSeconds: 20 }, "xapi-timeout"],
  [{ kind: "bad-response", status: 200, reason: "not JSON" }, "xapi-bad-response"],
  [refused("HOST_STILL_BOOTING"), "xapi-starting"],
  [refused("HOST_MASTER_CANNOT_TALK_BACK", "10.0.0.1"), "emergency-mode"],
  [refused("HOST_HAS_NO_MANAGEMENT_IP"), "xapi-starting"],
  [refused("HOST_UNKNOWN_TO_MASTER"), "emergency-mode"],
  [refused("HOST_ITS_OWN_SLAVE"), "emergency-mode"],
  [refused("HOST_BROKEN"), "emergency-mode"],
  [refused("HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR"), "emergency-mode"],
  [refused("HOST_NOT_FOUND", "c269d904"), "host-not-in-xapi"],
  [refused("SESSION_INVALID", "x"), "xapi-refused"],
  [refused("toString"), "xapi-refused"],
];

function nameOf(error: CallError): string {
  return error.kind === "refused" ? error.code : error.kind;
}

describe("XAPI errors as command errors", () => {
  test.each(KINDS.map(([error, code]) => [nameOf(error), code, error] as const))("map %s to %s", (_, code, error) => {
    expect(failure(error)).toMatchObject({ kind: "unavailable", code });
    expect(failure(error, "login")).toMatchObject({ kind: "unavailable", code });
  });

  test("take one line without a final period", () => {
    for (const [error] of KINDS) {
      const { message } = failure(error);
      expect(message).toMatch(/^[^\n]+[^.\n]$/);
      expect(message.length).toBeLessThan(250);
    }
  });

  test("say what is wrong and what to do", () => {
    expect(failure({ kind: "unreachable", reason: "its socket does not exist" }).message).toBe(
      "XAPI does not answer: its socket does not exist; start it with xe-toolstack-restart, or a device of this host can be named with --live-only, which needs no XAPI",
    );
    const silent: CallError = { kind: "timeout", method: "VM.get_record", timeoutSeconds: 20 };
    expect(failure(silent).message).toBe(
      "XAPI gave no reply to VM.get_record in 20 seconds; see xe-toolstack-restart, or a device of this host can be named with --live-only, which needs no XAPI",
    );
    expect(failure(refused("HOST_STILL_BOOTING")).message).toContain("xapi-wait-init-complete");
    expect(failure(refused("HOST_BROKEN")).message).toContain("(HOST_BROKEN)");
    expect(failure(refused("HOST_NOT_FOUND", "c269d904")).message).toContain("c269d904");
    expect(failure(refused("RBAC_PERMISSION_DENIED", "pif.set", "no")).message).toBe(
      "XAPI refused: RBAC_PERMISSION_DENIED pif.set no",
    );
  });

  test("take an unknown host for a XAPI that starts at a login, and for a refusal later", () => {
    const unknown = refused("UUID_INVALID", "host", "c269d904-1d75-474f-a7fb-84dbc48a51d5");
    expect(failure(unknown, "login").code).toBe("xapi-starting");
    expect(failure(unknown, "login").message).toContain("still starting");
    expect(failure(unknown, "read").code).toBe("xapi-refused");
  });

  test("map HTTP 500 to a bad response outside a pool member", () => {
    for (const during of ["login", "read"] as const) {
      const error: CallError = { kind: "bad-response", status: 500, reason: "HTTP 500" };
      expect(failure(error, during)).toMatchObject({ code: "xapi-bad-response" });
      expect(failure(error, during).message).toContain("HTTP 500");
    }
  });
});

test("format an error inside a sentence", () => {
  const errors: readonly CallError[] = [
    { kind: "unreachable", reason: "it closed the connection" },
    { kind: "timeout", method: "VM.get_record", timeoutSeconds: 3 },
    { kind: "bad-response", status: 500, reason: "HTTP 500" },
    refused("HANDLE_INVALID", "VIF", "x"),
    refused("MESSAGE_REMOVED"),
  ];
  expect(errors.map(formatCallError)).toEqual([
    "XAPI does not answer: it closed the connection",
    "XAPI gave no reply to VM.get_record in 3 seconds",
    "XAPI's reply makes no sense: HTTP 500",
    "HANDLE_INVALID VIF x",
    "MESSAGE_REMOVED",
  ]);
});

test("never show handles, because a session's is a secret", () => {
  const error = refused("SESSION_INVALID", "OpaqueRef:68cf8444-0ac2-a1c7-f7c2-4498e6debd92");
  expect(formatCallError(error)).toBe("SESSION_INVALID");
  expect(failure(error).message).toBe("XAPI refused: SESSION_INVALID");
  const other = refused("MAP_DUPLICATE_KEY", "VIF", "other_config", "OpaqueRef:0ac2", "ethtool-tx");
  expect(formatCallError(other)).toBe("MAP_DUPLICATE_KEY VIF other_config ethtool-tx");
});
