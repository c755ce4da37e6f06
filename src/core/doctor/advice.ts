import { shellQuoted } from "../disable/manual-commands.ts";
import type { ProblemCode } from "../problem.ts";
import type { Report } from "../report.ts";
import { listed } from "../text.ts";
import type { Advice, Diagnosis, StrayRecord } from "./diagnosis.ts";
import type { Hook } from "./third-party-hooks.ts";

/** How many interfaces a sentence names. */
const NAMED = 4;

type Found = Pick<Diagnosis, "deadRecords" | "networkRecords" | "hooks" | "software">;

type Findings = Pick<Report, "problems" | "notes" | "advice">;

/**
 * What to do, each step with its reason, the most urgent first. Repeats nothing. What turns features off is
 * what `verify` advises.
 */
export function adviceFor(report: Findings, found: Found): Advice[] {
  return [
    ...toolstackAdvice(report),
    ...disableAdvice(report),
    ...recordAdvice(report),
    ...bootAdvice(report),
    ...deviceAdvice(report),
    ...found.deadRecords.map((record) => removal(record, `${inWords(record)} is read by nobody`)),
    ...found.networkRecords.map((record) =>
      removal(record, `${inWords(record)}: ${record.because}`),
    ),
    ...hookAdvice(found.hooks),
    ...softwareAdvice(found),
  ];
}

function withCode({ problems }: Pick<Report, "problems">, ...codes: readonly ProblemCode[]) {
  return problems.filter(({ code }) => codes.some((one) => one === code));
}

function subjects(problems: Report["problems"]): string {
  const names = [
    ...new Set(problems.flatMap((one) => ("interface" in one ? [one.interface ?? ""] : []))),
  ];
  if (names.length <= NAMED) return listed(names);
  return `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more`;
}

function toolstackAdvice(report: Pick<Report, "problems">): readonly Advice[] {
  return withCode(report, "xapi-unavailable").length === 0
    ? []
    : [{ because: "XAPI did not answer, so no record was read", command: "xe-toolstack-restart" }];
}

function disableAdvice(report: Findings): readonly Advice[] {
  const command = report.advice.find((one) => one.startsWith("offload disable "));
  if (command === undefined) return [];
  const on = withCode(report, "live-on");
  const later = withCode(report, "latent", "gro-not-persistent", "networkd-turns-on");
  const records = withCode(report, "record-missing", "record-says-on", "record-unreadable");
  const advice: Advice[] = [];
  if (on.length > 0) advice.push({ because: `on, and could be off: ${subjects(on)}`, command });
  if (later.length > 0) {
    advice.push({ because: `off now, and coming back by itself: ${subjects(later)}`, command });
  }
  if (records.length > 0) {
    advice.push({ because: `not recorded as off in XAPI: ${subjects(records)}`, command });
  }
  return advice;
}

function recordAdvice(report: Pick<Report, "problems">): readonly Advice[] {
  return withCode(report, "record-unsatisfiable").flatMap((problem) => {
    const uuid = "uuid" in problem ? problem.uuid : undefined;
    const keys = [...new Set(problem.message.match(/\bethtool-\w+/g) ?? [])];
    return uuid === undefined
      ? []
      : keys.map((key) => ({
          because: `the NIC can never do what ${key} says, and a later plug fails: ${subjects([problem])}`,
          command: `xe pif-param-remove uuid=${uuid} param-name=other-config param-key=${key}`,
        }));
  });
}

function bootAdvice(report: Pick<Report, "problems" | "notes">): readonly Advice[] {
  const wrong = withCode(report, "boot-wrong", "boot-absent", "not-persistent");
  const missing = report.notes.filter(({ code }) => code === "not-persisted");
  const [first] = [...wrong, ...missing];
  if (first === undefined) return [];
  const because = first.message.replace(/; [^;]*\boffload persist\b.*$/, "");
  const [command = "offload persist"] = /offload persist(?: --remove)?$/.exec(first.message) ?? [];
  return [{ because, command }];
}

function deviceAdvice(report: Pick<Report, "problems">): readonly Advice[] {
  return withCode(report, "device-missing", "device-unreadable").flatMap((problem) => {
    const device = "device" in problem ? problem.device : undefined;
    return device === undefined
      ? []
      : [{ because: problem.message, command: `ethtool -k ${shellQuoted(device)}` }];
  });
}

function inWords({ name, key, value }: StrayRecord): string {
  return `${key}=${value} of ${name}`;
}

function removal({ of, uuid, key }: StrayRecord, because: string): Advice {
  return {
    because,
    command: `xe ${of}-param-remove uuid=${uuid} param-name=other-config param-key=${shellQuoted(key)}`,
  };
}

/** Which of two that do the same wins is a matter of order; one of them is enough. */
function hookAdvice(hooks: readonly Hook[]): readonly Advice[] {
  return [...Map.groupBy(hooks, ({ path }) => path)].flatMap(([path, those]) => {
    const [first] = those;
    if (first === undefined) return [];
    const does =
      first.line === 0
        ? "is called for every VIF that is plugged; see that it touches no offloads"
        : those.some(({ turnsOn }) => turnsOn)
          ? "turns features on that offload turns off"
          : "touches offloads by itself; offload persist does without that";
    const lines = those.map(({ line }) => String(line));
    const where = first.line === 0 ? path : `${path}, line ${listed(lines)},`;
    const because = `${where} ${does}${first.idle === null ? "" : ` (${first.idle})`}`;
    const at = first.line === 0 ? "" : `+${first.line} `;
    return [{ because, command: `vi ${at}${shellQuoted(path)}` }];
  });
}

function softwareAdvice({ software }: Found): readonly Advice[] {
  const missing = software.find(({ part, version }) => part === "ethtool" && version === null);
  return missing === undefined
    ? []
    : [
        {
          because: "ethtool is missing: networkd and what persist installs need it",
          command: "yum install ethtool",
        },
      ];
}

/** The commands of the advice, each once. */
export function commandsOf(advice: readonly Advice[]): readonly string[] {
  return [...new Set(advice.map(({ command }) => command))];
}
