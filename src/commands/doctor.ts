import type { CommandDef } from "citty";
import { inspectBoot } from "../boot/boot-layer.ts";
import type { Invocation, Told } from "../cli/command.ts";
import { parseArguments, parsePool, passOptions } from "../cli/parse-args.ts";
import { reportingCommand } from "../cli/reporting.ts";
import type { Interruption } from "../cli/signals.ts";
import { DOCTOR } from "../cli/specs/doctor.ts";
import { type BootLayer, bootReportOf } from "../core/boot-layer.ts";
import type { LiveView } from "../core/disable/steps.ts";
import { adviceFor, commandsOf } from "../core/doctor/advice.ts";
import {
  networkRecords,
  nicDrivers,
  type StrayRecord,
  strayPifRecords,
  strayRecords,
  summarise,
} from "../core/doctor/diagnosis.ts";
import { PLAIN, Redaction, type Redactor, redactReport } from "../core/doctor/redaction.ts";
import { softwareOf } from "../core/doctor/software.ts";
import { type Hook, hooksIn } from "../core/doctor/third-party-hooks.ts";
import { DEFAULT_KEYWORDS, KEYWORDS } from "../core/features.ts";
import type { Interface } from "../core/interface.ts";
import type { Circumstances } from "../core/ports.ts";
import { exitCodeOf, type Problem } from "../core/problem.ts";
import { type Report, reportOf } from "../core/report.ts";
import { type Result, success, usage } from "../core/result.ts";
import { survey } from "../core/targets/survey.ts";
import { judge } from "../core/verify/verdict.ts";
import { type Dom0, silenceProblems, withWhateverHost } from "../host/open.ts";
import { type Chosen, chooseWholeHost, scopeOf } from "../host/selection.ts";
import { readForeignFiles } from "../host/third-party-files.ts";
import { type VerifyOptions, verifyHost } from "../host/verify.ts";
import { readOwnSoftware } from "../kernel/software.ts";
import type { PoolCall } from "../plugin/pool-call.ts";
import { listState } from "../state/directory.ts";
import { VERSION } from "../version.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** `offload doctor`: one page that tells a stranger what there is to know about this host. */
export function doctorCommand(invocation: Invocation): CommandDef {
  return reportingCommand(DOCTOR, invocation, async ({ rawArgs, interruption, call }) => {
    const given = parseArguments(DOCTOR.args, rawArgs);
    if (!given.ok) return given;
    if (given.value.positionals.length > 0) {
      return usage("doctor-takes-no-target", "doctor describes the whole host and takes no target");
    }
    const pool = parsePool(given.value);
    if (!pool.ok) return pool;
    if (pool.value === null) return await doctor(given.value.flag("redact"), interruption, call);
    const { runOnPool } = await import("../pool/run.ts");
    const flags = passOptions(given.value, DOCTOR.args, ["redact"]);
    return await runOnPool({ command: "doctor", targets: [], flags, ...pool.value }, interruption);
  });
}

function doctor(
  redact: boolean,
  interruption: Interruption,
  call: PoolCall | null,
): Promise<Result<Told>> {
  return withWhateverHost(interruption, scopeOf([], call), async (dom0) => {
    const examination = new Examination();
    const circumstances = await examination.circumstances(dom0);
    const redaction = redact ? redactionOf(dom0, circumstances) : null;
    if (redaction === null) {
      return success({ report: await examine(dom0, circumstances, PLAIN, examination) });
    }
    const shown = redactedHost(dom0, redaction);
    const report = await examine(shown, circumstances, redaction, examination);
    return success({ report: redactReport(report, redaction) });
  });
}

/** Collects what could not be looked at: one thing that fails must not hide the others. */
class Examination {
  readonly unread: { readonly what: string; readonly because: string }[] = [];

  /** The value, or null and a note of why there is none. */
  take<T>(what: string, result: Result<T>): T | null {
    if (result.ok) return result.value;
    this.note(what, result.failures.map(({ message }) => message).join("; "));
    return null;
  }

  note(what: string, because: string): void {
    this.unread.push({ what, because });
  }

  /** The same for what may come upon a file that is no file, or a disk that fails. */
  attempt<T>(what: string, action: () => Result<T>): T | null {
    try {
      return this.take(what, action());
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      this.note(what, error.message);
      return null;
    }
  }

  async circumstances({ records }: Dom0): Promise<Circumstances | null> {
    return records.known
      ? this.take("versions and networks in XAPI", await records.toolstack.circumstances())
      : null;
  }
}

function redactionOf({ host, records }: Dom0, circumstances: Circumstances | null): Redaction {
  const inventory = records.known ? records.inventory : null;
  return new Redaction([
    { kind: "host", ...host },
    ...(inventory?.hosts ?? []).map(({ uuid, name }) => ({ kind: "host" as const, uuid, name })),
    ...(inventory?.vms ?? []).map(({ uuid, name }) => ({ kind: "VM" as const, uuid, name })),
    ...(circumstances?.networks ?? []).map(({ uuid, name }) => ({
      kind: "network" as const,
      uuid,
      name,
    })),
  ]);
}

