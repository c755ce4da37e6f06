import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { isObject } from "./json.ts";
import { failure, result, startTestSimulator, type TestSimulator } from "./test-simulator.ts";

// What the recordings do not show; the rest is in replay.test.ts.

let simulator: TestSimulator;
let session: string;

beforeEach(async () => {
  simulator = startTestSimulator();
  session = await simulator.login();
});
afterEach(() => simulator.stop());

describe("event.inject", () => {
  test("returns a token that increases with every change", async () => {
    const token = await simulator.rpc("event.inject", session, "VM", "OpaqueRef:vm");
    expect(token).toEqual(result(expect.stringMatching(/^\d{20},\d{20}$/)));
    expect(await simulator.rpc("event.inject", session, "VM", "OpaqueRef:vm")).not.toEqual(token);
  });

  test.each([
    ["VM", "OpaqueRef:nosuch"],
    ["vm", "OpaqueRef:vm"],
    ["VIF", "OpaqueRef:vm"],
    ["Frob", "OpaqueRef:vm"],
  ])("refuses class %s with reference %s, because the table must be that class", async (className, ref) => {
    const reply = await simulator.rpc("event.inject", session, className, ref);
    expect(reply).toEqual(failure("HANDLE_INVALID", className, ref));
  });
});

describe("sessions and time", () => {
  test("finds a session by UUID while it is open", async () => {
    const other = await simulator.login();
    const reply = await simulator.rpc("session.get_uuid", session, other);
    const uuid = isObject(reply) ? String(reply["result"]) : "";
    expect(await simulator.rpc("session.get_by_uuid", session, uuid)).toEqual(result(other));
    await simulator.rpc("session.logout", other);
    expect(await simulator.rpc("session.get_by_uuid", session, uuid)).toEqual(failure("UUID_INVALID", "session", uuid));
  });

  test("host.get_servertime returns the current time in whole seconds", async () => {
    const reply = await simulator.rpc("host.get_servertime", session, "OpaqueRef:h");
    const text = isObject(reply) ? String(reply["result"]) : "";
    const time = Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T/, "$1-$2-$3T"));
    expect(Math.abs(Date.now() - time)).toBeLessThan(5_000);
  });

  test("lets one of 16 concurrent calls add a key", async () => {
    const add = (_: unknown, n: number) =>
      simulator.rpc("host.add_to_other_config", session, "OpaqueRef:h", "k", String(n));
    const replies = await Promise.all(Array.from({ length: 16 }, add));
    const lost = failure("MAP_DUPLICATE_KEY", "host", "other_config", "OpaqueRef:h", "k");
    const counted = [result(""), lost].map((reply) => replies.filter((one) => Bun.deepEquals(one, reply)));
    expect(counted.map(({ length }) => length)).toEqual([1, 15]);
  });
});

describe("methods", () => {
  test("exist for a class without records, and return nothing", async () => {
    expect(await simulator.rpc("Bond.get_all_records", session)).toEqual(result({}));
    expect(await simulator.rpc("tunnel.get_all", session)).toEqual(result([]));
  });

  test("include a getter for every field of the records, and no other", async () => {
    const device = await simulator.rpc("VIF.get_device", session, "OpaqueRef:vif1");
    expect(device).toEqual(result("1"));
    const frob = await simulator.rpc("VIF.get_frob", session, "OpaqueRef:vif1");
    expect(frob).toEqual(failure("MESSAGE_METHOD_UNKNOWN", "VIF.get_frob"));
  });

  test("include get_by_name_label for classes with a name, but not for pool", async () => {
    const found = await simulator.rpc("VM.get_by_name_label", session, "web 1");
    expect(found).toEqual(result(["OpaqueRef:vm"]));
    const method = "VIF.get_by_name_label";
    expect(await simulator.rpc(method, session, "x")).toEqual(failure("MESSAGE_METHOD_UNKNOWN", method));
    const pool = "pool.get_by_name_label";
    expect(await simulator.rpc(pool, session, "x")).toEqual(failure("MESSAGE_METHOD_UNKNOWN", pool));
  });

  test("include get_all_records_where, which returns the matching records", async () => {
    const reply = await simulator.rpc("VIF.get_all_where", session, 'field "device" = "1"');
    expect(reply).toEqual(result(["OpaqueRef:vif1"]));
  });

  test("leave other keys unchanged when one is added and removed", async () => {
    const add = ["OpaqueRef:vif1", "ethtool-tx", "off"];
    expect(await simulator.rpc("VIF.add_to_other_config", session, ...add)).toEqual(result(""));
    const read = () => simulator.rpc("VIF.get_other_config", session, "OpaqueRef:vif1");
    expect(await read()).toEqual(result({ a: "1", "ethtool-tx": "off" }));
    await simulator.rpc("VIF.remove_from_other_config", session, "OpaqueRef:vif1", "ethtool-tx");
    expect(await read()).toEqual(result({ a: "1" }));
  });

  test("give a session the coordinator as host, unless the simulator is another host's", async () => {
    const reply = await simulator.rpc("session.get_this_host", session, session);
    expect(reply).toEqual(result("OpaqueRef:h"));
  });
});

describe("the control socket", () => {
  test("lists the calls, and which of them write", async () => {
    await simulator.control.clearCalls();
    await simulator.rpc("VIF.add_to_other_config", session, "OpaqueRef:vif0", "k", "v");
    await simulator.rpc("VIF.add_to_other_config", session, "OpaqueRef:vif0", "k", "v");
    await simulator.rpc("VM.get_all", session);
    const write = {
      method: "VIF.add_to_other_config",
      params: [session, "OpaqueRef:vif0", "k", "v"],
      write: true,
    };
    expect(await simulator.control.calls()).toEqual([
      { ...write, ok: true, records: 0 },
      { ...write, ok: false, records: 0 },
      { method: "VM.get_all", params: [session], write: false, ok: true, records: 1 },
    ]);
  });

  test("counts the open sessions", async () => {
    expect(await simulator.control.sessions()).toBe(1);
    await simulator.rpc("session.logout", session);
    expect(await simulator.control.sessions()).toBe(0);
  });

  test("changes fields and records", async () => {
    await simulator.control.put(["PIF", "OpaqueRef:pif", { uuid: "pif", device: "eth0" }]);
    await simulator.control.set(["PIF", "OpaqueRef:pif", "device", "eth1"]);
    await simulator.control.remove(["VIF", "OpaqueRef:vif0"]);
    const database = await simulator.control.database();
    expect(database["PIF"]).toEqual({ "OpaqueRef:pif": { uuid: "pif", device: "eth1" } });
    expect(Object.keys(database["VIF"] ?? {})).toEqual(["OpaqueRef:vif1"]);
  });

  test("reports a test's mistakes to the test", async () => {
    const mistake = simulator.control.set(["PIF", "OpaqueRef:nosuch", "device", "eth1"]);
    await expect(mistake).rejects.toThrow("HANDLE_INVALID");
  });
});
