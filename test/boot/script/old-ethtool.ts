import { readFileSync, writeFileSync } from "node:fs";
import * as v from "valibot";

/**
 * Stands in for ethtool 3.15 and 4.19, which no distribution that can run these tests carries, over
 * devices that are kept in a file. It answers as dump_features and do_sfeatures of those releases do;
 * the two differ in one line of standard error. What the kernel does with a request is modelled on
 * __netdev_update_features and netdev_fix_features.
 */
const FeatureSchema = v.object({
  name: v.string(),
  active: v.boolean(),
  requested: v.boolean(),
  changeable: v.boolean(),
});

const DeviceSchema = v.object({
  features: v.array(FeatureSchema),
  /** Features that the driver leaves on, whatever is asked for. */
  forced: v.optional(v.array(v.string()), []),
  /** Features that cannot be on, say because the guest's frontend is not connected. */
  withheld: v.optional(v.array(v.string()), []),
  /** How many more changes the driver refuses, say because it is busy; what was asked for is kept. */
  refusals: v.optional(v.number(), 0),
});

const StateSchema = v.object({
  version: v.picklist(["3.15", "4.19"]),
  /** Keywords that this build does not know, as an ethtool older than the feature would not. */
  unknown: v.optional(v.array(v.string()), []),
  devices: v.record(v.string(), DeviceSchema),
  /** The arguments of every run, oldest first. */
  calls: v.optional(v.array(v.array(v.string())), []),
});

/** A kernel feature of a device. */
export type Feature = v.InferOutput<typeof FeatureSchema>;
/** A device, and what its driver is like. */
export type Device = v.InferOutput<typeof DeviceSchema>;
/** What a stand-in starts from. */
export type InitialState = v.InferInput<typeof StateSchema>;
/** What it keeps between runs. */
export type State = v.InferOutput<typeof StateSchema>;

/** What a run shows of itself. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface OffloadFlag {
  readonly shortName: string;
  readonly longName: string;
  readonly pattern: RegExp;
}

/** off_flag_def, in its order. */
const FLAGS: readonly OffloadFlag[] = [
  ["rx", "rx-checksumming", "rx-checksum"],
  ["tx", "tx-checksumming", "tx-checksum-*"],
  ["sg", "scatter-gather", "tx-scatter-gather*"],
  ["tso", "tcp-segmentation-offload", "tx-tcp*-segmentation"],
  ["ufo", "udp-fragmentation-offload", "tx-udp-fragmentation"],
  ["gso", "generic-segmentation-offload", "tx-generic-segmentation"],
  ["gro", "generic-receive-offload", "rx-gro"],
  ["lro", "large-receive-offload", "rx-lro"],
  ["rxvlan", "rx-vlan-offload", "rx-vlan-hw-parse"],
  ["txvlan", "tx-vlan-offload", "tx-vlan-hw-insert"],
  ["ntuple", "ntuple-filters", "rx-ntuple-filter"],
  ["rxhash", "receive-hashing", "rx-hashing"],
].map(([shortName = "", longName = "", kernel = ""]) => ({
  shortName,
  longName,
  pattern: new RegExp(`^${kernel.replace("*", ".*")}$`),
}));

const BAD_ARGUMENTS: RunResult = {
  exitCode: 1,
  stdout: "",
  stderr: "ethtool: bad command line argument(s)\nFor more information run ethtool -h\n",
};

/** One run of the stand-in, which changes the state. */
export function runOldEthtool(state: State, argv: readonly string[]): RunResult {
  state.calls.push([...argv]);
  const [mode, name, ...rest] = argv;
  if ((mode !== "-k" && mode !== "-K") || name === undefined) return BAD_ARGUMENTS;
  // IFNAMSIZ, with the NUL.
  if (Buffer.byteLength(name) >= 16) return BAD_ARGUMENTS;
  if (mode === "-k" && rest.length > 0) return BAD_ARGUMENTS;
  const device = Object.hasOwn(state.devices, name) ? state.devices[name] : undefined;
  if (device === undefined) {
    const stderr = "Cannot get device feature names: No such device\n";
    return { exitCode: 1, stdout: "", stderr };
  }
  const flags = FLAGS.filter(({ shortName }) => !state.unknown.includes(shortName));
  const run = new EthtoolRun(flags, device, state.version);
  return mode === "-k" ? run.show(name) : run.change(rest);
}

