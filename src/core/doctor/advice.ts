import { quoteShellWord } from "../disable/manual-commands.ts";
import type { ProblemCode } from "../problem.ts";
import type { Advice, Diagnosis, OffloadSetting, Report } from "../report.ts";
import { joinAnd } from "../text.ts";
import type { ThirdPartyHook } from "./third-party-hooks.ts";

/** How many interfaces a sentence names. */
const MAX_NAMED_INTERFACES = 4;

type DiagnosisFindings = Pick<Diagnosis, "ineffectiveSettings" | "networkSettings" | "hooks" | "software">;

type ReportFindings = Pick<Report, "problems" | "notes" | "advice">;

/**
 * What to do, each step with its reason, the most urgent first. Repeats nothing. What turns features off is
 * what `verify` advises.
 */
export function buildAdvice(report: ReportFindings, diagnosis: DiagnosisFindings): Advice[] {
  return [
    ...adviseOnToolstack(report),
    ...adviseOnDisable(report),
    ...adviseOnSettings(report),
    ...adviseOnBoot(report),
    ...adviseOnDevices(report),
    ...diagnosis.ineffectiveSettings.map((setting) =>
      adviseRemoval(setting, `${formatSetting(setting)} has no effect`),
    ),
    ...diagnosis.networkSettings.map((setting) =>
      adviseRemoval(setting, `${formatSetting(setting)}: ${setting.reason}`),
    ),
    ...adviseOnHooks(diagnosis.hooks),
    ...adviseOnSoftware(diagnosis),
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

function adviseOnToolstack(report: Pick<Report, "problems">): readonly Advice[] {
  return filterByCode(report, "xapi-unavailable").length === 0
    ? []
    : [{ reason: "XAPI did not answer, so no record was read", command: "xe-toolstack-restart" }];
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
      reason: `not recorded as off in XAPI: ${formatInterfaceNames(settings)}`,
      command,
    });
  }
  return advice;
}

function adviseOnSettings(report: Pick<Report, "problems">): readonly Advice[] {
  return filterByCode(report, "setting-unsupported").flatMap((problem) => {
    const uuid = "uuid" in problem ? problem.uuid : undefined;
    const keys = [...new Set(problem.message.match(/\bethtool-\w+/g) ?? [])];
    return uuid === undefined
      ? []
      : keys.map((key) => ({
          reason: `${key} cannot be applied, and PIF.plug will fail: ${formatInterfaceNames([problem])}`,
          command: `xe pif-param-remove uuid=${uuid} param-name=other-config param-key=${key}`,
        }));
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

function formatSetting({ name, key, value }: OffloadSetting): string {
  return `${key}=${value} of ${name}`;
}

function adviseRemoval({ of, uuid, key }: OffloadSetting, reason: string): Advice {
  return {
    reason,
    command: `xe ${of}-param-remove uuid=${uuid} param-name=other-config param-key=${quoteShellWord(key)}`,
  };
}

/** Which of two that do the same wins is a matter of order; one of them is enough. */
function adviseOnHooks(hooks: readonly ThirdPartyHook[]): readonly Advice[] {
  return [...Map.groupBy(hooks, ({ path }) => path)].flatMap(([path, hooksInFile]) => {
    const [first] = hooksInFile;
    if (first === undefined) return [];
    const effect =
      first.line === 0
        ? "is called for every VIF that is plugged; see that it touches no offloads"
        : hooksInFile.some(({ turnsOn }) => turnsOn)
          ? "turns features on that offload turns off"
          : "touches offloads by itself; offload persist does without that";
    const lines = hooksInFile.map(({ line }) => String(line));
    const location = first.line === 0 ? path : `${path}, line ${joinAnd(lines)},`;
    const reason = `${location} ${effect}${first.inactiveReason === null ? "" : ` (${first.inactiveReason})`}`;
    const lineOption = first.line === 0 ? "" : `+${first.line} `;
    return [{ reason, command: `vi ${lineOption}${quoteShellWord(path)}` }];
  });
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
