import * as v from "valibot";
import type { Dom0 } from "../dom0/dom0.ts";
import type { Feature } from "../dom0/ethtool.ts";
import type { DatabaseContent } from "../dom0/simulator/control.ts";

/** The kernel's features behind each word, as the real ethtool prints them. */
const GROUPS: readonly (readonly [word: string, names: RegExp])[] = [
  ["rx", /^rx-checksumming$/],
  ["tx", /^tx-checksum-/],
  ["sg", /^tx-scatter-gather/],
  ["tso", /^tx-tcp.*-segmentation$/],
  ["ufo", /^(?:udp-fragmentation-offload|tx-udp-fragmentation)$/],
  ["gso", /^generic-segmentation-offload$/],
  ["gro", /^generic-receive-offload$/],
  ["lro", /^large-receive-offload$/],
];

/** The words that the toolstack reads on a VIF. */
const VIF_WORDS = ["rx", "tx", "sg", "tso", "ufo", "gso"];

/** What is not as `disable ALL` would have it, found without any of the program's own code. */
export interface Truth {
  /** Devices on which something is on, or waits to come on, that could be off. */
  readonly live: readonly string[];
  /** UUIDs of what lacks a record that could say off. */
  readonly records: readonly string[];
  /** UUIDs of NICs with a record that they can never satisfy. */
  readonly impossible: readonly string[];
  /** Whether something of ours is there for boot. */
  readonly boot: boolean;
}

const Pif = v.object({
  uuid: v.string(),
  device: v.string(),
  host: v.string(),
  physical: v.boolean(),
  other_config: v.record(v.string(), v.string()),
});
const Vif = v.object({
  uuid: v.string(),
  device: v.string(),
  VM: v.string(),
  currently_attached: v.boolean(),
  other_config: v.record(v.string(), v.string()),
});
const Vm = v.object({
  power_state: v.string(),
  domid: v.number(),
  resident_on: v.string(),
  is_control_domain: v.boolean(),
  is_a_template: v.boolean(),
});

const VerifyReport = v.object({
  exitCode: v.number(),
  problems: v.array(
    v.object({
      code: v.string(),
      message: v.string(),
      device: v.optional(v.string()),
      uuid: v.optional(v.string()),
    }),
  ),
});

const LIVE_CODES = ["live-on", "latent"];
const IMPOSSIBLE_CODES = ["record-unsatisfiable"];
const RECORD_CODES = ["record-missing", "record-says-on", "record-unreadable", "gro-returns"];

/** Looks at the kernel with ethtool, at XAPI's database past XAPI, and at the files. */
export async function truthOf(dom0: Dom0): Promise<Truth> {
  const database = await dom0.simulator.database();
  const host = dom0.world.host.ref;
  const existing = new Set(await dom0.interfaces());
  const live: string[] = [];
  const records: string[] = [];
  const impossible: string[] = [];
  const cannot = new Set<string>(["off, fixed", "absent"]);
  const lookAt = async (device: string) => {
    const features = existing.has(device) ? await dom0.ethtool(device) : new Map<string, Feature>();
    if (GROUPS.some(([, names]) => stateOf(features, names) === "on")) live.push(device);
    return features;
  };
  for (const pif of rows(Pif, database, "PIF")) {
    if (pif.host !== host || !pif.physical) continue;
    const features = await lookAt(pif.device);
    const lacking = GROUPS.some(
      ([word, names]) =>
        stateOf(features, names) === "off" && !saysOff(pif.other_config[`ethtool-${word}`]),
    );
    if (lacking) records.push(pif.uuid);
    const never = GROUPS.some(([word, names]) => {
      const value = pif.other_config[`ethtool-${word}`];
      const state = stateOf(features, names);
      return saysOff(value) ? state === "on, fixed" : saysOn(value) && cannot.has(state);
    });
    if (never) impossible.push(pif.uuid);
  }
  for (const vif of rows(Vif, database, "VIF")) {
    const vm = v.parse(Vm, database["VM"]?.[vif.VM]);
    if (vm.is_control_domain || vm.is_a_template) continue;
    const here = vm.resident_on === host;
    if (!here && vm.resident_on !== "OpaqueRef:NULL") continue;
    if (here && vif.currently_attached) {
      for (const kind of ["vif", "tap"]) {
        const device = `${kind}${vm.domid}.${vif.device}`;
        if (existing.has(device)) await lookAt(device);
      }
    }
    if (VIF_WORDS.some((word) => !saysOff(vif.other_config[`ethtool-${word}`]))) {
      records.push(vif.uuid);
    }
  }
  const rule = await dom0.run(["test", "-e", "/etc/udev/rules.d/95-offload.rules"]);
  const rcLocal = await dom0.run(["grep", "-q", "offload", "/etc/rc.d/rc.local"]);
  return {
    live: live.sort(),
    records: records.sort(),
    impossible: impossible.sort(),
    boot: rule.exitCode === 0 || rcLocal.exitCode === 0,
  };
}