class EthtoolRun {
  constructor(
    private readonly flags: readonly OffloadFlag[],
    private readonly device: Device,
    private readonly version: State["version"],
  ) {}

  show(name: string): RunResult {
    const stdout = `Features for ${name}:\n${this.dump(undefined)}`;
    return { exitCode: 0, stdout, stderr: this.formatUfoError() };
  }

  change(words: readonly string[]): RunResult {
    const requested = new Map<string, boolean>();
    for (let at = 0; at < words.length; at += 2) {
      const [word = "", value] = words.slice(at, at + 2);
      const isKnown =
        this.flags.some(({ shortName }) => shortName === word) ||
        this.device.features.some((feature) => feature.name === word);
      if (!isKnown || (value !== "on" && value !== "off")) return BAD_ARGUMENTS;
      // parse_generic_cmdline only ever sets the bit: of "tso on tso off" the first stays.
      requested.set(word, value === "on" || requested.get(word) === true);
    }
    if (requested.size === 0) return { exitCode: 0, stdout: "no features changed\n", stderr: "" };

    let stderr = this.formatUfoError();
    const before = structuredClone(this.device.features);
    const valid = new Map<string, boolean>();
    for (const { name } of before) {
      const value = requested.get(name);
      if (value !== undefined) valid.set(name, value);
    }
    for (const flag of this.flags) {
      const value = requested.get(flag.shortName);
      if (value === undefined) continue;
      const changeable = this.partsOf(flag).filter((part) => part.changeable);
      if (changeable.length === 0) stderr += `Cannot change ${flag.longName}\n`;
      for (const part of changeable) if (!valid.has(part.name)) valid.set(part.name, value);
    }
    setFeatures(this.device, valid);
    stderr += this.formatUfoError();

    const now = this.device.features;
    const changed = now.some((feature, at) => feature.active !== before[at]?.active);
    const mismatch =
      now.some((feature, at) => {
        return feature.active !== (valid.get(feature.name) ?? before[at]?.active);
      }) ||
      this.flags.some((flag) => {
        const expected = requested.get(flag.shortName) ?? isOn(findParts(before, flag));
        return isOn(this.partsOf(flag)) !== expected;
      });
    if (!mismatch) return { exitCode: 0, stdout: "", stderr };
    if (!changed) {
      stderr += "Could not change any device features\n";
      return { exitCode: 1, stdout: "", stderr };
    }
    return { exitCode: 0, stdout: `Actual changes:\n${this.dump(before)}`, stderr };
  }

  private partsOf(flag: OffloadFlag): readonly Feature[] {
    return findParts(this.device.features, flag);
  }

  /** dump_features: everything, or what differs from an earlier state. */
  private dump(reference: readonly Feature[] | undefined): string {
    const old = new Map(reference?.map(({ name, active }) => [name, active]));
    const differs = ({ name, active }: Feature) => reference === undefined || old.get(name) !== active;
    let text = "";
    for (const flag of this.flags) {
      const parts = this.partsOf(flag);
      const [only] = parts;
      if (parts.length === 1 && only !== undefined) {
        if (differs(only)) text += formatLine("", flag.longName, only);
        continue;
      }
      const sum = isOn(parts);
      const shown = reference === undefined || isOn(findParts(reference, flag)) !== sum;
      if (shown) text += `${flag.longName}: ${sum ? "on" : "off"}\n`;
      for (const part of parts) if (differs(part)) text += formatLine(shown ? "\t" : "", part.name, part);
    }
    for (const feature of this.device.features) {
      const unmatched = !this.flags.some(({ pattern }) => pattern.test(feature.name));
      if (unmatched && differs(feature)) text += formatLine("", feature.name, feature);
    }
    return text;
  }

