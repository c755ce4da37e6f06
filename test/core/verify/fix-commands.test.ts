import { describe, expect, test } from "bun:test";
import type { FeatureSet } from "../../../src/core/feature-set.ts";
import { DEFAULT_FEATURES, type Feature } from "../../../src/core/features.ts";
import { getUuid, type Interface } from "../../../src/core/interface.ts";
import { evaluate } from "../../../src/core/verify/evaluate.ts";
import type { ExpectedFeatures } from "../../../src/core/verify/expected-features.ts";
import { buildFixCommands } from "../../../src/core/verify/fix-commands.ts";
import {
  config,
  createSnapshot,
  featureSet,
  guest,
  haltedVm,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  pifSettings,
  vif,
  vm,
} from "../../builders/hosts.ts";

const NO_RULE = { nics: [], vifs: [] };
const OFF = { otherConfig: config({ "ethtool-tx": "off" }) };
const RXVLAN_OFF = featureSet(KERNEL, { "rx-vlan-hw-parse": "off" });
const db0 = guest(vif(haltedVm("db"), "0"));

function nics(count: number): readonly Interface[] {
  const otherConfig = config(pifSettings("off"));
  return Array.from({ length: count }, (_, index) => nic(pif(`eth${index}`, { otherConfig })));
}

function fixes(
  interfaces: readonly Interface[],
  features: readonly Feature[] | ((index: number) => readonly Feature[]),
  states: readonly FeatureSet[],
  more: Partial<Parameters<typeof buildFixCommands>[0]> & { readonly byPolicy?: boolean } = {},
): readonly string[] {
  const expected: ExpectedFeatures = {
    features: new Map(
      interfaces.map((iface, index) => [iface, typeof features === "function" ? features(index) : features]),
    ),
    isFromPolicy: more.byPolicy ?? true,
  };
  const snapshot = createSnapshot(Object.fromEntries(states.map((set, index) => [`eth${index}`, set])));
  const found = evaluate(interfaces, expected, {
    snapshot,
    bootCoverage: null,
    hasCarrier: () => false,
  });
  return buildFixCommands({
    ...found,
    expected,
    hostRule: NO_RULE,
    groups: [],
    pool: false,
    policyFeatures: new Map(
      interfaces.map((iface, at) => [getUuid(iface) ?? "", typeof features === "function" ? features(at) : features]),
    ),
    ...more,
  });
}

describe("fix commands", () => {
  test("are empty when nothing is wrong", () => {
    expect(fixes(nics(1), ["tso"], [NIC_OFF])).toEqual([]);
  });

  test("name only the device and feature that drift", () => {
    const devices = [NIC_OFF, NIC_ON, NIC_OFF];
    expect(fixes(nics(3), ["tso", "gro"], devices)).toEqual(["offload disable eth1 --features tso,gro"]);
    expect(fixes(nics(1), ["tso", "lro"], [NIC_ON])).toEqual(["offload disable eth0 --features tso"]);
  });

  test("name a VIF without a device by UUID, and persist when no setting helps", () => {
    expect(fixes([db0], ["tso", "gro"], [])).toEqual([
      `offload disable ${db0.vif.uuid} --features tso`,
      "offload persist",
    ]);
  });

  test("say NICS only under that rule, because it would exceed the policy otherwise", () => {
    const many = nics(9);
    const on = many.map(() => NIC_ON);
    const names = many.map((_, index) => `eth${index}`).join(" ");
    expect(fixes(many, ["tso"], on)).toEqual([`offload disable ${names} --features tso`]);
    expect(fixes(many, ["tso"], on, { hostRule: { nics: ["tso"], vifs: [] } })).toEqual([
      "offload disable NICS --features tso",
    ]);
  });

  test("separate feature lists when one command would exceed the policy", () => {
    const own = (index: number): readonly Feature[] => (index === 1 ? ["gro"] : ["tso"]);
    expect(fixes(nics(3), own, [NIC_ON, NIC_ON, NIC_ON])).toEqual([
      "offload disable eth0 eth2 --features tso",
      "offload disable eth1 --features gro",
    ]);
    const more = (index: number): readonly Feature[] => (index === 1 ? ["tso", "gro"] : ["tso"]);
    const many = nics(10);
    const names = many.flatMap((_, index) => (index === 1 ? [] : [`eth${index}`])).join(" ");
    const hostRule = { nics: ["gro"], vifs: [] };
    const on = many.map(() => NIC_ON);
    expect(fixes(many, more, on, { hostRule })).toEqual([
      `offload disable ${names} --features tso`,
      "offload disable eth1 --features tso,gro",
    ]);
  });

  test("repeat the given targets without a policy", () => {
    const on = [NIC_ON, NIC_ON];
    const asked = { groups: ["ALL"], byPolicy: false };
    expect(fixes(nics(2), DEFAULT_FEATURES, on, asked)).toEqual(["offload disable NICS"]);
    expect(fixes(nics(2), ["tso"], on, asked)).toEqual(["offload disable NICS --features tso"]);
    expect(fixes(nics(2), ["tso"], [NIC_ON, NIC_OFF], asked)).toEqual(["offload disable eth0 --features tso"]);
  });

  test("say ALL only where every NIC and VIF drifts", () => {
    const db = guest(vif(haltedVm("db"), "0"));
    const asked = { groups: ["ALL"], byPolicy: false };
    expect(fixes([...nics(1), db], DEFAULT_FEATURES, [NIC_ON], asked)).toContain("offload disable ALL");
    const vifs = Array.from({ length: 200 }, (_, at) => guest(vif(vm(`vm ${at}`, { domid: at }), "0", OFF)));
    const states = Object.fromEntries(vifs.map((_, at) => [`vif${at}.0`, at === 17 ? NIC_ON : NIC_OFF]));
    const features = ["tx"] as const;
    for (const isFromPolicy of [true, false]) {
      const expected = { features: new Map(vifs.map((iface) => [iface, features])), isFromPolicy };
      const found = evaluate(vifs, expected, {
        snapshot: createSnapshot(states),
        bootCoverage: null,
        hasCarrier: () => false,
      });
      const policyFeatures = new Map<string, readonly Feature[]>();
      const context = {
        expected,
        hostRule: { nics: [], vifs: features },
        groups: ["ALL"],
        pool: false,
        policyFeatures,
      };
      expect(buildFixCommands({ ...found, ...context })).toEqual(["offload disable vif17.0 --features tx"]);
    }
  });

  test("put into the policy what persist alone would leave out", () => {
    const policyFeatures = new Map<string, readonly Feature[]>();
    const asked = { groups: ["ALL"], byPolicy: false, policyFeatures };
    expect(fixes([...nics(2)], ["rxvlan"], [RXVLAN_OFF, NIC_ON], asked)).toEqual([
      "offload disable eth1 --features rxvlan",
      "offload persist eth0 --features rxvlan",
    ]);
    const known = {
      ...asked,
      policyFeatures: new Map(nics(2).map((iface) => [getUuid(iface) ?? "", ["rxvlan"] as const])),
    };
    expect(fixes(nics(1), ["rxvlan"], [RXVLAN_OFF], known)).toEqual(["offload persist"]);
  });

  test("include --pool when verify did", () => {
    expect(fixes([...nics(1), db0], ["tso", "gro"], [NIC_ON], { pool: true })).toEqual([
      `offload disable eth0 ${db0.vif.uuid} --features tso,gro --pool`,
      "offload persist --pool",
    ]);
  });
});
