import { describe, expect, test } from "bun:test";
import type { FeatureState } from "../../../src/core/feature-set.ts";
import type { Feature } from "../../../src/core/features.ts";
import { checkNetworkd, type NetworkdCheck } from "../../../src/core/verify/networkd.ts";
import { config, nic, pif, uuidFor } from "../../builders/hosts.ts";

interface Case {
  readonly remembered: Readonly<Partial<Record<Feature, "on" | "off">>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly off?: readonly Feature[];
  readonly live?: FeatureState | undefined;
  readonly gro?: string;
  readonly slaveOf?: string;
}

/** Codes and messages of what is said of eth1. */
function findings(given: Case): readonly string[] {
  const { settings = {}, off = [], gro = "on", slaveOf } = given;
  const memory: ReadonlyMap<Feature, "on" | "off"> = new Map(
    (["rx", "tx", "sg", "gro", "lro"] as const).flatMap((feature) => {
      const value = given.remembered[feature];
      return value === undefined ? [] : [[feature, value] as const];
    }),
  );
  const question: NetworkdCheck = {
    nic: nic(pif("eth1", { otherConfig: config(settings), groProperty: gro, slaveOf })),
    featuresOff: off,
    database: new Map([["eth1", memory]]),
    getLiveState: () => ("live" in given ? given.live : "on"),
  };
  const { problems, notes } = checkNetworkd(question);
  return [...problems, ...notes].map(({ code, message }) => `${code} ${message}`);
}

describe("the next start of networkd", () => {
  test("is a problem when it turns a feature on that no setting turns off again", () => {
    expect(findings({ remembered: { tx: "on" }, off: ["tx"], live: "off" })).toEqual([
      "networkd-turns-on eth1: networkd turns tx on at its next start, and no setting turns it off again; run: offload disable eth1 --features tx",
    ]);
  });

  test("is reported with the smallest command that fixes it", () => {
    const [said] = findings({ remembered: { tx: "on", sg: "on" }, off: ["rx", "tx", "sg"] });
    expect(said).toEndWith("turns them off again; run: offload disable eth1 --features tx,sg");
  });

  test("is a note when a setting overrides it at xapi's plug", () => {
    const settings = { "ethtool-gro": "off" };
    expect(findings({ remembered: { gro: "on" }, settings, off: ["gro"] })).toEqual([
      "networkd-until-replug eth1: networkd turns gro on at its next start, until XAPI plugs the PIF and its settings apply",
    ]);
  });

  test("is a note when the property of the PIF overrides it", () => {
    const [said] = findings({ remembered: { gro: "on" }, gro: "off", off: ["gro"] });
    expect(said).toStartWith("networkd-until-replug ");
  });

  test("is covered by the setting's problem when xapi's plug turns the feature on too", () => {
    expect(findings({ remembered: { gro: "on" }, off: ["gro"] })).toEqual([]);
    const settings = { "ethtool-tx": "on" };
    expect(findings({ remembered: { tx: "on" }, settings, off: ["tx"] })).toEqual([]);
  });

  test("is a problem when an unreadable setting hides the property", () => {
    const settings = { "ethtool-gro": "OFF" };
    const [said] = findings({ remembered: { gro: "on" }, settings, off: ["gro"] });
    expect(said).toStartWith("networkd-turns-on ");
  });

  test.each(["absent", "off, fixed", "on, fixed"] as const)("does not concern a feature that is %s", (live) => {
    expect(findings({ remembered: { tx: "on" }, off: ["tx"], live })).toEqual([]);
    expect(findings({ remembered: { tx: "off" }, live })).toEqual([]);
  });

  test("is a note when it turns off a feature outside the policy", () => {
    expect(findings({ remembered: { rx: "off", tx: "off" } })).toEqual([
      `networkd-turns-off eth1: networkd still remembers rx and tx off and turns them off at its next start; to make it forget: xe pif-plug uuid=${pif("eth1").uuid}`,
    ]);
  });

  test("is reported with the bond's plug when the NIC is a slave", () => {
    const bond = uuidFor("bond0");
    const [said] = findings({ remembered: { rx: "off" }, slaveOf: bond });
    expect(said).toEndWith(`xe pif-plug uuid=${bond}`);
  });

  test("is reported when the device cannot be read", () => {
    expect(findings({ remembered: { rx: "off" }, live: undefined })).toHaveLength(1);
    expect(findings({ remembered: { rx: "on" }, off: ["rx"], live: undefined })).toHaveLength(1);
  });

  test("is ignored when it agrees with the policy", () => {
    expect(findings({ remembered: { rx: "off", gro: "off" }, off: ["rx", "gro"] })).toEqual([]);
    expect(findings({ remembered: { rx: "on", gro: "on" } })).toEqual([]);
  });

  test("is ignored when the feature is off, or the next plug sets it", () => {
    expect(findings({ remembered: { rx: "off" }, live: "off" })).toEqual([]);
    expect(findings({ remembered: { gro: "off", lro: "off" } })).toEqual([]);
    expect(findings({ remembered: { rx: "off" }, settings: { "ethtool-rx": "off" } })).toEqual([]);
  });

  test("is ignored for a NIC that is not in networkd.db", () => {
    const getLiveState = () => "on" as const;
    const question = {
      nic: nic(pif("eth9")),
      featuresOff: ["rx"] as const,
      database: new Map(),
      getLiveState,
    };
    expect(checkNetworkd(question)).toEqual({ problems: [], notes: [] });
  });
});
