import { describe, expect, test } from "bun:test";
import { FeatureRequest, FeatureSet, KernelFeatureTable } from "../../src/core/feature-set.ts";
import { FEATURE_NAMES, type Feature } from "../../src/core/features.ts";
import {
  type BitState,
  bitsFrom,
  bitsNamed,
  featureSet,
  KERNEL,
  namesOf,
  toBigInt,
  withBits,
} from "../builders/hosts.ts";

/** The kernel's names behind a keyword. */
function behind(keyword: Feature, kernel = KERNEL): readonly string[] {
  return namesOf(kernel, kernel.getBits([keyword]));
}

/** The state of a feature when its kernel features stand like that. */
function stateOf(keyword: Feature, states: Readonly<Record<string, BitState>>) {
  return featureSet(KERNEL, states).state(keyword);
}

describe("kernel features of a feature", () => {
  test.each([
    ["rx", ["rx-checksum"]],
    ["tx", ["tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6"]],
    ["sg", ["tx-scatter-gather", "tx-scatter-gather-fraglist"]],
    ["tso", ["tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation"]],
    ["ufo", ["tx-udp-fragmentation"]],
    ["gso", ["tx-generic-segmentation"]],
    ["gro", ["rx-gro"]],
    ["lro", ["rx-lro"]],
    ["rxvlan", ["rx-vlan-hw-parse"]],
    ["txvlan", ["tx-vlan-hw-insert"]],
    ["rxhash", ["rx-hashing"]],
    ["ntuple", ["rx-ntuple-filter"]],
  ] as const)("match the table: %s", (keyword, names) => {
    expect(behind(keyword)).toEqual([...names]);
  });

  test("never belong to two features", () => {
    const all = FEATURE_NAMES.flatMap((keyword) => behind(keyword));
    expect(new Set(all).size).toBe(all.length);
    expect([...namesOf(KERNEL, KERNEL.getBits(FEATURE_NAMES))].sort()).toEqual([...all].sort());
  });

  test("do not match a longer or shorter name", () => {
    const kernel = new KernelFeatureTable([
      "rx-checksum-extra",
      "not-rx-checksum",
      "tx-checksum",
      "tx-tcp",
      "-segmentation",
      "tx-tcpsegmentation",
      "tx-tcp-segmentation-hw",
      "tx-tcp-accelerated-receive",
      "",
    ]);
    expect(FEATURE_NAMES.filter((keyword) => behind(keyword, kernel).length > 0)).toEqual([]);
  });

  test.each([0, 1, 30, 31, 32, 33, 63, 64, 90])("are handled the same at kernel position %i", (at) => {
    const names = Array.from({ length: 100 }, (_, index) => (index === at ? "rx-gro" : `x${index}`));
    const kernel = new KernelFeatureTable(names);
    const everything = (1n << 100n) - 1n;
    const all = bitsFrom(kernel, everything);
    const set = new FeatureSet(kernel, { active: all, requested: all, changeable: all });
    expect(behind("gro", kernel)).toEqual(["rx-gro"]);
    expect(set.state("gro")).toBe("on");
    const clear = set.planOff(["gro"]);
    expect(toBigInt(clear.valid)).toBe(1n << BigInt(at));
    const left = bitsFrom(kernel, everything & ~(1n << BigInt(at)));
    const after = set.apply(clear);
    expect(after).toEqual(withBits(kernel, set, { active: left, requested: left }));
    expect(after.state("gro")).toBe("off");
    expect(withBits(kernel, after, { requested: all }).state("gro")).toBe("off, requested on");
    expect(withBits(kernel, set, { changeable: left }).state("gro")).toBe("on, fixed");
    expect(withBits(kernel, after, { changeable: left }).state("gro")).toBe("off, fixed");
    expect([set.isRequested("gro"), after.isRequested("gro")]).toEqual([true, false]);
  });

  test("may be far apart among the kernel's names", () => {
    const far = Array.from({ length: 70 }, (_, index) => `x${index}`);
    const kernel = new KernelFeatureTable(["tx-checksum-ipv4", ...far, "tx-checksum-ipv6"]);
    const set = featureSet(kernel, { "tx-checksum-ipv4": "on fixed", "tx-checksum-ipv6": "off" });
    expect(set.state("tx")).toBe("on, fixed");
    const other = featureSet(kernel, { "tx-checksum-ipv4": "off fixed", "tx-checksum-ipv6": "on" });
    expect(other.state("tx")).toBe("on");
    expect(namesOf(kernel, other.planOff(["tx"]).valid)).toEqual(["tx-checksum-ipv6"]);
  });
});

