import { describe, expect, test } from "bun:test";
import { attempt, CommandError } from "../../../src/core/command-error.ts";
import { getUuid } from "../../../src/core/interface.ts";
import type { Inventory } from "../../../src/core/inventory.ts";
import type { GuestScope, ReadScope } from "../../../src/core/targets/read-scope.ts";
import type { TargetRequest } from "../../../src/core/targets/target-request.ts";
import { resolveTargets } from "../../../src/core/targets/targets.ts";
import { failureOf, failureOfAsync, failuresOfAsync } from "../../builders/hosts.ts";
import { buildHostFixture } from "../../dom0/fixture/host-fixture.ts";
import { buildPool } from "../../dom0/pool/pool-fixture.ts";
import { openSessionOn } from "../../fakes/api-socket.ts";

const WORLD = buildHostFixture({
  scenarios: ["elsewhere", "duplicates", "hostile", "sriov", "tunnel", "unmanaged"],
});
const LOCAL = WORLD.host.record.uuid;

function targets(
  texts: readonly (string | TargetRequest)[],
  guests: GuestScope = "resident-and-halted",
): Extract<ReadScope, { kind: "targets" }> {
  const requests = texts.map((text): TargetRequest => (typeof text === "string" ? { text, kind: "any" } : text));
  return { kind: "targets", requests, guests };
}

/** Every name and UUID that there is, and some that there are not. */
const TEXTS: readonly string[] = [
  ...WORLD.vms.flatMap(({ record }) => [record.name_label, record.uuid]),
  ...WORLD.vms.flatMap(({ vifs }) => vifs.map(({ record }) => record.uuid)),
  ...WORLD.vms.flatMap(({ record: { domid } }) => [`vif${domid}.0`, `tap${domid}.1`]),
  ...WORLD.pifs.flatMap(({ record }) => [record.uuid, record.uuid.toUpperCase(), record.device]),
  ...["eth0.100", "ALL", "NICS", "VIFS", "no such", "vif99.0", "vif", LOCAL],
].filter((text) => text.trim() !== "");

describe("reading one target", () => {
  test("resolves as in the whole pool, whatever its name", async () => {
    const { session } = await openSessionOn(WORLD.database, LOCAL);
    const pool = await session.readInventory({ kind: "pool" });
    let found = 0;
    for (const text of TEXTS) {
      for (const kind of ["any", "vm", "pif"] as const) {
        const scope = targets([{ text, kind }]);
        const read = await session.readInventory(scope);
        const resolve = (inventory: Inventory) => attempt(() => resolveTargets(scope.requests, inventory));
        const [there, here] = [resolve(pool), resolve(read)];
        const isRefused = here instanceof CommandError;
        expect({ text, kind, isRefused }).toEqual({ text, kind, isRefused: there instanceof CommandError });
        if (there instanceof CommandError || isRefused) continue;
        found += 1;
        expect(here.interfaces).toEqual(there.interfaces);
        expect(here.individualVifs).toEqual(there.individualVifs);
        expect(here.vmsWithoutVifs).toEqual(there.vmsWithoutVifs);
      }
    }
    expect(found).toBeGreaterThan(50);
  });

  test("includes every VIF of a VM of which one was named", async () => {
    const { session } = await openSessionOn(WORLD.database, LOCAL);
    const [first] = WORLD.vm("web 1").vifs;
    const read = await session.readInventory(targets([first?.record.uuid ?? ""]));
    expect(read.vms.map(({ name }) => name)).toEqual(["web 1"]);
    expect(read.vifs).toHaveLength(2);
  });

  test("includes the host of another host's PIF", async () => {
    const { session } = await openSessionOn(WORLD.database, LOCAL);
    if (WORLD.other === undefined) throw new Error("this world has one host");
    const { uuid } = WORLD.pif("eth0", WORLD.other).record;
    const scope = targets([uuid]);
    const read = await session.readInventory(scope);
    const failure = failureOf(() => resolveTargets(scope.requests, read));
    expect(failure).toMatchObject({ code: "pif-on-other-host" });
    expect(failure.message).toContain('"xcp-2"');
  });

  test("costs the same in a pool of any size", async () => {
    const costs = await Promise.all(
      [2, 20].map(async (hosts) => {
        const { database, fixtures } = buildPool({ hosts, vms: 20 });
        const local = fixtures[0]?.host.record.uuid ?? "";
        const { socket, session } = await openSessionOn(database, local);
        const vif = fixtures[0]?.vm("vm 1-3").vifs[0]?.record.uuid ?? "";
        await session.readInventory(targets(["vm 1-2", vif, "vif1.0", "eth1"]));
        return { calls: socket.calls.length, records: socket.records };
      }),
    );
    expect(costs[0]).toEqual(costs[1]);
    expect(costs[0]?.records).toBeLessThan(25);
  });

  test("fails when XAPI refuses one of the calls", async () => {
    const { socket, session } = await openSessionOn(WORLD.database, LOCAL);
    const call = socket.call.bind(socket);
    socket.call = async (method, params) =>
      method === "VM.get_by_name_label"
        ? { ok: false, error: { kind: "timeout", method, timeoutSeconds: 20 } }
        : await call(method, params);
    const [failure] = await failuresOfAsync(() => session.readInventory(targets(["web 1"])));
    expect(failure?.code).toBe("xapi-timeout");
    expect(failure?.message).toContain("VM.get_by_name_label");
  });
});

