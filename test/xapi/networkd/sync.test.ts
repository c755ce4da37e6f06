import { describe, expect, test } from "bun:test";
import { unavailableError } from "../../../src/core/command-error.ts";
import { syncNetworkd } from "../../../src/xapi/networkd/sync.ts";

const answers = (exitCode: number, stdout: string) => async () => ({ exitCode, stdout, stderr: "", problem: null });

describe("syncing networkd.db", () => {
  test("calls networkd through the message switch, bounded in time", async () => {
    const calls: unknown[] = [];
    await syncNetworkd(async (...call) => {
      calls.push(call);
      return { exitCode: 0, stdout: "", stderr: "", problem: null };
    });
    const body = '{"method":"Network.sync_state","params":[null],"id":1}';
    const args = ["call", "org.xen.xapi.networkd", "--body", body, "--timeout", "5"];
    expect(calls).toEqual([["message-cli", args, { timeoutMs: 6000 }]]);
  });

  test("succeeds when networkd answers without an error", async () => {
    expect(await syncNetworkd(answers(0, '{"result":null,"error":null,"id":1}\n'))).toBe(true);
  });

  test.each([
    ["networkd answers an error", answers(0, '{"result":null,"error":["Unknown_RPC"],"id":1}')],
    ["the answer is no JSON", answers(0, "Timeout")],
    ["there is no answer", answers(0, "")],
    ["message-cli fails", answers(1, '{"result":null,"error":null,"id":1}')],
    [
      "message-cli is missing",
      async () => {
        throw unavailableError("program-missing", "not installed");
      },
    ],
  ])("fails when %s", async (_, run) => {
    expect(await syncNetworkd(run)).toBe(false);
  });
});
