import { describe, expect, test } from "bun:test";
import type { FeatureSet } from "../../../src/core/feature-set.ts";
import { DEFAULT_FEATURES, type Feature } from "../../../src/core/features.ts";
import type { Interface } from "../../../src/core/interface.ts";
import { evaluate } from "../../../src/core/verify/evaluate.ts";
import type { ExpectedFeatures } from "../../../src/core/verify/expected-features.ts";
import { buildFixCommands } from "../../../src/core/verify/fix-commands.ts";
import {
  config,
  createSnapshot,
  guest,
  haltedVm,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  pifSettings,
  vif,
} from "../../builders/hosts.ts";

const NO_RULE = { nics: [], vifs: [] };
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
    expect(fixes(nics(2), DEFAULT_FEATURES, on, asked)).toEqual(["offload disable ALL"]);
    expect(fixes(nics(2), ["tso"], on, asked)).toEqual(["offload disable ALL --features tso"]);
    expect(fixes(nics(2), ["tso"], [NIC_ON, NIC_OFF], asked)).toEqual(["offload disable eth0 --features tso"]);
  });

  test("include --pool when verify did", () => {
    expect(fixes([...nics(1), db0], ["tso", "gro"], [NIC_ON], { pool: true })).toEqual([
      `offload disable eth0 ${db0.vif.uuid} --features tso,gro --pool`,
      "offload persist --pool",
    ]);
  });
});
