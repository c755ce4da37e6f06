import * as v from "valibot";
import type { Dom0 } from "../dom0/dom0.ts";
import type { Feature } from "../dom0/ethtool.ts";
import type { DatabaseContent } from "../dom0/simulator/control.ts";

/** The kernel's features behind each word, as the real ethtool prints them. */
const FEATURE_PATTERNS: readonly (readonly [word: string, names: RegExp])[] = [
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
const VIF_SETTING_FEATURES: readonly string[] = ["tx", "sg", "tso", "gso"];

/** What is not as the policy would have it, found without any of the program's own code. */
interface ExpectedFindings {
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
const RequestedFeaturesSchema = v.record(
  v.string(),
  v.object({ asked: v.optional(v.picklist(["on", "off"])), alone: v.optional(v.boolean(), false) }),
);
const PolicyEntrySchema = v.pipe(v.string(), v.parseJson(), v.object({ features: RequestedFeaturesSchema }));
const HostRuleSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ nics: v.array(v.string()), vifs: v.array(v.string()) }),
);

const VerifyReportSchema = v.object({
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

const LIVE_CODES = ["live-on", "requested-on"];
const IMPOSSIBLE_CODES = ["setting-unsupported"];
const SETTING_CODES = ["setting-missing", "setting-on", "setting-invalid"];
/** What something known will turn on again; held against devices by the tests of verify. */
const FUTURE_PROBLEM_CODES = /^(?:not-persistent|gro-not-persistent|networkd-turns-on|boot-.*)$/;

/** The texts of an object, the oldest first. */
function listPolicyEntries(config: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(config)
    .filter(([key]) => key.startsWith("offload-"))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text);
}

/** What was asked of one object, feature by feature. */
function parseRequestedFeatures(
  config: Readonly<Record<string, string>>,
): v.InferOutput<typeof RequestedFeaturesSchema> {
  return Object.assign({}, ...listPolicyEntries(config).map((text) => v.parse(PolicyEntrySchema, text).features));
}

/** What is to be off, by the UUID of what it is about; everything where nothing at all is asked for. */
function createExpectedFeatures(
  host: v.InferOutput<typeof Host>,
  pifs: readonly v.InferOutput<typeof Pif>[],
  vifs: readonly v.InferOutput<typeof Vif>[],
  isCovered: (vif: v.InferOutput<typeof Vif>) => boolean,
): (uuid: string) => ReadonlySet<string> {
  const newest = listPolicyEntries(host.other_config).at(-1);
  const rule = newest === undefined ? { nics: [], vifs: [] } : v.parse(HostRuleSchema, newest);
  const featureNames = FEATURE_PATTERNS.map(([feature]) => feature);
  const requested = new Map(
    [...pifs, ...vifs].map((target) => [target.uuid, parseRequestedFeatures(target.other_config)]),
  );
  const isOffForVm = (vm: string, feature: string) =>
    vifs.some((vif) => {
      const requestedFeature = requested.get(vif.uuid)?.[feature];
      return vif.VM === vm && requestedFeature?.asked === "off" && !requestedFeature.alone;
    });
  const expected = new Map<string, ReadonlySet<string>>();
  for (const { uuid } of pifs) {
    const off = featureNames.filter((feature) => {
      const own = requested.get(uuid)?.[feature]?.asked;
      return own === undefined ? rule.nics.includes(feature) : own === "off";
    });
    expected.set(uuid, new Set(off));
  }
  for (const vif of vifs.filter(isCovered)) {
    const off = featureNames.filter((feature) => {
      const own = requested.get(vif.uuid)?.[feature]?.asked;
      return own === undefined ? rule.vifs.includes(feature) || isOffForVm(vif.VM, feature) : own === "off";
    });
    expected.set(vif.uuid, new Set(off));
  }
  const isNothingRequested =
    rule.nics.length + rule.vifs.length === 0 && [...expected.values()].every((off) => off.size === 0);
  const allFeatures = new Set(featureNames);
  return (uuid) => (isNothingRequested ? allFeatures : (expected.get(uuid) ?? new Set()));
}

/** Looks at the kernel with ethtool, and at XAPI's database past XAPI. */
async function computeExpectedFindings(dom0: Dom0): Promise<ExpectedFindings> {
  const database = await dom0.simulator.database();
  const host = dom0.fixture.host.ref;
  const existing = new Set(await dom0.interfaces());
  const live: string[] = [];
  const settings: string[] = [];
  const impossible: string[] = [];
  const unsupportedStates = new Set<string>(["off, fixed", "absent"]);
  const pifs = rows(Pif, database, "PIF").filter((pif) => pif.host === host && pif.physical);
  const vms = new Map(Object.entries(database["VM"] ?? {}).map(([ref, record]) => [ref, v.parse(Vm, record)]));
  const vifs = rows(Vif, database, "VIF").filter(({ VM }) => {
    const vm = vms.get(VM);
    return vm !== undefined && !vm.is_control_domain && !vm.is_a_template;
  });
  const isLocal = ({ VM }: v.InferOutput<typeof Vif>) => vms.get(VM)?.resident_on === host;
  const isCovered = (vif: v.InferOutput<typeof Vif>) =>
    isLocal(vif) || vms.get(vif.VM)?.resident_on === "OpaqueRef:NULL";
  const own = v.parse(Host, database["host"]?.[host]);
  const getExpectedFeatures = createExpectedFeatures(own, pifs, vifs, isCovered);
  const checkDevice = async (device: string, featureNames: ReadonlySet<string>) => {
    const features = existing.has(device) ? await dom0.ethtool(device) : new Map<string, Feature>();
    const isOn = ([feature, names]: (typeof FEATURE_PATTERNS)[number]) =>
      featureNames.has(feature) && stateOf(features, names) === "on";
    if (FEATURE_PATTERNS.some(isOn)) live.push(device);
    return features;
  };
  for (const pif of pifs) {
    const featureNames = getExpectedFeatures(pif.uuid);
    const features = await checkDevice(pif.device, featureNames);
    const isSettingMissing = FEATURE_PATTERNS.some(
      ([feature, names]) =>
        featureNames.has(feature) &&
        stateOf(features, names) === "off" &&
        !isOffValue(pif.other_config[`ethtool-${feature}`]),
    );
    if (isSettingMissing) settings.push(pif.uuid);
    const isSettingImpossible = FEATURE_PATTERNS.some(([feature, names]) => {
      const value = pif.other_config[`ethtool-${feature}`];
      const state = stateOf(features, names);
      return (
        featureNames.has(feature) &&
        (isOffValue(value) ? state === "on, fixed" : isOnValue(value) && unsupportedStates.has(state))
      );
    });
    if (isSettingImpossible) impossible.push(pif.uuid);
  }
  for (const vif of vifs.filter(isCovered)) {
    const featureNames = getExpectedFeatures(vif.uuid);
    const device = `${vms.get(vif.VM)?.domid}.${vif.device}`;
    if (isLocal(vif) && vif.currently_attached) {
      await checkDevice(`vif${device}`, featureNames);
      // No packet goes through a tap whose guest has its own driver.
      const carrier = (await dom0.run(["cat", `/sys/class/net/vif${device}/carrier`])).stdout;
      if (existing.has(`tap${device}`) && carrier.trim() !== "1") await checkDevice(`tap${device}`, featureNames);
    }
    if (
      VIF_SETTING_FEATURES.some(
        (feature) => featureNames.has(feature) && !isOffValue(vif.other_config[`ethtool-${feature}`]),
      )
    ) {
      settings.push(vif.uuid);
    }
  }
  return { live: live.sort(), settings: settings.sort(), impossible: impossible.sort() };
}

/** What `offload verify --json` says against what is; empty where it says the same. */
export async function findVerifyMismatches(dom0: Dom0): Promise<readonly string[]> {
  const run = await dom0.offload("verify", "--json");
  const findings = await computeExpectedFindings(dom0);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), VerifyReportSchema), run.stdout);
  if (!parsed.success || run.stderr !== "") {
    return [`verify ended with ${run.exitCode} and said: ${run.stdout}${run.stderr}`];
  }
  const { problems, exitCode } = parsed.output;
  const found: string[] = [];
  const compare = (what: string, expected: readonly string[], reported: readonly string[]) => {
    const uniqueReported = [...new Set(reported)].sort();
    if (uniqueReported.join() === expected.join()) return;
    found.push(`verify on ${what}: expected [${expected.join()}], said [${uniqueReported.join()}]`);
  };
  const collectReported = (codes: readonly string[], of: "device" | "uuid") =>
    problems.flatMap((problem) => (codes.includes(problem.code) ? [problem[of] ?? problem.message] : []));
  compare("live state", findings.live, collectReported(LIVE_CODES, "device"));
  compare("settings", findings.settings, collectReported(SETTING_CODES, "uuid"));
  compare("impossible settings", findings.impossible, collectReported(IMPOSSIBLE_CODES, "uuid"));
  const expectedCodes = [...LIVE_CODES, ...SETTING_CODES, ...IMPOSSIBLE_CODES];
  const unexplained = problems.filter(({ code }) => !expectedCodes.includes(code) && !FUTURE_PROBLEM_CODES.test(code));
  found.push(...unexplained.map(({ code, message }) => `verify: ${code}: ${message}`));
  const expectedExitCode = problems.length > 0 ? 1 : 0;
  if (run.exitCode !== expectedExitCode || exitCode !== expectedExitCode) {
    found.push(`verify ended with ${run.exitCode} where ${expectedExitCode} was expected`);
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
  const changeable = group.filter(({ fixed }) => fixed !== true);
  if (changeable.some(({ active, requested }) => active || requested === true)) return "on";
  if (group.some(({ active }) => active)) return "on, fixed";
  return changeable.length > 0 ? "off" : "off, fixed";
}

function isOnValue(value: string | undefined): boolean {
  return value === "on" || value === "true";
}

function isOffValue(value: string | undefined): boolean {
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
export async function readFeaturesText(dom0: Dom0, device: string): Promise<string> {
  const text = await dom0.text(["ethtool", "-k", device]);
  return text.slice(text.indexOf("\n") + 1);
}
