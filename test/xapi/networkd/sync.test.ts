import { describe, expect, test } from "bun:test";
import { unavailableError } from "../../../src/core/command-error.ts";
import { syncNetworkd } from "../../../src/xapi/networkd/sync.ts";

const answers = (exitCode: number, stdout: string) => () => ({ exitCode, stdout, stderr: "" });

describe("syncing networkd.db", () => {
  test("calls networkd through the message switch, bounded in time", () => {
    const calls: unknown[] = [];
    syncNetworkd((...call) => {
      calls.push(call);
      return { exitCode: 0, stdout: "", stderr: "" };
    });
    const body = '{"method":"Network.sync_state","params":[null],"id":1}';
    const args = ["call", "org.xen.xapi.networkd", "--body", body, "--timeout", "5"];
    expect(calls).toEqual([["message-cli", args, 6000]]);
  });

  test("succeeds when networkd answers without an error", () => {
    expect(syncNetworkd(answers(0, '{"result":null,"error":null,"id":1}\n'))).toBe(true);
  });

  test.each([
    ["networkd answers an error", answers(0, '{"result":null,"error":["Unknown_RPC"],"id":1}')],
    ["the answer is no JSON", answers(0, "Timeout")],
    ["there is no answer", answers(0, "")],
    ["message-cli fails", answers(1, '{"result":null,"error":null,"id":1}')],
    [
      "message-cli is missing",
      () => {
        throw unavailableError("program-missing", "not installed");
      },
    ],
  ])("fails when %s", (_, run) => {
    expect(syncNetworkd(run)).toBe(false);
  });
});
