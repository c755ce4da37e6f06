import { inspectBootLayer } from "../boot/boot-layer.ts";
import { type CommandResult, defineOffloadCommand } from "../cli/command.ts";
import { formatForwardedOptions, parsePoolOptions } from "../cli/options.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { DOCTOR } from "../cli/specs/doctor.ts";
import { type BootLayer, toBootReport } from "../core/boot-layer.ts";
import { attempt, attemptAsync, CommandError, usageError } from "../core/command-error.ts";
import type { FeatureSnapshot } from "../core/disable/steps.ts";
import { buildAdvice, listCommands } from "../core/doctor/advice.ts";
import {
  listIneffectivePifSettings,
  listIneffectiveSettings,
  listNetworkSettings,
  readNicDrivers,
} from "../core/doctor/diagnosis.ts";
import { NO_REDACTION, Redaction, type Redactor, redactReport } from "../core/doctor/redaction.ts";
import { collectSoftware } from "../core/doctor/software.ts";
import { findHooks, type ThirdPartyHook } from "../core/doctor/third-party-hooks.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES } from "../core/features.ts";
import type { Interface } from "../core/interface.ts";
import { Policy } from "../core/policy.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { XapiDiagnostics } from "../core/ports.ts";
import { computeExitCode, type Problem } from "../core/problem.ts";
import { createReport, type OffloadSetting, type Report } from "../core/report.ts";
import { countSettingsOfOthers, type SettingsOfOthers } from "../core/settings-of-others.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import { evaluateInterfaces } from "../core/verify/evaluate-interfaces.ts";
import { type Dom0, toXapiProblems, withPartialDom0 } from "../host/open.ts";
import { getReadScope, type SelectedTargets, selectWholeHost } from "../host/selection.ts";
import { readThirdPartyFiles } from "../host/third-party-files.ts";
import { type VerifyOptions, verifyHost } from "../host/verify.ts";
import { readLocalSoftware } from "../kernel/software.ts";
import { listStateFiles } from "../state/state-file.ts";
import { VERSION } from "../version.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** `offload doctor`: one page with what there is to know about this host, for a support ticket. */
export const doctorCommand = defineOffloadCommand("doctor", DOCTOR, async (args, { signals, call }) => {
  if (args.positionals.length > 0) {
    throw usageError("unexpected-target", "doctor describes the whole host and takes no target");
  }
  const pool = parsePoolOptions(args);
  if (pool === null) return await runDoctor(args.flag("redact"), signals, call);
  const { runOnPool } = await import("../pool/run.ts");
  const flags = formatForwardedOptions(args, DOCTOR.args, ["redact"]);
  return await runOnPool({ command: "doctor", targets: [], flags, ...pool }, signals);
});

function runDoctor(redact: boolean, signals: SignalHandler, call: PoolCall | null): Promise<CommandResult> {
  return withPartialDom0(signals, getReadScope([], call), async (dom0) => {
    const failures = new ReadFailures();
    const diagnostics = await failures.readDiagnostics(dom0);
    const redaction = redact ? createRedaction(dom0, diagnostics) : null;
    if (redaction === null) {
      return {
        report: await createDoctorReport(dom0, diagnostics, NO_REDACTION, failures),
      };
    }
    const redactedDom0 = redactDom0(dom0, redaction);
    const report = await createDoctorReport(redactedDom0, diagnostics, redaction, failures);
    return { report: redactReport(report, redaction) };
  });
}

/** Collects what could not be looked at: one thing that fails must not hide the others. */
class ReadFailures {
  readonly unreadable: { readonly path: string; readonly reason: string }[] = [];

  /** What is read, or null and a note of why there is nothing. */
  async readOrNull<T>(what: string, read: () => Promise<T>): Promise<T | null> {
    const value = await attemptAsync(read);
    if (!(value instanceof CommandError)) return value;
    this.add(what, value.message);
    return null;
  }

  add(what: string, reason: string): void {
    this.unreadable.push({ path: what, reason });
  }

  /** The same for what may come upon a file that is no file, or a disk that fails. */
  tryRead<T>(what: string, action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      const isExpected = error instanceof CommandError || (error instanceof Error && "code" in error);
      if (!isExpected) throw error;
      this.add(what, error.message);
      return null;
    }
  }

  async readDiagnostics({ xapi }: Dom0): Promise<XapiDiagnostics | null> {
    return xapi.isKnown
      ? await this.readOrNull("versions and networks in XAPI", () => xapi.toolstack.readDiagnostics())
      : null;
  }
}

function createRedaction({ host, xapi }: Dom0, diagnostics: XapiDiagnostics | null): Redaction {
  const inventory = xapi.isKnown ? xapi.inventory : null;
  return new Redaction([
    { kind: "host", ...host },
    ...(inventory?.hosts ?? []).map(({ uuid, name }) => ({ kind: "host" as const, uuid, name })),
    ...(inventory?.vms ?? []).map(({ uuid, name }) => ({ kind: "VM" as const, uuid, name })),
    ...(diagnostics?.networks ?? []).map(({ uuid, name }) => ({
      kind: "network" as const,
      uuid,
      name,
    })),
  ]);
}

function redactDom0(dom0: Dom0, redaction: Redaction): Dom0 {
  const { xapi } = dom0;
  return {
    ...dom0,
    host: redaction.redactHost(dom0.host),
    xapi: xapi.isKnown ? { ...xapi, inventory: redaction.redactInventory(xapi.inventory) } : xapi,
  };
}

