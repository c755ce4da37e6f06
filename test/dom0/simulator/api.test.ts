import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Bench, failure, result, startBench } from "./test-bench.ts";

// What the recordings do not show; the rest is in replay.test.ts.

let bench: Bench;
let session: string;

beforeEach(async () => {
  bench = startBench();
  session = await bench.login();
});
afterEach(() => bench.stop());

describe("event.inject", () => {
  test("returns a token that moves on with every change", async () => {
    const token = await bench.rpc("event.inject", session, "VM", "OpaqueRef:vm");
    expect(token).toEqual(result(expect.stringMatching(/^\d{20},\d{20}$/)));
    expect(await bench.rpc("event.inject", session, "VM", "OpaqueRef:vm")).not.toEqual(token);
  });

  test.each([
    ["VM", "OpaqueRef:nosuch"],
    ["vm", "OpaqueRef:vm"],
    ["VIF", "OpaqueRef:vm"],
    ["Frob", "OpaqueRef:vm"],
  ])(
    "refuses class %s with reference %s, because the table must be that class",
    async (className, ref) => {
      const reply = await bench.rpc("event.inject", session, className, ref);
      expect(reply).toEqual(failure("HANDLE_INVALID", className, ref));
    },
  );
});

describe("methods", () => {
  test("a class without records has its methods, and returns nothing", async () => {
    expect(await bench.rpc("Bond.get_all_records", session)).toEqual(result({}));
    expect(await bench.rpc("tunnel.get_all", session)).toEqual(result([]));
  });

  test("every field of the records has its getter, others have none", async () => {
    const device = await bench.rpc("VIF.get_device", session, "OpaqueRef:vif1");
    expect(device).toEqual(result("1"));
    const frob = await bench.rpc("VIF.get_frob", session, "OpaqueRef:vif1");
    expect(frob).toEqual(failure("MESSAGE_METHOD_UNKNOWN", "VIF.get_frob"));
  });

  test("only named classes can be looked up by name, and a pool is not one", async () => {
    const found = await bench.rpc("VM.get_by_name_label", session, "web 1");
    expect(found).toEqual(result(["OpaqueRef:vm"]));
    const method = "VIF.get_by_name_label";
    expect(await bench.rpc(method, session, "x")).toEqual(
      failure("MESSAGE_METHOD_UNKNOWN", method),
    );
    const pool = "pool.get_by_name_label";
    expect(await bench.rpc(pool, session, "x")).toEqual(failure("MESSAGE_METHOD_UNKNOWN", pool));
  });

  test("get_all_records_where returns what fulfils the expression", async () => {
    const reply = await bench.rpc("VIF.get_all_where", session, 'field "device" = "1"');
    expect(reply).toEqual(result(["OpaqueRef:vif1"]));
  });

  test("a key added and taken away leaves the other keys as they are", async () => {
    const add = ["OpaqueRef:vif1", "ethtool-tx", "off"];
    expect(await bench.rpc("VIF.add_to_other_config", session, ...add)).toEqual(result(""));
    const read = () => bench.rpc("VIF.get_other_config", session, "OpaqueRef:vif1");
    expect(await read()).toEqual(result({ a: "1", "ethtool-tx": "off" }));
    await bench.rpc("VIF.remove_from_other_config", session, "OpaqueRef:vif1", "ethtool-tx");
    expect(await read()).toEqual(result({ a: "1" }));
  });

  test("the host of a session is the coordinator, unless the simulator stands for another", async () => {
    const reply = await bench.rpc("session.get_this_host", session, session);
    expect(reply).toEqual(result("OpaqueRef:h"));
  });
});

describe("the control socket", () => {
  test("lists the calls, and which of them write", async () => {
    await bench.control.clearCalls();
    await bench.rpc("VIF.add_to_other_config", session, "OpaqueRef:vif0", "k", "v");
    await bench.rpc("VIF.add_to_other_config", session, "OpaqueRef:vif0", "k", "v");
    await bench.rpc("VM.get_all", session);
    const write = {
      method: "VIF.add_to_other_config",
      params: [session, "OpaqueRef:vif0", "k", "v"],
      write: true,
    };
    expect(await bench.control.calls()).toEqual([
      { ...write, ok: true },
      { ...write, ok: false },
      { method: "VM.get_all", params: [session], write: false, ok: true },
    ]);
  });

  test("counts the open sessions", async () => {
    expect(await bench.control.sessions()).toBe(1);
    await bench.rpc("session.logout", session);
    expect(await bench.control.sessions()).toBe(0);
  });

  test("changes fields and records", async () => {
    await bench.control.put(["PIF", "OpaqueRef:pif", { uuid: "pif", device: "eth0" }]);
    await bench.control.set(["PIF", "OpaqueRef:pif", "device", "eth1"]);
    await bench.control.remove(["VIF", "OpaqueRef:vif0"]);
    const database = await bench.control.database();
    expect(database["PIF"]).toEqual({ "OpaqueRef:pif": { uuid: "pif", device: "eth1" } });
    expect(Object.keys(database["VIF"] ?? {})).toEqual(["OpaqueRef:vif1"]);
  });

  test("tells a test its mistakes", async () => {
    const mistake = bench.control.set(["PIF", "OpaqueRef:nosuch", "device", "eth1"]);
    await expect(mistake).rejects.toThrow("HANDLE_INVALID");
  });
});