describe("getState", () => {
  test.each([
    ["on", "on"],
    ["on requested off", "on"],
    ["off", "off"],
    ["on fixed", "on, fixed"],
    ["off fixed", "off, fixed"],
    ["off requested on", "off, requested on"],
  ] as const)("of a kernel feature that is %s returns %s", (given, expected) => {
    expect(stateOf("rx", { "rx-checksum": given })).toBe(expected);
  });

  test("returns absent for a feature unknown to the kernel", () => {
    const kernel = new KernelFeatureTable(["rx-gro"]);
    expect(new FeatureSet(kernel, { active: [1], requested: [1], changeable: [1] }).state("ufo")).toBe("absent");
  });

  test("returns on while any changeable part is on", () => {
    expect(stateOf("tx", { "tx-checksum-ipv4": "off", "tx-checksum-ipv6": "on" })).toBe("on");
    expect(stateOf("tx", { "tx-checksum-ipv4": "on fixed", "tx-checksum-ipv6": "on" })).toBe("on");
  });

  test("returns fixed on when only a fixed part is on", () => {
    const states = { "tx-checksum-ipv4": "on fixed", "tx-checksum-ipv6": "off" } as const;
    expect(stateOf("tx", states)).toBe("on, fixed");
  });

  test("returns requested on when any changeable part is requested", () => {
    const states = {
      "tx-tcp-segmentation": "off",
      "tx-tcp6-segmentation": "off requested on",
    } as const;
    expect(stateOf("tso", states)).toBe("off, requested on");
  });

  test("returns off when everything changeable is off", () => {
    const states = { "tx-tcp-segmentation": "off", "tx-tcp6-segmentation": "off fixed" } as const;
    expect(stateOf("tso", states)).toBe("off");
  });

  test("ignores the request for a fixed feature", () => {
    const set = featureSet(KERNEL, { "rx-lro": "off fixed" });
    const requested = bitsNamed(KERNEL, "rx-lro");
    expect(withBits(KERNEL, set, { requested }).state("lro")).toBe("off, fixed");
  });
});

describe("planOff", () => {
  test("includes active and requested parts, and nothing fixed or off", () => {
    const set = featureSet(KERNEL, {
      "tx-tcp-segmentation": "on",
      "tx-tcp6-segmentation": "off requested on",
      "tx-tcp-ecn-segmentation": "on fixed",
      "tx-tcp-mangleid-segmentation": "off",
      "rx-gro": "on",
    });
    expect(namesOf(KERNEL, set.planOff(["tso"]).valid)).toEqual(["tx-tcp-segmentation", "tx-tcp6-segmentation"]);
  });

  test("includes the changeable rest of a feature that is partly fixed on", () => {
    const set = featureSet(KERNEL, {
      "tx-checksum-ipv4": "on fixed",
      "tx-checksum-ipv6": "off requested on",
    });
    expect(set.state("tx")).toBe("on, fixed");
    expect(namesOf(KERNEL, set.planOff(["tx"]).valid)).toEqual(["tx-checksum-ipv6"]);
  });

  test("accepts several features", () => {
    const set = featureSet(KERNEL, { "rx-checksum": "on", "rx-gro": "on", "rx-hashing": "on" });
    expect(namesOf(KERNEL, set.planOff(["rx", "gro"]).valid)).toEqual(["rx-gro", "rx-checksum"]);
  });

  test("is empty when there is nothing to clear", () => {
    const set = featureSet(KERNEL, { "rx-checksum": "on fixed", "rx-gro": "off" });
    expect(set.planOff(["rx", "gro", "lro"]).isEmpty).toBe(true);
    expect(set.planOff([]).isEmpty).toBe(true);
  });

  test("clears the active and requested bits and nothing else", () => {
    const set = featureSet(KERNEL, {
      "tx-tcp-segmentation": "on",
      "tx-tcp6-segmentation": "off requested on",
      "rx-gro": "on",
      "rx-checksum": "on fixed",
    });
    expect(set.apply(set.planOff(["tso"]))).toEqual(
      featureSet(KERNEL, {
        "tx-tcp-segmentation": "off",
        "tx-tcp6-segmentation": "off",
        "rx-gro": "on",
        "rx-checksum": "on fixed",
      }),
    );
  });

  test("never includes a fixed feature, even when asked for by its bit", () => {
    const set = featureSet(KERNEL, { "rx-checksum": "on fixed" });
    const [one, every] = [bitsNamed(KERNEL, "rx-checksum"), [0xffffffff, 0xffffffff]];
    for (const wanted of [one, every]) {
      const clear = FeatureRequest.off(set, wanted);
      expect(toBigInt(clear.valid)).toBe(0n);
      expect(clear.isEmpty).toBe(true);
    }
  });
});
