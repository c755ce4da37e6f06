import { describe, expect, test } from "bun:test";
import { readReply } from "../../src/xapi/reply.ts";
import { failureOf, valued, vm } from "../offload/worlds.ts";
import { recordedReply } from "./recorded.ts";
import { openSession, type SentCall } from "./scripted-socket.ts";

const HOST_UUID = "c269d904-1d75-474f-a7fb-84dbc48a51d5";

const RECORDED: ReadonlyMap<string, string> = new Map([
  ["host.get_all_records", "012-host-get_all_records"],
  ["PIF.get_all_records", "206-PIF-get_all_records-bond-vlan"],
  ["VM.get_all_records_where", "212-VM-get_all_records-final"],
  ["VIF.get_all_records", "213-VIF-get_all_records-final"],
  ["network.get_all_records", "207-network-get_all_records-2"],
]);

function asRecorded({ method }: SentCall) {
  const name = RECORDED.get(method);
  if (name === undefined) throw new Error(`${method} was not recorded`);
  const { status, body } = recordedReply(name);
  return readReply(status, body);
}

async function recordedSession(hostUuid = HOST_UUID) {
  const opened = await openSession(hostUuid);
  opened.socket.answer = asRecorded;
  return opened;
}

describe("a session", () => {
  test("logs in with the name of this program, and logs out", async () => {
    const { socket, session } = await openSession();
    await session.close();
    expect(socket.sent).toEqual([
      { method: "session.login_with_password", params: ["root", "", "1.0", "offload"] },
      { method: "session.logout", params: [] },
    ]);
  });

  test("tells the versions of this host and the records of networks, in two calls", async () => {
    const { socket, session } = await recordedSession();
    const { software, networks } = valued(await session.circumstances());
    expect(socket.sent).toHaveLength(3);
    expect(software.get("xapi_build")).toBe("0.0.dev");
    expect(software.get("network_backend")).toBe("bridge");
    expect(networks.map(({ bridge }) => bridge)).toContain("xenapi");
    expect(networks.every(({ otherConfig }) => otherConfig instanceof Map)).toBe(true);
  });

  test("reads the inventory in four calls, whatever the size of the pool", async () => {
    const { socket, session } = await recordedSession();
    const inventory = valued(await session.inventory());
    expect(inventory.pifs).toHaveLength(5);
    expect(
      socket.sent
        .slice(1)
        .map(({ method }) => method)
        .sort(),
    ).toEqual([
      "PIF.get_all_records",
      "VIF.get_all_records",
      "VM.get_all_records_where",
      "host.get_all_records",
    ]);
    const where = socket.sent.find(({ method }) => method === "VM.get_all_records_where");
    expect(where?.params).toEqual(['field "is_a_snapshot" = "false"']);
  });

  test("a host that XAPI does not know is a failure that names it", async () => {
    const { session } = await recordedSession("11111111-2222-3333-4444-555555555555");
    const failure = failureOf(await session.inventory());
    expect(failure).toMatchObject({ kind: "unavailable", code: "host-unknown-to-xapi" });
    expect(failure.message).toContain("11111111-2222-3333-4444-555555555555");
  });

  test.each([
    "host.get_all_records",
    "PIF.get_all_records",
    "VM.get_all_records_where",
    "VIF.get_all_records",
  ])("%s refused, or not understood: a failure, no half inventory", async (method) => {
    const { socket, session } = await recordedSession();
    socket.answer = (call) =>
      call.method === method
        ? { ok: false, error: { kind: "refused", code: "HOST_BROKEN", params: [] } }
        : asRecorded(call);
    expect(failureOf(await session.inventory()).code).toBe("emergency-mode");
    socket.answer = (call) =>
      call.method === method ? { ok: true, value: { "OpaqueRef:x": {} } } : asRecorded(call);
    const failure = failureOf(await session.inventory());
    expect(failure.code).toBe("xapi-broken-reply");
    expect(failure.message).toContain(method);
  });

  test("reads the records back by UUID, in two calls", async () => {
    const { socket, session } = await recordedSession();
    const records = valued(await session.recordsByUuid());
    expect(socket.sent).toHaveLength(3);
    expect(records.size).toBe(8);
    expect(records.get("e7dbbf3a-9211-5cdf-d39e-b62ca38b33ae")).toEqual(
      new Map([["ethtool-tx", "off"]]),
    );
  });

  test("records that cannot be read back are a failure", async () => {
    for (const method of ["PIF.get_all_records", "VIF.get_all_records"]) {
      const { socket, session } = await recordedSession();
      socket.answer = (call) =>
        call.method === method
          ? { ok: false, error: { kind: "unreachable", because: "gone" } }
          : asRecorded(call);
      expect(failureOf(await session.recordsByUuid()).code).toBe("xapi-unreachable");
    }
  });

  test("injects an event for each VM, and tells of those that failed", async () => {
    const { socket, session } = await openSession();
    const [web, db] = [vm("web", { ref: "OpaqueRef:web" }), vm("db", { ref: "OpaqueRef:db" })];
    socket.answer = ({ params }) =>
      params.includes("OpaqueRef:web")
        ? { ok: false, error: { kind: "refused", code: "HANDLE_INVALID", params: ["VM"] } }
        : { ok: true, value: "" };
    expect(await session.announce([web, db])).toEqual(["HANDLE_INVALID VM"]);
    expect(socket.calls("event.inject")).toEqual([
      "event.inject VM OpaqueRef:web",
      "event.inject VM OpaqueRef:db",
    ]);
  });

  test("a XAPI that goes away is not asked again and again, and every VM is told of", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method }) =>
      method === "event.inject"
        ? { ok: false, error: { kind: "silent", seconds: 20 } }
        : { ok: true, value: "" };
    const vms = Array.from({ length: 40 }, (_, n) => vm(`vm ${n}`, { ref: `OpaqueRef:${n}` }));
    const failed = await session.announce(vms);
    expect(failed).toEqual(vms.map(() => "XAPI gave no reply in 20 seconds"));
    expect(socket.calls("event.inject").length).toBeLessThanOrEqual(4);
  });
});
