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

/** The features whose settings disable writes on a VIF without their being named. */
const VIF_WORDS: readonly string[] = ["tx", "sg", "tso", "gso"];

/** What is not as the policy would have it, found without any of the program's own code. */
export interface Truth {
  /** Devices on which something is on, or waits to come on, that is to be off and could be. */
  readonly live: readonly string[];
  /** UUIDs of what lacks a setting that could say off. */
  readonly settings: readonly string[];
  /** UUIDs of NICs with a setting that they can never satisfy. */
  readonly impossible: readonly string[];
}

const OtherConfig = v.record(v.string(), v.string());
const Host = v.object({ other_config: OtherConfig });
const Pif = v.object({
  uuid: v.string(),
  device: v.string(),
  host: v.string(),
  physical: v.boolean(),
  other_config: OtherConfig,
});
const Vif = v.object({
  uuid: v.string(),
  device: v.string(),
  VM: v.string(),
  currently_attached: v.boolean(),
  other_config: OtherConfig,
});
const Vm = v.object({
  power_state: v.string(),
  domid: v.number(),
  resident_on: v.string(),
  is_control_domain: v.boolean(),
  is_a_template: v.boolean(),
});
const Asked = v.record(
  v.string(),
  v.object({ asked: v.optional(v.picklist(["on", "off"])), alone: v.optional(v.boolean(), false) }),
);
const Text = v.pipe(v.string(), v.parseJson(), v.object({ features: Asked }));
const Rule = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ nics: v.array(v.string()), vifs: v.array(v.string()) }),
);

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
const SETTING_CODES = ["record-missing", "record-says-on", "record-unreadable"];
/** What something known will turn on again; held against devices by the tests of verify. */
const LATER = /^(?:not-persistent|gro-not-persistent|networkd-turns-on|boot-.*)$/;

/** The texts of an object, the oldest first. */
function textsOf(config: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(config)
    .filter(([key]) => key.startsWith("offload-"))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text);
}

/** What was asked of one object, feature by feature. */
function askedOf(config: Readonly<Record<string, string>>): v.InferOutput<typeof Asked> {
  return Object.assign({}, ...textsOf(config).map((text) => v.parse(Text, text).features));
}

/** What is to be off, by the UUID of what it is about; everything where nothing at all is asked for. */
function expectedWords(
  host: v.InferOutput<typeof Host>,
  pifs: readonly v.InferOutput<typeof Pif>[],
  vifs: readonly v.InferOutput<typeof Vif>[],
  isOwn: (vif: v.InferOutput<typeof Vif>) => boolean,
): (uuid: string) => ReadonlySet<string> {
  const newest = textsOf(host.other_config).at(-1);
  const rule = newest === undefined ? { nics: [], vifs: [] } : v.parse(Rule, newest);
  const words = GROUPS.map(([word]) => word);
  const asked = new Map([...pifs, ...vifs].map((one) => [one.uuid, askedOf(one.other_config)]));
  const ofVm = (vm: string, word: string) =>
    vifs.some((vif) => {
      const said = asked.get(vif.uuid)?.[word];
      return vif.VM === vm && said?.asked === "off" && !said.alone;
    });
  const expected = new Map<string, ReadonlySet<string>>();
  for (const { uuid } of pifs) {
    const off = words.filter((word) => {
      const own = asked.get(uuid)?.[word]?.asked;
      return own === undefined ? rule.nics.includes(word) : own === "off";
    });
    expected.set(uuid, new Set(off));
  }
  for (const vif of vifs.filter(isOwn)) {
    const off = words.filter((word) => {
      const own = asked.get(vif.uuid)?.[word]?.asked;
      return own === undefined ? rule.vifs.includes(word) || ofVm(vif.VM, word) : own === "off";
    });
    expected.set(vif.uuid, new Set(off));
  }
  const isNothing =
    rule.nics.length + rule.vifs.length === 0 &&
    [...expected.values()].every((off) => off.size === 0);
  const everything = new Set(words);
  return (uuid) => (isNothing ? everything : (expected.get(uuid) ?? new Set()));
}

