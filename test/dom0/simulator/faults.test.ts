import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Fault } from "./control.ts";
import { exchange, post } from "./raw-client.ts";
import { failure, result, SMALL_DATABASE, startTestSimulator, type TestSimulator } from "./test-simulator.ts";

let simulator: TestSimulator;
let session: string;

beforeEach(async () => {
  simulator = startTestSimulator();
  session = await simulator.login();
});
afterEach(() => simulator.stop());

const body = (version: "1.0" | "2.0", method: string, params: string[]) =>
  JSON.stringify({ ...(version === "2.0" && { jsonrpc: "2.0" }), id: 7, method, params });
const getAll = () => simulator.rpc("VM.get_all", session);
const ALL = result(["OpaqueRef:vm"]);

describe("a fault of the reply", () => {
  test.each([
    ["http500", "HTTP/1.1 500 Internal Error"],
    ["html", "HTTP/1.1 200 OK"],
  ] as const)("%s sends a page instead of JSON", async (fault, status) => {
    await simulator.control.fault({ fault });
    const reply = await post(simulator.socket, body("2.0", "VM.get_all", [session]));
    expect(reply).toEqual({ status, body: expect.stringMatching(/^<html>/) });
  });

  test("half ends in the middle of the reply, after the call was done", async () => {
    await simulator.control.fault({ fault: "half" });
    const params = [session, "OpaqueRef:vif0", "k", "v"];
    const text = body("2.0", "VIF.add_to_other_config", params);
    const head = `POST /jsonrpc HTTP/1.1\r\nContent-Length: ${text.length}\r\n\r\n`;
    const reply = await exchange(simulator.socket, head + text);
    expect(reply.closed).toBe(true);
    expect(reply.text).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(reply.text).not.toContain("}");
    const database = await simulator.control.database();
    expect(database["VIF"]?.["OpaqueRef:vif0"]?.["other_config"]).toEqual({ k: "v" });
  });

  test("silence answers nothing and keeps the connection", async () => {
    await simulator.control.fault({ fault: "silence" });
    const text = body("2.0", "VM.get_all", [session]);
    const head = `POST /jsonrpc HTTP/1.1\r\nContent-Length: ${text.length}\r\n\r\n`;
    expect(await exchange(simulator.socket, head + text)).toEqual({ text: "", closed: false });
  });

  test("error sends an API error with code and parameters", async () => {
    await simulator.control.fault({ fault: "error", code: "RBAC_PERMISSION_DENIED", params: ["x"] });
    expect(await getAll()).toEqual(failure("RBAC_PERMISSION_DENIED", "x"));
  });

  test("slow sends the usual answer later", async () => {
    await simulator.control.fault({ fault: "slow", ms: 40 });
    const start = performance.now();
    expect(await getAll()).toEqual(ALL);
    expect(performance.now() - start).toBeGreaterThanOrEqual(39);
  });
});

describe("the options of a fault", () => {
  const error: Fault = { fault: "error", code: "X" };

  test("let the first calls through with after", async () => {
    await simulator.control.fault({ ...error, after: 2 });
    expect([await getAll(), await getAll(), await getAll()]).toEqual([ALL, ALL, failure("X")]);
  });

  test("end it with times", async () => {
    await simulator.control.fault({ ...error, times: 1 });
    expect([await getAll(), await getAll()]).toEqual([failure("X"), ALL]);
  });

  test("limit it to calls of one method, which alone are counted", async () => {
    await simulator.control.fault({ ...error, method: "host.get_all", after: 1 });
    const getHosts = () => simulator.rpc("host.get_all", session);
    expect([await getAll(), await getAll()]).toEqual([ALL, ALL]);
    expect([await getHosts(), await getHosts()]).toEqual([result(["OpaqueRef:h"]), failure("X")]);
  });

  test("do not outlast none, which ends it", async () => {
    await simulator.control.fault(error);
    await simulator.control.fault({ fault: "none" });
    expect(await getAll()).toEqual(ALL);
  });

  test("list its calls as failed", async () => {
    await simulator.control.clearCalls();
    await simulator.control.fault({ fault: "html" });
    await post(simulator.socket, body("2.0", "VM.get_all", [session]));
    expect(await simulator.control.calls()).toMatchObject([{ method: "VM.get_all", ok: false }]);
  });
});