describe("reading this host", () => {
  const words = ["ALL", "NICS", "VIFS"] as const;

  test.each(words)("resolves %s as in the whole pool", async (text) => {
    const { session } = await openSessionOn(WORLD.database, LOCAL);
    const requests: readonly TargetRequest[] = [
      { text, kind: text === "ALL" ? "host" : text === "NICS" ? "nics" : "vifs" },
      { text: "remote db", kind: "any" },
    ];
    const pool = await session.readInventory({ kind: "pool" });
    const read = await session.readInventory(targets(requests));
    expect(resolveTargets(requests, read)).toEqual(resolveTargets(requests, pool));
  });

  test("finds a VM named like a group word, wherever it runs", async () => {
    const { socket, session } = await openSessionOn(WORLD.database, LOCAL);
    const { ref, record } = WORLD.vm("remote web");
    socket.database.put("VM", ref, { ...record, name_label: "NICS" });
    const scope = targets(["NICS"]);
    const read = await session.readInventory(scope);
    expect(failureOf(() => resolveTargets(scope.requests, read)).code).toBe("ambiguous-target");
  });

  test("counts VMs of other hosts without reading them", async () => {
    const { database, fixtures } = buildPool({ hosts: 4, vms: 30 });
    const { socket, session } = await openSessionOn(database, fixtures[1]?.host.record.uuid ?? "");
    const read = await session.readInventory({ kind: "host", guests: "resident-and-halted" });
    expect(read.unreadVmCounts.map(({ host, count }) => [host.name, count])).toEqual([
      ["xcp-1", 30],
      ["xcp-3", 30],
      ["xcp-4", 30],
    ]);
    expect(read.vms.map(({ name }) => name)).toContain("archive");
    expect(read.vms).toHaveLength(31);
    expect(read.vifs).toHaveLength(31);
    // Four hosts, two NICs, and what was asked for.
    expect(socket.records).toBe(4 + 2 + 31 + 31);
  });

  test("excludes halted VMs on a host called by another", async () => {
    const { session } = await openSessionOn(WORLD.database, LOCAL);
    const read = await session.readInventory({ kind: "host", guests: "resident" });
    expect(read.vms.map(({ name }) => name)).not.toContain("backup");
    expect(read.vms.every(({ residentOn }) => residentOn?.uuid === LOCAL)).toBe(true);
    const both = await session.readInventory(targets(["VIFS", "backup"], "resident"));
    expect(both.vms.map(({ name }) => name)).toContain("backup");
  });

  test("includes no guests when none are requested", async () => {
    const { socket, session } = await openSessionOn(WORLD.database, LOCAL);
    const read = await session.readInventory({ kind: "host", guests: "none" });
    expect(read).toMatchObject({ vms: [], vifs: [], unreadVmCounts: [] });
    expect(read.pifs.every(({ host }) => host.uuid === LOCAL)).toBe(true);
    expect(socket.calls.map(({ method }) => method)).toEqual([
      "host.get_all_records_where",
      "PIF.get_all_records_where",
    ]);
  });

  test("treats a halted VM as halted, whatever a failed start left behind", async () => {
    const { socket, session } = await openSessionOn(WORLD.database, LOCAL);
    if (WORLD.other === undefined) throw new Error("this world has one host");
    for (const [name, host] of [
      ["backup", WORLD.other.ref],
      ["twin", WORLD.host.ref],
    ] as const) {
      const found = WORLD.vms.find(({ record }) => record.name_label === name && record.power_state === "Halted");
      if (found === undefined) throw new Error(`no halted VM is called ${name}`);
      socket.database.put("VM", found.ref, { ...found.record, resident_on: host });
    }
    const halted = async (guests: GuestScope) => {
      const { vms } = await session.readInventory({ kind: "host", guests });
      return vms.filter(({ powerState }) => powerState === "Halted");
    };
    const found = await halted("resident-and-halted");
    expect(found.map(({ name }) => name).sort()).toEqual(["backup", "twin"]);
    expect(found.every(({ residentOn }) => residentOn === undefined)).toBe(true);
    expect(await halted("resident")).toEqual([]);
  });

  test("reads all VIFs when a filter by VM would cost XAPI more", async () => {
    const { database, fixtures } = buildPool({ hosts: 2, vms: 201 });
    const { socket, session } = await openSessionOn(database, fixtures[0]?.host.record.uuid ?? "");
    const read = await session.readInventory({ kind: "host", guests: "resident" });
    expect(socket.calls.map(({ method }) => method)).toContain("VIF.get_all_records");
    expect(read.vifs).toHaveLength(201);
  });

  test("fails when XAPI does not know the host", async () => {
    const { session } = await openSessionOn(WORLD.database, "11111111-2222-3333-4444-555555555555");
    for (const guests of ["none", "resident"] as const) {
      const failure = await failureOfAsync(() => session.readInventory({ kind: "host", guests }));
      expect(failure).toMatchObject({ kind: "unavailable", code: "host-not-in-xapi" });
      expect(failure.message).toContain("11111111-2222-3333-4444-555555555555");
    }
  });
});