/** What `offload verify --json` says against the truth; empty where it says the same. */
export async function disagreements(dom0: Dom0): Promise<readonly string[]> {
  const run = await dom0.offload("verify", "--json");
  const truth = await truthOf(dom0);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), VerifyReport), run.stdout);
  if (!parsed.success || run.stderr !== "") {
    return [`verify ended with ${run.exitCode} and said: ${run.stdout}${run.stderr}`];
  }
  const { problems, exitCode } = parsed.output;
  const found: string[] = [];
  const compare = (what: string, expected: readonly string[], said: readonly string[]) => {
    const unique = [...new Set(said)].sort();
    if (unique.join() === expected.join()) return;
    found.push(`verify on ${what}: expected [${expected.join()}], said [${unique.join()}]`);
  };
  const told = (codes: readonly string[], of: "device" | "uuid") =>
    problems.flatMap((one) => (codes.includes(one.code) ? [one[of] ?? one.message] : []));
  compare("live state", truth.live, told(LIVE_CODES, "device"));
  compare("records", truth.records, told(RECORD_CODES, "uuid"));
  compare("impossible records", truth.impossible, told(IMPOSSIBLE_CODES, "uuid"));
  const boot = problems.filter(({ code }) => code.startsWith("boot-"));
  if (boot.length > 0 && !truth.boot) found.push(`verify: ${boot[0]?.message}, with nothing there`);
  const unexplained = problems.filter(
    ({ code }) =>
      ![...LIVE_CODES, ...RECORD_CODES, ...IMPOSSIBLE_CODES].includes(code) &&
      !code.startsWith("boot-"),
  );
  found.push(...unexplained.map(({ message }) => `verify: ${message}`));
  const { live, records, impossible } = truth;
  const wanted = live.length + records.length + impossible.length + boot.length > 0 ? 1 : 0;
  if (run.exitCode !== wanted || exitCode !== wanted) {
    found.push(`verify ended with ${run.exitCode} where ${wanted} is the truth`);
  }
  return found;
}

/** A feature as a whole: `on` where something that can be changed is on or asked for. */
function stateOf(
  features: ReadonlyMap<string, Feature>,
  names: RegExp,
): "on" | "off" | "on, fixed" | "off, fixed" | "absent" {
  const group = [...features].filter(([name]) => names.test(name)).map(([, feature]) => feature);
  if (group.length === 0) return "absent";
  const free = group.filter(({ fixed }) => fixed !== true);
  if (free.some(({ active, requested }) => active || requested === true)) return "on";
  if (group.some(({ active }) => active)) return "on, fixed";
  return free.length > 0 ? "off" : "off, fixed";
}

function saysOn(value: string | undefined): boolean {
  return value === "on" || value === "true";
}

function saysOff(value: string | undefined): boolean {
  return value === "off" || value === "false";
}

function rows<S extends v.GenericSchema>(
  schema: S,
  database: DatabaseContent,
  className: string,
): readonly v.InferOutput<S>[] {
  return Object.values(database[className] ?? {}).map((record) => v.parse(schema, record));
}

/** `ethtool -k` of a device without its name, to hold devices against each other. */
export async function featuresText(dom0: Dom0, device: string): Promise<string> {
  const text = await dom0.text(["ethtool", "-k", device]);
  return text.slice(text.indexOf("\n") + 1);
}