async function createDoctorReport(
  dom0: Dom0,
  diagnostics: XapiDiagnostics | null,
  redactor: Redactor,
  failures: ReadFailures,
): Promise<Report> {
  const { xapi } = dom0;
  const selected = await failures.readOrNull("NICs and VIFs", () => selectWholeHost(dom0));
  const interfaces = selected?.interfaces ?? [];
  const snapshot = failures.tryRead("network devices", () => readInterfaceFeatures(interfaces, dom0.kernel));
  const boot = failures.tryRead("what is installed for boot", inspectBootLayer);
  const evaluation = evaluateHost(dom0, selected, snapshot, boot);
  const findings = {
    ...(await findSettings(dom0, interfaces, diagnostics, redactor)),
    hooks: readHooks(redactor, failures),
  };
  const stateFiles = failures.tryRead("its own notes", listStateFiles) ?? [];
  const problems = [...toXapiProblems(xapi), ...evaluation.problems, ...toNotReadProblems(failures)];
  const advice = buildAdvice(
    { problems, notes: evaluation.notes, advice: evaluation.advice },
    findings,
    findSettingsOfOthers(dom0, interfaces),
  );
  return createReport("doctor", {
    host: dom0.host,
    exitCode: computeExitCode(problems, { strict: false, changing: false }),
    devices: evaluation.devices,
    problems,
    notes: evaluation.notes,
    boot: boot === null ? null : toBootReport(boot),
    advice: listCommands(advice),
    diagnosis: {
      taken: new Date().toISOString(),
      redacted: redactor !== NO_REDACTION,
      ...findings,
      nics: snapshot === null ? [] : readNicDrivers(interfaces, snapshot, dom0.kernel),
      stateFiles,
      unreadable: failures.unreadable,
      advice,
    },
  });
}

/** What others have turned off, on a host of which nothing is in the policy. */
function findSettingsOfOthers({ xapi }: Dom0, interfaces: readonly Interface[]): SettingsOfOthers | null {
  if (!xapi.isKnown) return null;
  const policy = Policy.fromInventory(xapi.inventory);
  const hasPolicy = policy.hasHostRule || interfaces.some((iface) => policy.hasPolicyFor(iface));
  const others = hasPolicy ? null : countSettingsOfOthers(interfaces);
  // Of a few settings their owner knows; it is a host on which everything is off that needs an answer.
  const managed = interfaces.filter(({ kind }) => kind !== "unmanaged");
  return others !== null && others.pifs + others.vifs === managed.length ? others : null;
}

/** The software, and settings that nothing reads, or that are for something else. */
async function findSettings(
  { xapi, product }: Dom0,
  interfaces: readonly Interface[],
  diagnostics: XapiDiagnostics | null,
  redactor: Redactor,
) {
  const software = collectSoftware(diagnostics?.software ?? new Map(), {
    product,
    offload: VERSION,
    ...(await readLocalSoftware()),
  });
  const backend = software.find(({ part }) => part === "network backend")?.version ?? null;
  const pifSettings = xapi.isKnown ? listIneffectivePifSettings(xapi.inventory, backend) : [];
  const networks = (diagnostics?.networks ?? []).map((network) => redactor.redactNetwork(network));
  const redactValues = (settings: readonly OffloadSetting[]) =>
    settings.map((setting) => ({ ...setting, value: redactor.redactText(setting.value) }));
  return {
    software,
    ineffectiveSettings: redactValues([...listIneffectiveSettings(interfaces), ...pifSettings]),
    networkSettings: redactValues(listNetworkSettings(networks)),
  };
}

/** What others have on this host that touches offloads. */
function readHooks(redactor: Redactor, failures: ReadFailures): readonly ThirdPartyHook[] {
  const { files, unreadable } = readThirdPartyFiles();
  for (const { path: what, reason } of unreadable) failures.add(redactor.redactPath(what), reason);
  return files.flatMap(findHooks).map((hook) => redactor.redactHook(hook));
}

function evaluateHost(
  dom0: Dom0,
  selected: SelectedTargets | null,
  snapshot: FeatureSnapshot | null,
  boot: BootLayer | null,
) {
  if (snapshot === null || selected === null) {
    return { devices: [], problems: [], notes: [], advice: [] };
  }
  // Problems are those of the policy, as verify has them; the page shows all there are.
  const isXapiKnown = dom0.xapi.isKnown;
  const allFeatures = evaluateInterfaces(selected.interfaces, snapshot, {
    features: FEATURE_NAMES,
    includesSettings: isXapiKnown,
  });
  const bootLayer: BootLayer = boot ?? { method: null, state: "not-installed", covers: null, thirdParty: [] };
  const policyFindings = isXapiKnown
    ? verifyHost(
        {
          selected,
          snapshot,
          boot: bootLayer,
          networkd: attempt(readNetworkdDb),
          hasCarrier: (device) => dom0.kernel.hasCarrier(device),
          // Its page has a list of its own for these.
          otherSettings: [],
        },
        WHOLE_HOST_OPTIONS,
      )
    : {
        ...evaluateInterfaces(selected.interfaces, snapshot, {
          features: DEFAULT_FEATURES,
          includesSettings: isXapiKnown,
        }),
        advice: [],
      };
  return {
    devices: allFeatures.devices,
    problems: policyFindings.problems,
    advice: policyFindings.advice,
    // Settings that nothing reads are listed one by one.
    notes: policyFindings.notes.filter(({ code }) => code !== "setting-ineffective"),
  };
}

const WHOLE_HOST_OPTIONS: VerifyOptions = {
  features: DEFAULT_FEATURES,
  hasExplicitFeatures: false,
  hasGroupTarget: false,
  isWholeHost: true,
  strict: false,
  targetWords: ["ALL"],
};

function toNotReadProblems({ unreadable }: ReadFailures): readonly Problem[] {
  return unreadable.map(
    ({ path: what, reason }): Problem => ({
      code: "not-readable",
      message: `${what}: could not be read: ${reason}`,
    }),
  );
}