describe("reading settings back", () => {
  test("reads only the given interfaces, however many there are", async () => {
    for (const vms of [3, 30]) {
      const { database, fixtures } = buildPool({ hosts: 3, vms });
      const { socket, session } = await openSessionOn(database, fixtures[0]?.host.record.uuid ?? "");
      const scope = targets(["ALL"], "resident");
      const { interfaces } = resolveTargets(scope.requests, await session.readInventory(scope));
      const [first] = interfaces;
      if (first?.kind !== "pif") throw new Error("a NIC comes first");
      const owner = { class: "PIF", ref: first.pif.ref } as const;
      await session.writeOtherConfig([{ owner, key: "ethtool-tx", from: null, to: "off" }], () => false);
      socket.calls.length = 0;
      const settings = await session.readSettings(interfaces);
      expect([...settings.keys()].sort()).toEqual(interfaces.map((one) => getUuid(one) ?? "").sort());
      expect(settings.get(first.pif.uuid)?.otherConfig).toEqual(new Map([["ethtool-tx", "off"]]));
      expect(socket.records).toBe(2 + vms);
      expect(socket.calls.length).toBe(vms > 16 ? 3 : 2 + vms);
    }
  });

  test("omits a removed object", async () => {
    const { socket, session } = await openSessionOn(WORLD.database, LOCAL);
    const scope = targets(["web 1"]);
    const { interfaces } = resolveTargets(scope.requests, await session.readInventory(scope));
    const [first] = WORLD.vm("web 1").vifs;
    socket.database.remove("VIF", first?.ref ?? "");
    const settings = await session.readSettings(interfaces);
    expect([...settings.keys()]).toEqual([WORLD.vif("web 1", 1).record.uuid]);
  });
});