/** Looks at the kernel with ethtool, and at XAPI's database past XAPI. */
export async function truthOf(dom0: Dom0): Promise<Truth> {
  const database = await dom0.simulator.database();
  const host = dom0.world.host.ref;
  const existing = new Set(await dom0.interfaces());
  const live: string[] = [];
  const settings: string[] = [];
  const impossible: string[] = [];
  const cannot = new Set<string>(["off, fixed", "absent"]);
  const pifs = rows(Pif, database, "PIF").filter((pif) => pif.host === host && pif.physical);
  const vms = new Map(
    Object.entries(database["VM"] ?? {}).map(([ref, record]) => [ref, v.parse(Vm, record)]),
  );
  const vifs = rows(Vif, database, "VIF").filter(({ VM }) => {
    const vm = vms.get(VM);
    return vm !== undefined && !vm.is_control_domain && !vm.is_a_template;
  });
  const isHere = ({ VM }: v.InferOutput<typeof Vif>) => vms.get(VM)?.resident_on === host;
  const isOwn = (vif: v.InferOutput<typeof Vif>) =>
    isHere(vif) || vms.get(vif.VM)?.resident_on === "OpaqueRef:NULL";
  const own = v.parse(Host, database["host"]?.[host]);
  const wordsOf = expectedWords(own, pifs, vifs, isOwn);
  const lookAt = async (device: string, words: ReadonlySet<string>) => {
    const features = existing.has(device) ? await dom0.ethtool(device) : new Map<string, Feature>();
    const isOn = ([word, names]: (typeof GROUPS)[number]) =>
      words.has(word) && stateOf(features, names) === "on";
    if (GROUPS.some(isOn)) live.push(device);
    return features;
  };
  for (const pif of pifs) {
    const words = wordsOf(pif.uuid);
    const features = await lookAt(pif.device, words);
    const lacking = GROUPS.some(
      ([word, names]) =>
        words.has(word) &&
        stateOf(features, names) === "off" &&
        !saysOff(pif.other_config[`ethtool-${word}`]),
    );
    if (lacking) settings.push(pif.uuid);
    const never = GROUPS.some(([word, names]) => {
      const value = pif.other_config[`ethtool-${word}`];
      const state = stateOf(features, names);
      return (
        words.has(word) &&
        (saysOff(value) ? state === "on, fixed" : saysOn(value) && cannot.has(state))
      );
    });
    if (never) impossible.push(pif.uuid);
  }
  for (const vif of vifs.filter(isOwn)) {
    const words = wordsOf(vif.uuid);
    const device = `${vms.get(vif.VM)?.domid}.${vif.device}`;
    if (isHere(vif) && vif.currently_attached) {
      await lookAt(`vif${device}`, words);
      // No packet goes through a tap whose guest has its own driver.
      const isIdle = (await dom0.run(["cat", `/sys/class/net/vif${device}/carrier`])).stdout;
      if (existing.has(`tap${device}`) && isIdle.trim() !== "1")
        await lookAt(`tap${device}`, words);
    }
    if (
      VIF_WORDS.some((word) => words.has(word) && !saysOff(vif.other_config[`ethtool-${word}`]))
    ) {
      settings.push(vif.uuid);
    }
  }
  return { live: live.sort(), settings: settings.sort(), impossible: impossible.sort() };
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
  compare("settings", truth.settings, told(SETTING_CODES, "uuid"));
  compare("impossible settings", truth.impossible, told(IMPOSSIBLE_CODES, "uuid"));
  const known = [...LIVE_CODES, ...SETTING_CODES, ...IMPOSSIBLE_CODES];
  const unexplained = problems.filter(({ code }) => !known.includes(code) && !LATER.test(code));
  found.push(...unexplained.map(({ code, message }) => `verify: ${code}: ${message}`));
  const wanted = problems.length > 0 ? 1 : 0;
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