function redactedHost(dom0: Dom0, redaction: Redaction): Dom0 {
  const { records } = dom0;
  return {
    ...dom0,
    host: redaction.host(dom0.host),
    records: records.known
      ? { ...records, inventory: redaction.inventory(records.inventory) }
      : records,
  };
}

async function examine(
  dom0: Dom0,
  circumstances: Circumstances | null,
  redactor: Redactor,
  examination: Examination,
): Promise<Report> {
  const { records } = dom0;
  const chosen = examination.take("NICs and VIFs", await chooseWholeHost(dom0));
  const interfaces = chosen?.interfaces ?? [];
  const view = examination.attempt("network devices", () => survey(interfaces, dom0.kernel));
  const boot = examination.attempt("what is installed for boot", inspectBoot);
  const judged = judgement(dom0, chosen, view, boot);
  const found = {
    ...recordsFound(dom0, interfaces, circumstances, redactor),
    hooks: hooksFound(redactor, examination),
  };
  const ownNotes = examination.attempt("its own notes", listState) ?? [];
  const problems = [...silenceProblems(records), ...judged.problems, ...notRead(examination)];
  const advice = adviceFor({ problems, notes: judged.notes, advice: judged.advice }, found);
  return reportOf("doctor", {
    host: dom0.host,
    exitCode: exitCodeOf(problems, { strict: false, changing: false }),
    devices: judged.devices,
    problems,
    notes: judged.notes,
    boot: boot === null ? null : bootReportOf(boot),
    advice: commandsOf(advice),
    diagnosis: {
      taken: new Date().toISOString(),
      redacted: redactor !== PLAIN,
      ...found,
      nics: view === null ? [] : nicDrivers(interfaces, view, dom0.kernel),
      devices: judged.summaries,
      ownNotes,
      unread: examination.unread,
      advice,
    },
  });
}

/** The software, and records that are read by nobody or for something else. */
function recordsFound(
  { records, product }: Dom0,
  interfaces: readonly Interface[],
  circumstances: Circumstances | null,
  redactor: Redactor,
) {
  const software = softwareOf(circumstances?.software ?? new Map(), {
    product,
    offload: VERSION,
    ...readOwnSoftware(),
  });
  const backend = software.find(({ part }) => part === "network backend")?.version ?? null;
  const others = records.known ? strayPifRecords(records.inventory, backend) : [];
  const networks = (circumstances?.networks ?? []).map((network) => redactor.network(network));
  const redacted = (stray: readonly StrayRecord[]) =>
    stray.map((record) => ({ ...record, value: redactor.foreign(record.value) }));
  return {
    software,
    deadRecords: redacted([...strayRecords(interfaces), ...others]),
    networkRecords: redacted(networkRecords(networks)),
  };
}

/** What others have on this host that touches offloads. */
function hooksFound(redactor: Redactor, examination: Examination): readonly Hook[] {
  const { files, unread } = readForeignFiles();
  for (const { what, because } of unread) examination.note(redactor.path(what), because);
  return files.flatMap(hooksIn).map((hook) => redactor.hook(hook));
}

function judgement(
  dom0: Dom0,
  chosen: Chosen | null,
  view: LiveView | null,
  boot: BootLayer | null,
) {
  if (view === null || chosen === null) {
    return { devices: [], summaries: [], problems: [], notes: [], advice: [] };
  }
  // Problems are those of the policy, as verify has them; the page shows all there are.
  const records = dom0.records.known;
  const all = judge(chosen.interfaces, view, { keywords: KEYWORDS, records });
  const layer: BootLayer = boot ?? { method: null, state: "absent", covers: null };
  const found = records
    ? verifyHost(
        {
          chosen,
          view,
          boot: layer,
          networkd: readNetworkdDb(),
          hasCarrier: (device) => dom0.kernel.hasCarrier(device),
        },
        WHOLE_POLICY,
      )
    : { ...judge(chosen.interfaces, view, { keywords: DEFAULT_KEYWORDS, records }), advice: [] };
  return {
    devices: found.devices,
    summaries: all.devices.map((device) => summarise(device, boot)),
    problems: found.problems,
    advice: found.advice,
    // Settings that nothing reads are listed one by one.
    notes: found.notes.filter(({ code }) => code !== "record-ignored"),
  };
}

const WHOLE_POLICY: VerifyOptions = {
  features: DEFAULT_KEYWORDS,
  named: false,
  everything: false,
  wholeHost: true,
  strict: false,
  words: ["ALL"],
};

function notRead({ unread }: Examination): readonly Problem[] {
  return unread.map(
    ({ what, because }): Problem => ({
      code: "not-read",
      message: `${what}: could not be read: ${because}`,
    }),
  );
}