describe("a fault of the socket", () => {
  test("die removes the socket, and none restores it with its sessions", async () => {
    await simulator.control.fault({ fault: "die" });
    expect(existsSync(simulator.socket)).toBe(false);
    await expect(getAll()).rejects.toMatchObject({ code: "ENOENT" });
    await simulator.control.fault({ fault: "none" });
    expect(await getAll()).toEqual(ALL);
  });

  test("die during a call ends its connection without a reply", async () => {
    await simulator.control.fault({ fault: "die", after: 1 });
    expect(await getAll()).toEqual(ALL);
    const reply = await post(simulator.socket, body("2.0", "VM.get_all", [session]));
    expect(reply).toEqual({ status: "", body: "" });
    expect(existsSync(simulator.socket)).toBe(false);
  });

  test("refuse keeps the file and refuses connections", async () => {
    await simulator.control.fault({ fault: "refuse" });
    expect(existsSync(simulator.socket)).toBe(true);
    await expect(getAll()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await simulator.control.fault({ fault: "none" });
    expect(await getAll()).toEqual(ALL);
  });
});

describe("a mode", () => {
  const login = (version: "1.0" | "2.0") =>
    post(simulator.socket, body(version, "session.login_with_password", ["root", ""]));

  test.each([
    [{ fault: "starting" }, ["HOST_STILL_BOOTING"]],
    [{ fault: "emergency" }, ["HOST_MASTER_CANNOT_TALK_BACK"]],
    [{ fault: "emergency", code: "HOST_BROKEN", params: ["a"] }, ["HOST_BROKEN", "a"]],
  ] satisfies [Fault, string[]][])(
    "%o fails a login in the shape of 2.0 with an array, in both versions",
    async (mode, error) => {
      await simulator.control.fault(mode);
      for (const version of ["1.0", "2.0"] as const) {
        const reply = await login(version);
        expect(JSON.parse(reply.body)).toEqual({ jsonrpc: "2.0", error, id: 0 });
      }
    },
  );

  test("old-member accepts a login and cannot forward any other call", async () => {
    await simulator.control.fault({ fault: "old-member" });
    expect((await login("2.0")).status).toBe("HTTP/1.1 200 OK");
    const reply = await post(simulator.socket, body("2.0", "VM.get_all", [session]));
    expect(reply.status).toBe("HTTP/1.1 500 Internal Error");
    expect(reply.body).toStartWith("<html>");
  });

  test("stays on beside a fault", async () => {
    await simulator.control.fault({ fault: "old-member" });
    await simulator.control.fault({ fault: "error", code: "X", times: 1 });
    expect(await getAll()).toEqual(failure("X"));
    const reply = await post(simulator.socket, body("2.0", "VM.get_all", [session]));
    expect(reply.status).toBe("HTTP/1.1 500 Internal Error");
  });

  test("starting answers with the given code", async () => {
    await simulator.control.fault({ fault: "starting", code: "HOST_HAS_NO_MANAGEMENT_IP" });
    const reply = await login("1.0");
    expect(JSON.parse(reply.body)).toEqual({
      jsonrpc: "2.0",
      error: ["HOST_HAS_NO_MANAGEMENT_IP"],
      id: 0,
    });
  });

  test("loading makes a coordinator not find its own host", async () => {
    await simulator.control.fault({ fault: "loading" });
    expect(JSON.parse((await login("2.0")).body)).toMatchObject({
      error: { code: 1, message: "UUID_INVALID", data: ["host", "host-uuid"] },
    });
  });

  test("hang answers nothing, and carries out all calls when it ends", async () => {
    await simulator.control.fault({ fault: "hang" });
    const add = (key: string) => simulator.rpc("VIF.add_to_other_config", session, "OpaqueRef:vif0", key, "v");
    const calls = Promise.all([add("a"), add("b"), login("2.0")]);
    await Bun.sleep(50);
    expect((await simulator.control.database())["VIF"]?.["OpaqueRef:vif0"]?.["other_config"]).toEqual({});
    await simulator.control.fault({ fault: "none" });
    await calls;
    const { VIF } = await simulator.control.database();
    expect(VIF?.["OpaqueRef:vif0"]?.["other_config"]).toEqual({ a: "v", b: "v" });
    expect(await simulator.control.sessions()).toBe(2);
  });

  test("hang carries out calls that their client has abandoned", async () => {
    await simulator.control.fault({ fault: "hang" });
    const text = body("2.0", "VIF.add_to_other_config", [session, "OpaqueRef:vif0", "k", "v"]);
    const head = `POST /jsonrpc HTTP/1.1\r\nContent-Length: ${text.length}\r\n\r\n`;
    expect(await exchange(simulator.socket, head + text)).toEqual({ text: "", closed: false });
    await simulator.control.fault({ fault: "none" });
    const { VIF } = await simulator.control.database();
    expect(VIF?.["OpaqueRef:vif0"]?.["other_config"]).toEqual({ k: "v" });
  });
});

describe("a member", () => {
  test("passes errors on as arrays, and results as they are", async () => {
    const member = startTestSimulator(SMALL_DATABASE, "OpaqueRef:other");
    const own = await member.login();
    expect(await member.rpc("VM.get_all", own)).toEqual(ALL);
    const error = ["HANDLE_INVALID", "VIF", "x"];
    const reply = await member.rpc("VIF.get_record", own, "x");
    expect(reply).toEqual({ jsonrpc: "2.0", error, id: 1 });
    const host = await member.rpc("session.get_this_host", own, own);
    expect(host).toEqual(result("OpaqueRef:other"));
    member.stop();
  });
});