  /** 3.15 speaks of it on each reading where the kernel has no such feature. */
  private formatUfoError(): string {
    if (this.version !== "3.15") return "";
    if (this.device.features.some(({ name }) => name === "tx-udp-fragmentation")) return "";
    return "Cannot get device udp-fragmentation-offload settings: Operation not supported\n";
  }
}

function findParts(features: readonly Feature[], { pattern }: OffloadFlag): readonly Feature[] {
  return features.filter(({ name }) => pattern.test(name));
}

/**
 * What the kernel answers to ETHTOOL_GTSO and its like, which is where the lines that sum up come from:
 * TSO by NETIF_F_ALL_TSO, so that a part the kernel has learnt since does not count.
 */
function isOn(parts: readonly Feature[]): boolean {
  return parts.some(({ name, active }) => active && name !== "tx-tcp-accecn-segmentation");
}

function formatLine(indent: string, shown: string, { active, requested, changeable }: Feature): string {
  const differs = active === requested ? "" : ` [requested ${requested ? "on" : "off"}]`;
  return `${indent}${shown}: ${active ? "on" : "off"}${changeable ? differs : " [fixed]"}\n`;
}

/** ETHTOOL_SFEATURES: what is asked for is kept, what is in force follows as far as it can. */
function setFeatures(device: Device, valid: ReadonlyMap<string, boolean>): void {
  const { features, forced, withheld } = device;
  for (const feature of features) {
    if (feature.changeable) feature.requested = valid.get(feature.name) ?? feature.requested;
  }
  const next = new Map(
    features.map(({ name, requested, active, changeable }) => {
      const isWanted = changeable ? requested : active;
      return [name, forced.includes(name) || (isWanted && !withheld.includes(name))];
    }),
  );
  fixFeatures(next);
  if (device.refusals > 0) {
    device.refusals--;
    return;
  }
  for (const feature of features) feature.active = next.get(feature.name) ?? false;
}

/** NETIF_F_ALL_TSO. */
const ALL_TSO = [
  "tx-tcp-segmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp6-segmentation",
] as const;

/** netdev_fix_features: segmentation needs checksums and scatter-gather. */
function fixFeatures(next: Map<string, boolean>): void {
  const on = (name: string) => next.get(name) === true;
  const drop = (...names: readonly string[]) => {
    for (const name of names) if (on(name)) next.set(name, false);
  };
  const generic = on("tx-checksum-ip-generic");
  const [ipv4, ipv6] = [generic || on("tx-checksum-ipv4"), generic || on("tx-checksum-ipv6")];
  if (!ipv4) drop("tx-tcp-segmentation", "tx-tcp-ecn-segmentation");
  if (!ipv6) drop("tx-tcp6-segmentation");
  if (!ipv4 || !ipv6) drop("tx-udp-segmentation");
  if (!on("tx-tcp-segmentation")) drop("tx-tcp-mangleid-segmentation");
  if (!on("tx-scatter-gather")) drop(...ALL_TSO, "tx-generic-segmentation");
  if (ALL_TSO.filter(on).join() === "tx-tcp-ecn-segmentation") drop("tx-tcp-ecn-segmentation");
}

/** Reads what a stand-in has kept. */
export function readState(path: string): State {
  return v.parse(StateSchema, JSON.parse(readFileSync(path, "utf8")));
}

/** Writes what a stand-in starts from. */
export function writeState(path: string, state: InitialState): void {
  writeFileSync(path, JSON.stringify(state));
}

if (import.meta.main) {
  const [path = "", ...argv] = process.argv.slice(2);
  const state = readState(path);
  const { exitCode, stdout, stderr } = runOldEthtool(state, argv);
  writeState(path, state);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = exitCode;
}
