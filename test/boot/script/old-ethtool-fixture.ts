import { join } from "node:path";
import { FeatureSet, KernelFeatureTable } from "../../../src/core/feature-set.ts";
import { type EthtoolFeatures, netbackCaptures } from "../../fakes/ethtool-text.ts";
import { type Device, type Feature, type InitialState, readState, type State, writeState } from "./old-ethtool.ts";
import { Scratch } from "./shells.ts";

/** A directory whose `ethtool` is a stand-in for an old one. */
export class OldEthtoolFixture extends Scratch {
  private readonly file = join(this.directory, "state.json");

  constructor(initialState: InitialState) {
    super();
    writeState(this.file, initialState);
    const program = join(import.meta.dir, "old-ethtool.ts");
    const words = [process.execPath, program, this.file].map((word) => `'${word}'`).join(" ");
    this.executable("ethtool", `#!/bin/sh\nexec ${words} "$@"\n`);
  }

  get state(): State {
    return readState(this.file);
  }

  /** The arguments of every `ethtool -K` so far. */
  get changes(): readonly string[] {
    return this.state.calls.filter(([mode]) => mode === "-K").map((words) => words.join(" "));
  }

  /** Whether the features of a device are neither on nor requested, of all that can be changed. */
  isOff(device: string, names: readonly string[]): boolean {
    const features = this.state.devices[device]?.features ?? [];
    return features
      .filter(({ name, changeable }) => changeable && names.includes(name))
      .every(({ active, requested }) => !active && !requested);
  }
}

/** A feature of a stand-in. */
export function createFeature(name: string, state: "on" | "off" | "on fixed" | "off fixed" | "requested-on"): Feature {
  return {
    name,
    active: state.startsWith("on"),
    requested: state.startsWith("on") || state === "requested-on",
    changeable: !state.endsWith("fixed"),
  };
}

/** The kernel features behind the default keywords, with all parts that dom0 kernels name. */
export const DEFAULT_KERNEL_FEATURES = [
  "rx-checksum",
  "tx-checksum-ipv4",
  "tx-checksum-ip-generic",
  "tx-checksum-ipv6",
  "tx-checksum-fcoe-crc",
  "tx-checksum-sctp",
  "tx-scatter-gather",
  "tx-scatter-gather-fraglist",
  "tx-tcp-segmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp6-segmentation",
  "tx-udp-fragmentation",
  "tx-generic-segmentation",
  "rx-gro",
  "rx-lro",
] as const;

/** A NIC as a kernel 4.4 shows one: most is on and changeable, some fixed, and there is UFO. */
export function createNic(overrides: Partial<Device> = {}): InitialState["devices"][string] {
  const offAndFixed = ["tx-checksum-ipv6", "tx-checksum-fcoe-crc", "tx-scatter-gather-fraglist"];
  const features = DEFAULT_KERNEL_FEATURES.map((name) =>
    createFeature(name, offAndFixed.includes(name) ? "off fixed" : "on"),
  );
  const rest = [
    createFeature("rx-vlan-hw-parse", "on"),
    createFeature("tx-vlan-hw-insert", "on"),
    createFeature("rx-hashing", "on"),
    createFeature("rx-ntuple-filter", "off"),
    createFeature("highdma", "on fixed"),
    createFeature("tx-nocache-copy", "off"),
  ];
  return { features: [...features, ...rest], ...overrides };
}

/** A vif of real netback, as the captures show it, before or after its guest has connected. */
export function createCapturedVif(state: "connected" | "unconnected"): Device {
  const [capture] = netbackCaptures();
  if (capture === undefined) throw new Error("there is no capture of netback");
  const features = listFeatures(capture[state]);
  const withheld = features.filter(({ active, requested }) => requested && !active).map(({ name }) => name);
  return { features: [...features], forced: [], withheld, refusals: 0 };
}

/** The features of a capture, one by one. */
export function listFeatures({ kernel, features }: EthtoolFeatures): readonly Feature[] {
  const has = (bits: readonly number[], at: number) => (((bits[Math.floor(at / 32)] ?? 0) >>> (at % 32)) & 1) === 1;
  return kernel.names.map((name, at) => ({
    name,
    active: has(features.active, at),
    requested: has(features.requested, at),
    changeable: has(features.changeable, at),
  }));
}

/** The same the other way round, for the rules of the trade. */
export function toFeatureBits(features: readonly Feature[]): Pick<EthtoolFeatures, "kernel" | "features"> {
  const kernel = new KernelFeatureTable(features.map(({ name }) => name));
  const bits = (of: (feature: Feature) => boolean) => {
    const blocks = Array.from({ length: Math.ceil(features.length / 32) }, () => 0);
    features.forEach((feature, at) => {
      const block = Math.floor(at / 32);
      if (of(feature)) blocks[block] = ((blocks[block] ?? 0) | (1 << (at % 32))) >>> 0;
    });
    return blocks;
  };
  return {
    kernel,
    features: new FeatureSet(kernel, {
      active: bits(({ active }) => active),
      requested: bits(({ requested }) => requested),
      changeable: bits(({ changeable }) => changeable),
    }),
  };
}
