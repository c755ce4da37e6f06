import { describe, expect, test } from "bun:test";
import type { Database } from "./fixture/database.ts";
import { buildHostFixture } from "./fixture/host-fixture.ts";
import { isScenario, SCENARIOS } from "./fixture/scenarios.ts";

/** Every reference in the records, except to metrics, a class that a fixture does not have. */
function references(database: Database): { at: string; ref: string }[] {
  return Object.entries(database).flatMap(([name, table]) =>
    Object.values<object>(table).flatMap((record) =>
      Object.entries(record)
        .filter(([field]) => field !== "metrics")
        .flatMap(([field, value]) => [value].flat().map((ref) => ({ at: `${name}.${field}`, ref })))
        .filter(({ ref }) => typeof ref === "string" && /^OpaqueRef:(?!NULL)/.test(ref)),
    ),
  );
}

describe("a host fixture", () => {
  test("is the same for the same seed, and differs for another", () => {
    expect(buildHostFixture({ seed: 7 }).database).toEqual(buildHostFixture({ seed: 7 }).database);
    const [first, second] = [buildHostFixture({ seed: 7 }), buildHostFixture({ seed: 8 })];
    expect(first.host.record.uuid).not.toBe(second.host.record.uuid);
  });

  test("has no dangling reference", () => {
    const scenarios = ["coordinator", "sriov", "tunnel", "duplicates", "unmanaged"] as const;
    const { database } = buildHostFixture({ scenarios });
    const known = new Set(Object.values(database).flatMap((table) => Object.keys(table)));
    expect(references(database).filter(({ ref }) => !known.has(ref))).toEqual([]);
  });

  test("has the documented records", () => {
    const fixture = buildHostFixture();
    expect(fixture.vif("pfSense").record.other_config).toMatchObject({ "ethtool-tx": "true" });
    expect(fixture.vif("db").record.other_config).toEqual({ "ethtool-gro": "off", ethtoolrx: "off" });
    const snapshot = fixture.vm("web 1 before the upgrade").record;
    expect([snapshot.is_a_template, snapshot.is_a_snapshot]).toEqual([true, true]);
    expect(fixture.vm("win 10").record).toMatchObject({ power_state: "Suspended", domid: -1 });
    expect(fixture.vif("win 10").record.currently_attached).toBe(true);
    expect(fixture.pif("bond0").record.bond_master_of).toHaveLength(1);
    expect(fixture.devices.map(({ name }) => name)).not.toContain("bond0");
    expect(Object.values(fixture.database.VLAN)).toMatchObject([{ tag: 100 }]);
  });

  test("has as many NICs, VMs and VIFs as requested", () => {
    const fixture = buildHostFixture({ nics: 6, vms: 9, vifs: 3 });
    expect(fixture.running).toHaveLength(9);
    expect(fixture.running.every((vm) => vm.vifs.length === 3)).toBe(true);
    expect(fixture.devices.filter(({ kind }) => kind === "nic")).toHaveLength(6);
    const bare = buildHostFixture({ nics: 0, vms: 0 });
    expect(bare.devices).toEqual([]);
  });
});

describe("scenarios", () => {
  test("all build a fixture", () => {
    for (const name of Object.keys(SCENARIOS).filter(isScenario)) {
      expect(() => buildHostFixture({ scenarios: [name] })).not.toThrow();
    }
  });

  test("elsewhere uses one domid on two hosts", () => {
    const fixture = buildHostFixture({ scenarios: ["elsewhere"] });
    const [near, far] = [fixture.vm("web 1").record, fixture.vm("remote web").record];
    expect(near.domid).toBe(far.domid);
    expect(near.resident_on).not.toBe(far.resident_on);
    expect(fixture.vif("remote web").device).toBeUndefined();
  });

  test("member has the other host as coordinator", () => {
    const fixture = buildHostFixture({ scenarios: ["member"] });
    const [pool] = Object.values(fixture.database.pool);
    expect(pool?.master).toBe(fixture.other?.ref ?? "none");
  });

  test("sriov has a VIF without a device, and a logical PIF with its NIC's name", () => {
    const fixture = buildHostFixture({ scenarios: ["sriov"] });
    expect(fixture.vif("nfv", 0).device).toBeUndefined();
    expect(fixture.vif("nfv", 1).device).toBeDefined();
    const named = Object.values(fixture.database.PIF).filter(({ device }) => device === "eth1");
    expect(named.map(({ physical }) => physical)).toEqual([true, false]);
  });

  test("duplicates has two VMs of one name", () => {
    const fixture = buildHostFixture({ scenarios: ["duplicates"] });
    expect(fixture.vms.filter(({ record }) => record.name_label === "twin")).toHaveLength(2);
    expect(() => fixture.vm("twin")).toThrow("2 VMs");
    expect(fixture.vm(fixture.vm("web 1").record.uuid).record.uuid).not.toBe(fixture.vm("web 1").record.uuid);
  });

  test("are refused when they contradict each other", () => {
    expect(() => buildHostFixture({ scenarios: ["dead", "starting"] })).toThrow("exclude each other");
    expect(() => buildHostFixture({ scenarios: ["standalone", "member"] })).toThrow("exclude");
  });
});
