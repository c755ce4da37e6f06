import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Feature } from "../../src/core/features.ts";
import { Policy } from "../../src/core/policy.ts";
import type { HostRule, PolicyState, StoredFeature, StoredInterfacePolicy } from "../../src/core/policy-entries.ts";
import { type Coverage, getBootFeatures } from "../../src/core/verify/coverage.ts";
import { guest, haltedVm, nic, pif, vif, vm } from "../builders/hosts.ts";

const NO_RULE: HostRule = { nics: [], vifs: [] };

/** The stored word of an interface, by feature; `off alone` is said of one VIF only. */
type Word = Readonly<Partial<Record<Feature, PolicyState | "off alone" | null>>>;

function stored(word: Word): StoredInterfacePolicy {
  const features = Object.entries(word).map(([name, asked]): [string, StoredFeature] => [
    name,
    {
      asked: asked === "off alone" ? "off" : asked,
      alone: asked === "off alone",
      original: null,
      wrote: undefined,
    },
  ]);
  return { keys: ["offload-1-a"], value: new Map(features), problem: null, latestTimeMs: 1 };
}

const web = vm("web");

function nicWith(word: Word, device = "eth0") {
  return nic(pif(device, { stored: stored(word) }));
}

function guestWith(word: Word, device = "0", owner = web) {
  return guest(vif(owner, device, { stored: stored(word) }));
}

describe("the policy of an interface", () => {
  test("is empty when nothing was asked for", () => {
    const policy = new Policy(NO_RULE, []);
    expect(policy.listFeaturesOff(nic(pif("eth0")))).toEqual([]);
    expect(policy.listFeaturesOff(guest(vif(web, "0")))).toEqual([]);
    expect(policy.hasHostRule).toBe(false);
  });

  test("is the standing rule of its kind, in the order of the table", () => {
    const policy = new Policy({ nics: ["gro", "tso"], vifs: ["tx"] }, []);
    expect(policy.listFeaturesOff(nic(pif("eth0")))).toEqual(["tso", "gro"]);
    expect(policy.listFeaturesOff(guest(vif(web, "0")))).toEqual(["tx"]);
    expect(policy.hasHostRule).toBe(true);
  });

  test("prefers its own entry to the rule, per feature", () => {
    const policy = new Policy({ nics: ["tso", "gro"], vifs: ["tx", "sg"] }, []);
    expect(policy.listFeaturesOff(nicWith({ tso: "on", rx: "off" }))).toEqual(["rx", "gro"]);
    expect(policy.listFeaturesOff(guestWith({ tx: "on", gso: "off" }))).toEqual(["sg", "gso"]);
  });

  test("follows its VM when another VIF of it was disabled", () => {
    const one = guestWith({ tx: "off", sg: "off alone", tso: null });
    const policy = new Policy(NO_RULE, [one.vif]);
    expect(policy.listFeaturesOff(guest(vif(web, "1")))).toEqual(["tx"]);
    expect(policy.listFeaturesOff(guest(vif(vm("other"), "0")))).toEqual([]);
    expect(policy.listFeaturesOff(one)).toEqual(["tx", "sg"]);
  });

  test("is empty for an unmanaged device and for an unknown feature", () => {
    const policy = new Policy({ nics: ["tso", "rx-gro-hw"], vifs: [] }, []);
    expect(policy.listFeaturesOff({ kind: "unmanaged", device: "eth9", deviceKind: "pif" })).toEqual([]);
    expect(policy.listFeaturesOff(nic(pif("eth0")))).toEqual(["tso"]);
    expect(policy.isOff(nic(pif("eth0")), "rx-gro-hw")).toBe(true);
  });

  test("remains covered without an exception", () => {
    const excepted = nicWith({ tso: "on" });
    const policy = new Policy({ nics: ["tso"], vifs: [] }, []);
    expect([policy.isOff(excepted, "tso"), policy.isCovered(excepted, "tso")]).toEqual([false, true]);
  });
});

describe("the coverage of a policy", () => {
  test("is empty when nothing was asked for", () => {
    const nothing: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };
    const vifs = [vif(web, "0"), guestWith({ tx: null }, "1").vif];
    expect(new Policy(NO_RULE, vifs).computeCoverage([pif("eth0")])).toEqual(nothing);
  });

  test("names a VM only when the rule does not cover it already", () => {
    const rule = { nics: [], vifs: ["tx"] };
    const same = new Policy(rule, [guestWith({ tx: "off" }).vif]).computeCoverage([]);
    expect(same).toMatchObject({ vifs: ["tx"], vms: new Map() });
    const more = new Policy(rule, [guestWith({ sg: "off" }).vif]).computeCoverage([]);
    expect(more.vms).toEqual(new Map([[web.uuid, { features: ["tx", "sg"], vifs: new Map() }]]));
    const less = new Policy(rule, [guestWith({ tx: "on" }).vif]).computeCoverage([]);
    const exception = { features: ["tx"], vifs: new Map([["0", []]]) } as const;
    expect(less.vms).toEqual(new Map([[web.uuid, exception]]));
  });

  test("turns off at boot what the policy says, on every interface", () => {
    const features: readonly Feature[] = ["tx", "tso", "gro"];
    const lists = fc.subarray([...features]);
    const words = fc
      .tuple(
        ...features.map(() => fc.constantFrom<Word[Feature] | undefined>(undefined, null, "off", "on", "off alone")),
      )
      .map((asked): Word => {
        const entries = features.map((name, index) => [name, asked[index]] as const);
        return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
      });
    const owners = [web, haltedVm("db")];
    fc.assert(
      fc.property(
        fc.record({ nics: lists, vifs: lists }),
        fc.array(words, { maxLength: 3 }),
        fc.array(fc.tuple(fc.nat({ max: 1 }), words), { maxLength: 5 }),
        (rule, nicWords, vifWords) => {
          const nics = nicWords.map((word, index) => nicWith(word, `eth${index}`));
          const guests = vifWords.map(([owner, word], index) => guestWith(word, String(index), owners[owner]));
          const policy = new Policy(
            rule,
            guests.map((one) => one.vif),
          );
          const coverage = policy.computeCoverage(nics.map((one) => one.pif));
          for (const iface of [...nics, ...guests]) {
            expect(getBootFeatures(coverage, iface)).toEqual(policy.listFeaturesOff(iface));
          }
          expect(getBootFeatures(coverage, nic(pif("eth9")))).toEqual(policy.listFeaturesOff(nic(pif("eth9"))));
          const added = guest(vif(web, "9"));
          expect(getBootFeatures(coverage, added)).toEqual(policy.listFeaturesOff(added));
        },
      ),
    );
  });
});
