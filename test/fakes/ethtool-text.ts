import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FeatureSet, KernelFeatureTable } from "../../src/core/feature-set.ts";
import { type BitState, featureSet } from "../builders/hosts.ts";

/** One answer of `ethtool -k`, in the terms of the kernel. */
export interface EthtoolFeatures {
  readonly device: string;
  readonly kernel: KernelFeatureTable;
  readonly features: FeatureSet;
}

/** What a session on a real dom0 showed of netback. */
export interface NetbackCapture {
  readonly name: string;
  /** No guest is connected. */
  readonly unconnected: EthtoolFeatures;
  /** A guest is connected. */
  readonly connected: EthtoolFeatures;
  /** The same after every default feature was turned off with `ethtool -K`. */
  readonly turnedOff: EthtoolFeatures;
}

/** Lines that stand for one kernel feature, under ethtool's own name for it. */
const LONG_NAMES: ReadonlyMap<string, string> = new Map([
  ["rx-checksumming", "rx-checksum"],
  ["udp-fragmentation-offload", "tx-udp-fragmentation"],
  ["generic-segmentation-offload", "tx-generic-segmentation"],
  ["generic-receive-offload", "rx-gro"],
  ["large-receive-offload", "rx-lro"],
  ["rx-vlan-offload", "rx-vlan-hw-parse"],
  ["tx-vlan-offload", "tx-vlan-hw-insert"],
  ["ntuple-filters", "rx-ntuple-filter"],
  ["receive-hashing", "rx-hashing"],
]);

/** Lines that sum up the indented ones under them. */
const HEADINGS: ReadonlySet<string> = new Set(["tx-checksumming", "scatter-gather", "tcp-segmentation-offload"]);

const STATES: ReadonlyMap<string, BitState> = new Map([
  ["on", "on"],
  ["off", "off"],
  ["on [fixed]", "on fixed"],
  ["off [fixed]", "off fixed"],
  ["off [requested on]", "off requested on"],
  ["on [requested off]", "on requested off"],
]);

/** Reads every `Features for …` part of a text. A line that it does not understand is an error. */
export function parseEthtool(text: string): readonly EthtoolFeatures[] {
  const parts: { readonly device: string; readonly states: Map<string, BitState> }[] = [];
  let open = false;
  for (const line of text.split("\n")) {
    const [, device] = /^Features for (\S+):$/.exec(line) ?? [];
    if (device !== undefined) {
      parts.push({ device, states: new Map() });
      open = true;
      continue;
    }
    if (!open) continue;
    const [, shown, words] = /^\t?([\w-]+): (.*)$/.exec(line) ?? [];
    if (shown === undefined || words === undefined) {
      open = false;
      continue;
    }
    if (HEADINGS.has(shown)) continue;
    const state = STATES.get(words);
    if (state === undefined) throw new Error(`not understood: ${line}`);
    parts.at(-1)?.states.set(LONG_NAMES.get(shown) ?? shown, state);
  }
  return parts.map(({ device, states }) => {
    const kernel = new KernelFeatureTable([...states.keys()]);
    return { device, kernel, features: featureSet(kernel, Object.fromEntries(states)) };
  });
}

/** The captures in test/fixtures/netback. */
export function netbackCaptures(): readonly NetbackCapture[] {
  const directory = join(import.meta.dir, "..", "fixtures", "netback");
  const files = readdirSync(directory).filter((file) => file.endsWith(".txt"));
  return files.sort().map((file) => {
    const parts = parseEthtool(readFileSync(join(directory, file), "utf8"));
    const [unconnected, connected, turnedOff] = parts;
    if (unconnected === undefined || connected === undefined || turnedOff === undefined) {
      throw new Error(`${file} has ${parts.length} parts`);
    }
    return { name: file.replace(/\.txt$/, ""), unconnected, connected, turnedOff };
  });
}
