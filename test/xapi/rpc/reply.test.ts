import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { type CallResult, parseReply } from "../../../src/xapi/rpc/reply.ts";
import { recordedReplies } from "../../fakes/recorded-xapi.ts";

function read(document: unknown) {
  return parseReply(200, JSON.stringify(document));
}

function refused(code: string, ...params: readonly string[]): CallResult {
  return { ok: false, error: { kind: "refused", code, params } };
}

describe("a reply of JSON-RPC 1.0", () => {
  test("contains a value beside a null error", () => {
    expect(read({ result: ["OpaqueRef:1"], error: null, id: 3 })).toEqual({
      ok: true,
      value: ["OpaqueRef:1"],
    });
  });

  test("contains an error code and its parameters in an array", () => {
    expect(read({ result: null, error: ["HANDLE_INVALID", "VIF", "x"], id: 0 })).toEqual(
      refused("HANDLE_INVALID", "VIF", "x"),
    );
    expect(read({ result: null, error: ["MESSAGE_REMOVED"], id: 0 })).toEqual(refused("MESSAGE_REMOVED"));
  });
});

describe("a reply of JSON-RPC 2.0", () => {
  test("contains a value and no error", () => {
    expect(read({ jsonrpc: "2.0", result: "", id: 3 })).toEqual({ ok: true, value: "" });
  });

  test("contains the error code as message and its parameters as data", () => {
    const error = { code: 1, message: "MAP_DUPLICATE_KEY", data: ["VIF", "other_config", "x"] };
    expect(read({ jsonrpc: "2.0", error, id: 3 })).toEqual(refused("MAP_DUPLICATE_KEY", "VIF", "other_config", "x"));
    expect(read({ jsonrpc: "2.0", error: { code: 1, message: "X" }, id: 3 })).toEqual(refused("X"));
    expect(read({ jsonrpc: "2.0", error: { code: 1, message: "X", data: "?" } })).toEqual(refused("X"));
  });
});

describe("the shape of a reply", () => {
  test("may be 2.0 with an error of 1.0", () => {
    expect(read({ jsonrpc: "2.0", error: ["HOST_STILL_BOOTING"], id: 0 })).toEqual(refused("HOST_STILL_BOOTING"));
  });

  test("may be 1.0 with an error of 2.0", () => {
    expect(read({ result: null, error: { code: 1, message: "X", data: ["a"] }, id: 0 })).toEqual(refused("X", "a"));
  });

  test("may have any id, because 7.x always answers 0", () => {
    for (const id of [0, 99, "x", null, undefined]) {
      expect(read({ result: 1, error: null, id })).toEqual({ ok: true, value: 1 });
    }
  });

  test("may contain false, 0, an empty string or null as the value", () => {
    for (const value of [false, 0, "", [], {}, null]) {
      expect(read({ result: value, error: null, id: 0 })).toEqual({ ok: true, value });
    }
  });

  test("counts as an error when it has error and result", () => {
    expect(read({ result: "something", error: ["X"], id: 0 })).toEqual(refused("X"));
  });
});

describe("a broken reply is refused with its reason", () => {
  test.each([
    [500, "<html><body>Internal error</body></html>", "HTTP 500"],
    [404, "", "HTTP 404"],
    [500, '{"result":1,"error":null,"id":0}', "HTTP 500"],
    [200, "", "not JSON"],
    [200, '{"result": [1, 2', "not JSON"],
    [200, "  <?xml version='1.0'?><methodResponse/>", "HTML instead of JSON"],
    [200, "null", "not a JSON-RPC reply"],
    [200, "17", "not a JSON-RPC reply"],
    [200, '"text"', "not a JSON-RPC reply"],
    [200, '{"error": 5}', "not a JSON-RPC reply"],
    [200, '{"error": []}', "not a JSON-RPC reply"],
    [200, '{"error": [1, 2]}', "not a JSON-RPC reply"],
    [200, '{"error": {"code": 1}}', "not a JSON-RPC reply"],
    [200, "{}", "neither result nor error"],
    [200, "[]", "neither result nor error"],
    [200, '{"error": null, "id": 0}', "neither result nor error"],
  ])("when it is HTTP %i with %p", (status, body, reason) => {
    expect(parseReply(status, body)).toEqual({
      ok: false,
      error: { kind: "bad-response", status, reason },
    });
  });
});

const Recorded = v.union([
  v.object({ error: v.tupleWithRest([v.string()], v.string()) }),
  v.object({ error: v.object({ message: v.string(), data: v.array(v.string()) }) }),
  v.looseObject({ result: v.unknown() }),
]);

describe("replies of a real xapi", () => {
  const replies = recordedReplies();
  const json = replies.filter(({ status, body }) => status === 200 && body.startsWith("{"));
  const others = replies.filter((reply) => !json.includes(reply));

  test("exist in all kinds", () => {
    expect(replies.length).toBeGreaterThan(270);
    expect(json.length).toBeGreaterThan(200);
    expect(others.length).toBeGreaterThan(10);
    expect(others.some(({ status }) => status === 500)).toBe(true);
    expect(others.some(({ body }) => body.startsWith("<?xml"))).toBe(true);
  });

  test.each(json.map((reply) => [reply.name, reply] as const))("are parsed: %s", (_, reply) => {
    const document = v.parse(Recorded, JSON.parse(reply.body));
    const answer = parseReply(reply.status, reply.body);
    if ("result" in document) {
      expect(answer).toEqual({ ok: true, value: document.result });
    } else if ("message" in document.error) {
      expect(answer).toEqual(refused(document.error.message, ...document.error.data));
    } else {
      const [code, ...params] = document.error;
      expect(answer).toEqual(refused(code, ...params));
    }
  });

  test.each(others.map((reply) => [reply.name, reply] as const))("are refused when damaged: %s", (_, reply) => {
    expect(parseReply(reply.status, reply.body)).toMatchObject({
      ok: false,
      error: { kind: "bad-response", status: reply.status },
    });
  });
});
