import { describe, expect, test } from "bun:test";
import { parseReply } from "../../../src/xapi/rpc/reply.ts";
import { parseXapiTime } from "../../../src/xapi/rpc/server-time.ts";
import { failureOfAsync, pif, vm } from "../../builders/hosts.ts";
import { recordedReply } from "../../fakes/recorded-xapi.ts";
import { openSession, type SentCall } from "../../fakes/scripted-socket.ts";

const HOST_UUID = "c269d904-1d75-474f-a7fb-84dbc48a51d5";

const RECORDED: ReadonlyMap<string, string> = new Map([
  ["host.get_all_records_where", "012-host-get_all_records"],
  ["network.get_all_records", "207-network-get_all_records-2"],
]);

function asRecorded({ method }: SentCall) {
  const name = RECORDED.get(method);
  if (name === undefined) throw new Error(`${method} was not recorded`);
  const { status, body } = recordedReply(name);
  return parseReply(status, body);
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

  test("reads the versions of this host and the networks in two calls", async () => {
    const { socket, session } = await recordedSession();
    const { software, networks } = await session.readDiagnostics();
    expect(socket.sent).toHaveLength(3);
    expect(software.get("xapi_build")).toBe("0.0.dev");
    expect(software.get("network_backend")).toBe("bridge");
    expect(networks.map(({ bridge }) => bridge)).toContain("xenapi");
    expect(networks.every(({ otherConfig }) => otherConfig instanceof Map)).toBe(true);
  });

  test("makes no further call once one had no reply in time, but logs out", async () => {
    const { socket, session } = await openSession();
    const error = { kind: "timeout", method: "VIF.get_other_config", timeoutSeconds: 20 } as const;
    socket.answer = () => ({ ok: false, error });
    await session.call("VIF.get_other_config", "OpaqueRef:vif");
    socket.answer = () => ({ ok: true, value: "" });
    expect(await session.call("VIF.remove_from_other_config", "OpaqueRef:vif", "key")).toEqual({ ok: false, error });
    await session.close();
    expect(socket.sent.slice(1).map(({ method }) => method)).toEqual(["VIF.get_other_config", "session.logout"]);
  });

  test("opens within five seconds, or less if requested", async () => {
    const { socket } = await openSession();
    expect(socket.requestedTimeoutsSeconds[0]).toBe(5);
  });

  test("injects an event for each VM and reports the failed ones", async () => {
    const { socket, session } = await openSession();
    const [web, db] = [vm("web", { ref: "OpaqueRef:web" }), vm("db", { ref: "OpaqueRef:db" })];
    socket.answer = ({ params }) =>
      params.includes("OpaqueRef:web")
        ? { ok: false, error: { kind: "refused", code: "HANDLE_INVALID", params: ["VM"] } }
        : { ok: true, value: "" };
    expect(await session.announceVms([web, db])).toEqual(["HANDLE_INVALID VM"]);
    expect(socket.calls("event.inject")).toEqual(["event.inject VM OpaqueRef:web", "event.inject VM OpaqueRef:db"]);
  });

  test("stops asking a XAPI that does not answer, and reports every VM", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method }) =>
      method === "event.inject"
        ? { ok: false, error: { kind: "timeout", method: "event.inject", timeoutSeconds: 20 } }
        : { ok: true, value: "" };
    const vms = Array.from({ length: 40 }, (_, n) => vm(`vm ${n}`, { ref: `OpaqueRef:${n}` }));
    const failed = await session.announceVms(vms);
    expect(failed).toEqual(vms.map(() => "XAPI gave no reply to event.inject in 20 seconds"));
    expect(socket.calls("event.inject").length).toBeLessThanOrEqual(4);
  });

  test("is found by its UUID until it is closed", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method, params }) => {
      if (method === "session.get_uuid") return { ok: true, value: "own-uuid" };
      return params[0] === "own-uuid"
        ? { ok: true, value: "OpaqueRef:session" }
        : { ok: false, error: { kind: "refused", code: "UUID_INVALID", params: ["session"] } };
    };
    expect(await session.readSessionUuid()).toBe("own-uuid");
    expect(socket.calls("session.get_uuid")).toEqual(["session.get_uuid OpaqueRef:session"]);
    expect(await session.isSessionOpen("own-uuid")).toBe(true);
    expect(await session.isSessionOpen("another")).toBe(false);
  });

  test("is not considered closed when XAPI does not answer", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method }) => ({
      ok: false,
      error: { kind: "timeout", method, timeoutSeconds: 20 },
    });
    expect((await failureOfAsync(() => session.isSessionOpen("own-uuid"))).code).toBe("xapi-timeout");
  });

  test("reads the coordinator's time", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method, params }) => {
      if (method === "pool.get_all_records") {
        return { ok: true, value: { "OpaqueRef:p": { master: "OpaqueRef:h" } } };
      }
      expect({ method, params }).toEqual({
        method: "host.get_servertime",
        params: ["OpaqueRef:h"],
      });
      return { ok: true, value: "20261127T23:18:56Z" };
    };
    expect(await session.readCoordinatorTime()).toEqual(AT);
    socket.answer = () => ({ ok: true, value: {} });
    expect((await failureOfAsync(() => session.readCoordinatorTime())).code).toBe("xapi-bad-response");
  });

  test("lists the VMs of each host without its control domain", async () => {
    const { socket, session } = await openSession();
    socket.answer = () => ({
      ok: true,
      value: {
        "OpaqueRef:h": {
          uuid: "host-uuid",
          name_label: "alpha",
          enabled: false,
          resident_VMs: ["OpaqueRef:dom0", "OpaqueRef:web"],
          control_domain: "OpaqueRef:dom0",
        },
      },
    });
    expect(await session.readPoolHosts()).toEqual([
      {
        ref: "OpaqueRef:h",
        uuid: "host-uuid",
        name: "alpha",
        enabled: false,
        vms: new Set(["OpaqueRef:web"]),
      },
    ]);
  });
});

const AT = new Date(Date.UTC(2026, 10, 27, 23, 18, 56));

describe("parsing a XAPI time", () => {
  test.each([
    ["20261127T23:18:56Z", AT],
    ["2026-11-27T23:18:56Z", AT],
    ["20261127T23:18:56", null],
    ["20261327T23:18:56Z", null],
    ["", null],
  ])("maps %p to %p", (text, time) => {
    expect(parseXapiTime(text)).toEqual(time);
  });
});

describe("plugging a PIF", () => {
  test("makes one call and reports why it failed", async () => {
    const { socket, session } = await openSession();
    const eth0 = pif("eth0");
    expect(await session.plugPif(eth0)).toBeNull();
    socket.answer = () => ({
      ok: false,
      error: { kind: "refused", code: "PIF_CONFIGURATION_ERROR", params: [eth0.ref, "exit 75"] },
    });
    expect(await session.plugPif(eth0)).toBe("PIF_CONFIGURATION_ERROR exit 75");
    expect(socket.calls("PIF.")).toEqual([`PIF.plug ${eth0.ref}`, `PIF.plug ${eth0.ref}`]);
  });

  test("reads the bridge of its network by reference", async () => {
    const { socket, session } = await openSession();
    const eth0 = pif("eth0");
    socket.answer = () => ({ ok: true, value: "xenbr0" });
    expect(await session.findBridge(eth0)).toBe("xenbr0");
    expect(socket.calls("network.")).toEqual([`network.get_bridge ${eth0.network}`]);
    socket.answer = () => ({ ok: true, value: 7 });
    expect((await failureOfAsync(() => session.findBridge(eth0))).code).toBe("xapi-bad-response");
  });
});
