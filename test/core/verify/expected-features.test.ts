import { describe, expect, test } from "bun:test";
import { DEFAULT_FEATURES } from "../../../src/core/features.ts";
import { Policy } from "../../../src/core/policy.ts";
import { resolveExpectedFeatures } from "../../../src/core/verify/expected-features.ts";
import { guest, nic, pif, vif, vm } from "../../builders/hosts.ts";

const web = vm("web");
const eth0 = nic(pif("eth0"));
const eth1 = nic(pif("eth1"));
const asked = new Map([["tso", { asked: "off", alone: false, original: null, wrote: undefined } as const]]);
const web0 = guest(
  vif(web, "0", {
    stored: { keys: ["offload-1-a"], value: asked, problem: null, latestTimeMs: 1 },
  }),
);
const ALL = [eth0, eth1, web0];
const PLAIN = {
  features: DEFAULT_FEATURES,
  hasExplicitFeatures: false,
  hasGroupTarget: false,
  isWholeHost: true,
};
const NO_RULE = { nics: [], vifs: [] };

describe("expected features", () => {
  test("are all requested features when there is no policy", () => {
    const { features, isFromPolicy } = resolveExpectedFeatures(ALL.slice(0, 2), new Policy(NO_RULE, []), PLAIN);
    expect(isFromPolicy).toBe(false);
    expect([...features.values()]).toEqual([DEFAULT_FEATURES, DEFAULT_FEATURES]);
  });

  test("follow each interface's policy when one of them has any", () => {
    const { features, isFromPolicy } = resolveExpectedFeatures(ALL, new Policy(NO_RULE, [web0.vif]), PLAIN);
    expect(isFromPolicy).toBe(true);
    expect(ALL.map((iface) => features.get(iface))).toEqual([[], [], ["tso"]]);
  });

  test("follow the rule even when it covers none of these interfaces", () => {
    const policy = new Policy({ nics: ["gro"], vifs: [] }, []);
    const { features, isFromPolicy } = resolveExpectedFeatures([guest(vif(web, "1"))], policy, PLAIN);
    expect([isFromPolicy, ...features.values()]).toEqual([true, []]);
  });

  test.each([{ hasGroupTarget: true }, { hasExplicitFeatures: true }])("ignore the policy with %p", (more) => {
    const policy = new Policy({ nics: ["gro"], vifs: [] }, [web0.vif]);
    const { features, isFromPolicy } = resolveExpectedFeatures(ALL, policy, {
      ...PLAIN,
      features: ["rx"],
      ...more,
    });
    expect([isFromPolicy, ...features.values()]).toEqual([false, ["rx"], ["rx"], ["rx"]]);
  });

  test("are one equal list for interfaces with the same expectation", () => {
    const policy = new Policy({ nics: ["gro", "tso"], vifs: [] }, []);
    const { features } = resolveExpectedFeatures(ALL, policy, PLAIN);
    expect(features.get(eth0)).toEqual(features.get(eth1) ?? []);
  });
});
