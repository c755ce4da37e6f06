import { quoteShellWord } from "../disable/manual-commands.ts";
import type { ProblemCode } from "../problem.ts";
import type { Advice, Diagnosis, OffloadSetting, Report } from "../report.ts";
import { describeSettingsOfOthers, type SettingsOfOthers } from "../settings-of-others.ts";
import { formatCount, joinAnd } from "../text.ts";
import type { ThirdPartyHook } from "./third-party-hooks.ts";

/** How many interfaces a sentence names. */
const MAX_NAMED_INTERFACES = 4;

type DiagnosisFindings = Pick<Diagnosis, "ineffectiveSettings" | "networkSettings" | "hooks" | "software">;

type ReportFindings = Pick<Report, "problems" | "notes" | "advice">;

/**
 * What to do, each step with its reason, by the harm that it ends: what keeps NICs from being plugged, what undoes
 * everything, what is on, what is missing, and last what has no effect. Repeats nothing. What turns features off is
 * what `verify` advises.
 */
export function buildAdvice(
  report: ReportFindings,
  diagnosis: DiagnosisFindings,
  settingsOfOthers: SettingsOfOthers | null = null,
): Advice[] {
  const { undoing, others } = groupHooks(diagnosis.hooks);
  return [
    ...adviseOnToolstack(report),
    ...adviseOnUnsupportedSettings(report),
    ...adviseOnSettingsOfOthers(settingsOfOthers),
    ...undoing.map(adviseOnHooks),
    ...adviseOnDisable(report),
    ...adviseOnBoot(report),
    ...adviseOnDevices(report),
    ...adviseOnSoftware(diagnosis),
    ...adviseOnIneffective(diagnosis.ineffectiveSettings, "without effect"),
    ...adviseOnIneffective(diagnosis.networkSettings, "for the bridge itself, not for NICs or VIFs"),
    ...others.map(adviseOnHooks),
  ];
}

function filterByCode({ problems }: Pick<Report, "problems">, ...codes: readonly ProblemCode[]) {
  return problems.filter(({ code }) => codes.some((wanted) => wanted === code));
}

function formatInterfaceNames(problems: Report["problems"]): string {
  const names = [...new Set(problems.flatMap((problem) => ("interface" in problem ? [problem.interface ?? ""] : [])))];
  if (names.length <= MAX_NAMED_INTERFACES) return joinAnd(names);
  return `${names.slice(0, MAX_NAMED_INTERFACES).join(", ")} and ${names.length - MAX_NAMED_INTERFACES} more`;
}

/** Whoever takes over such a host may want either: to keep it so, or to have everything on again. */
function adviseOnSettingsOfOthers(others: SettingsOfOthers | null): readonly Advice[] {
  if (others === null) return [];
  const { sharedKeys } = others;
  const writer =
    sharedKeys === null
      ? "others wrote them"
      : `the same ${formatCount(sharedKeys.length, "key")} on each (${sharedKeys.join(", ")}), so most likely a script wrote them`;
  const found = `nothing is in the policy, and ${describeSettingsOfOthers(others)} say off: ${writer}`;
  return [
    { reason: `${found}; to keep it so and have it verified`, command: "offload disable ALL" },
    { reason: "or, to remove these settings and turn everything on", command: "offload enable ALL" },
  ];
}

function adviseOnToolstack(report: Pick<Report, "problems">): readonly Advice[] {
  return filterByCode(report, "xapi-unavailable").length === 0
    ? []
    : [{ reason: "XAPI did not answer, so no setting was read", command: "xe-toolstack-restart" }];
}

function adviseOnDisable(report: ReportFindings): readonly Advice[] {
  const command = report.advice.find((candidate) => candidate.startsWith("offload disable "));
  if (command === undefined) return [];
  const on = filterByCode(report, "live-on");
  const requestedOn = filterByCode(report, "requested-on", "gro-not-persistent", "networkd-turns-on");
  const settings = filterByCode(report, "setting-missing", "setting-on", "setting-invalid");
  const advice: Advice[] = [];
  if (on.length > 0) advice.push({ reason: `on, and could be off: ${formatInterfaceNames(on)}`, command });
  if (requestedOn.length > 0) {
    advice.push({
      reason: `off now, and coming back by itself: ${formatInterfaceNames(requestedOn)}`,
      command,
    });
  }
  if (settings.length > 0) {
    advice.push({
      reason: `without an off setting in XAPI: ${formatInterfaceNames(settings)}`,
      command,
    });
  }
  return advice;
}

function adviseOnUnsupportedSettings(report: Pick<Report, "problems">): readonly Advice[] {
  return filterByCode(report, "setting-unsupported").flatMap((problem): readonly Advice[] => {
    const uuid = "uuid" in problem ? problem.uuid : undefined;
    const keys = [...new Set(problem.message.match(/\bethtool-\w+/g) ?? [])];
    if (uuid === undefined || keys.length === 0) return [];
    const reason = `${joinAnd(keys)} cannot be applied, and PIF.plug will fail: ${formatInterfaceNames([problem])}`;
    return [{ reason, command: formatRemoval("pif", [uuid], keys) }];
  });
}

function adviseOnBoot(report: Pick<Report, "problems" | "notes">): readonly Advice[] {
  // Whether it may go, its administrator knows.
  const thirdParty = filterByCode(report, "boot-third-party", "boot-masked").map(
    ({ message }): Advice => ({ reason: message, command: `ls -ld ${/^\S+/.exec(message)?.[0]}` }),
  );
  const drift = filterByCode(report, "boot-drift", "boot-not-installed", "not-persistent");
  const missing = report.notes.filter(({ code }) => code === "not-persisted");
  const [first] = [...drift, ...missing];
  if (first === undefined || thirdParty.length > 0) return thirdParty;
  const reason = first.message.replace(/; [^;]*\boffload persist\b.*$/, "");
  const [command = "offload persist"] = /offload persist(?: --remove)?$/.exec(first.message) ?? [];
  return [{ reason, command }];
}

function adviseOnDevices(report: Pick<Report, "problems">): readonly Advice[] {
  return filterByCode(report, "device-missing", "device-unreadable").flatMap((problem) => {
    const device = "device" in problem ? problem.device : undefined;
    return device === undefined ? [] : [{ reason: problem.message, command: `ethtool -k ${quoteShellWord(device)}` }];
  });
}

/** One step for all objects of a class that have the same keys: there may be hundreds of them. */
function adviseOnIneffective(settings: readonly OffloadSetting[], what: string): readonly Advice[] {
  const byObject = [...Map.groupBy(settings, ({ of, uuid }) => `${of} ${uuid}`).values()];
  const listKeys = (group: readonly OffloadSetting[]) => group.map(({ key }) => key).sort();
  const alike = Map.groupBy(byObject, (group) => [group[0]?.of, ...listKeys(group)].join("\n"));
  return [...alike.values()].flatMap((objects): readonly Advice[] => {
    const [first] = objects[0] ?? [];
    if (first === undefined) return [];
    const count = formatCount(objects.flat().length, "setting", "settings");
    const { name, key, value } = first;
    const example = `${objects.flat().length === 1 ? ":" : ", such as"} ${key}=${value} of ${name}`;
    const uuids = objects.flatMap(([setting]) => setting?.uuid ?? []);
    return [
      {
        reason: `${count} ${what}${example}`,
        command: formatRemoval(first.of, uuids, listKeys(objects[0] ?? [])),
      },
    ];
  });
}

/** The command that removes keys from objects: a loop over what there is more than one of. */
function formatRemoval(of: OffloadSetting["of"], uuids: readonly string[], keys: readonly string[]): string {
  const quotedKeys = keys.map(quoteShellWord);
  const [uuid, key] = [uuids.length === 1 ? (uuids[0] ?? "") : "$u", quotedKeys.length === 1 ? quotedKeys[0] : '"$k"'];
  const remove = `xe ${of}-param-remove uuid=${uuid} param-name=other-config param-key=${key}`;
  const forEachKey = quotedKeys.length === 1 ? remove : `for k in ${quotedKeys.join(" ")}; do ${remove}; done`;
  return uuids.length === 1 ? forEachKey : `for u in ${uuids.join(" ")}; do ${forEachKey}; done`;
}

interface HooksOfFile {
  readonly path: string;
  readonly hooks: readonly ThirdPartyHook[];
}

/** Hooks by file: those that undo what `offload` did apart from the rest. */
function groupHooks(hooks: readonly ThirdPartyHook[]): {
  readonly undoing: readonly HooksOfFile[];
  readonly others: readonly HooksOfFile[];
} {
  // A driver that is loaded with a feature off does what is wanted.
  const relevant = hooks.filter(({ type, turnsOn }) => type !== "module options" || turnsOn);
  const byFile = [...Map.groupBy(relevant, ({ path }) => path)].map(([path, group]) => ({ path, hooks: group }));
  const isUndoing = ({ hooks: group }: HooksOfFile) =>
    group.some((hook) => hook.inactiveReason === null && (hook.turnsOn || removesSettings(hook)));
  return { undoing: byFile.filter(isUndoing), others: byFile.filter((file) => !isUndoing(file)) };
}

function removesSettings({ requests }: ThirdPartyHook): boolean {
  return requests.some(({ state }) => state === "removed");
}

/** Which of two that do the same wins is a matter of order; one of them is enough. */
function adviseOnHooks({ path, hooks }: HooksOfFile): Advice {
  const lines = hooks.filter(({ line }) => line > 0).map(({ line }) => String(line));
  const location = lines.length === 0 ? path : `${path}, ${lines.length === 1 ? "line" : "lines"} ${joinAnd(lines)},`;
  const inactiveReason = hooks[0]?.inactiveReason ?? null;
  const reason = `${location} ${describeEffect(hooks)}${inactiveReason === null ? "" : ` (${inactiveReason})`}`;
  const lineOption = lines.length === 0 ? "" : `+${lines[0]} `;
  return { reason, command: `vi ${lineOption}${quoteShellWord(path)}` };
}

function describeEffect(hooks: readonly ThirdPartyHook[]): string {
  if (hooks.some(({ turnsOn }) => turnsOn)) return "turns features on that offload turns off";
  if (hooks.some(removesSettings)) return "removes settings from XAPI; see that they are not those of offload";
  return hooks.every(({ line }) => line === 0)
    ? "is called for every VIF that is plugged; see that it touches no offloads"
    : "touches offloads by itself; offload persist does without that";
}

function adviseOnSoftware({ software }: DiagnosisFindings): readonly Advice[] {
  const missing = software.find(({ part, version }) => part === "ethtool" && version === null);
  return missing === undefined
    ? []
    : [
        {
          reason: "ethtool is missing: networkd and what persist installs need it",
          command: "yum install ethtool",
        },
      ];
}

/** The commands of the advice, each once. */
export function listCommands(advice: readonly Advice[]): readonly string[] {
  return [...new Set(advice.map(({ command }) => command))];
}
