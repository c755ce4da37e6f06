import type { BootReport } from "./boot-layer.ts";
import type { Failure } from "./command-error.ts";
import type { Change } from "./disable/steps.ts";
import type { ThirdPartyHook } from "./doctor/third-party-hooks.ts";
import type { Feature } from "./features.ts";
import type { ExitCode, Note, Problem } from "./problem.ts";

/** What is true of one feature of one device, and what to think of it. */
export interface FeatureReport {
  /** In force now; null where there is no device to read. */
  readonly live: "on" | "off" | "absent" | null;
  /** The driver does not let it be changed. */
  readonly fixed: boolean;
  /** Asked for: with `live` off it will come on by itself. */
  readonly requested: boolean;
  /** What the toolstack will apply at the next plug; null without a setting. */
  readonly xapi: "off" | "on" | null;
  readonly verdict: "ok" | "drift" | "fixed" | "absent" | "unknown";
}

/** One device, or one VIF that has none on this host now. */
export interface DeviceReport {
  readonly device: string | null;
  readonly kind: "pif" | "vif";
  readonly uuid: string | null;
  readonly vm: { readonly uuid: string; readonly name: string } | null;
  readonly management: boolean;
  readonly features: Readonly<Partial<Record<Feature, FeatureReport>>>;
}

/** The commands that make a report. */
export type ReportingCommand =
  | "disable"
  | "enable"
  | "verify"
  | "status"
  | "persist"
  | "restore"
  | "confirm"
  | "bisect"
  | "doctor";

/** The one object behind the human view and `--json`; its keys are stable within a version. */
export interface Report {
  readonly version: 1;
  readonly command: ReportingCommand;
  readonly host: { readonly uuid: string; readonly name: string } | null;
  readonly exitCode: ExitCode;
  /** Nothing was touched: `changes` says what would have been. */
  readonly dryRun: boolean;
  readonly devices: readonly DeviceReport[];
  readonly changes: readonly Change[];
  readonly problems: readonly (Problem | { readonly code: string; readonly message: string })[];
  readonly notes: readonly Note[];
  /** What is installed for boot; null where that was not looked at. */
  readonly boot: BootReport | null;
  /** A change that is reverted unless it is confirmed in time; null without one. */
  readonly pending: {
    readonly secondsLeft: number;
    /** Of what `bisect` tries nothing can be confirmed. */
    readonly command?: "bisect" | undefined;
  } | null;
  /** Commands that would fix what is wrong. */
  readonly advice: readonly string[];
  /** The commands that would do the same by hand, in a dry run; comments begin with `#`. */
  readonly commands: readonly string[];
  /** What takes this change back; null where nothing was changed. */
  readonly undo: string | null;
  /** What `doctor` found besides; no other command has it. */
  readonly diagnosis?: Diagnosis;
  /** What `bisect` tried and found; no other command has it. */
  readonly bisect?: BisectReport;
  /** One row per host, with --pool only; what is true of each is in its own report. */
  readonly hosts?: readonly HostReport[];
}

/** How it went on one host of a pool. */
export type HostState =
  | "ok"
  | "partial"
  | "failed"
  | "unreachable"
  | "disabled"
  | "plugin-missing"
  | "version-mismatch"
  | "skipped";

/** A problem or a note as another host has sent it: what is used of it, beside whatever else it says. */
interface RemoteFinding {
  readonly code: string;
  readonly message: string;
  readonly interface?: string | undefined;
  readonly command?: string | undefined;
}

/** A report that another host has sent: what is used of it, beside whatever else it says. */
export interface RemoteReport {
  readonly host: { readonly uuid: string; readonly name: string } | null;
  readonly exitCode: ExitCode;
  readonly dryRun: boolean;
  readonly devices: readonly {
    readonly device: string | null;
    readonly kind: "pif" | "vif";
    readonly management: boolean;
  }[];
  readonly changes: readonly { readonly layer: string; readonly device: string | null }[];
  readonly problems: readonly RemoteFinding[];
  readonly notes: readonly RemoteFinding[];
  readonly advice: readonly string[];
  readonly pending: Report["pending"];
}

/** One row for each host of a pool. */
export interface HostReport {
  readonly uuid: string;
  readonly name: string;
  readonly state: HostState;
  /** What the command would end with if it were about this host alone. */
  readonly exitCode: ExitCode;
  readonly message: string;
  /** Commands, to be run on that host, that would fix why it could not be worked on. */
  readonly advice: readonly string[];
  /** What the command would report on that host; null where it gave no answer. */
  readonly report: RemoteReport | null;
}

/** What a report holds; whatever is left out is empty. */
export type ReportParts = Partial<Omit<Report, "version" | "command">> & Pick<Report, "exitCode">;

/** The report of a command. */
export function createReport(command: ReportingCommand, parts: ReportParts): Report {
  return {
    version: 1,
    command,
    host: null,
    dryRun: false,
    devices: [],
    changes: [],
    problems: [],
    notes: [],
    boot: null,
    pending: null,
    advice: [],
    commands: [],
    undo: null,
    ...parts,
  };
}

/** The report of a command that could not be carried out at all. */
export function createFailureReport(
  command: ReportingCommand,
  exitCode: ExitCode,
  failures: readonly Failure[],
): Report {
  const problems = failures.map(({ code, message }) => ({ code, message }));
  return createReport(command, { exitCode, problems });
}

/** Features of a device. */
export interface DeviceFeatures {
  readonly device: string;
  readonly features: readonly Feature[];
}

/** One set of features that was turned off, and whether the problem was gone. */
export interface BisectStep {
  /** What read back as off, as a whole or in part. */
  readonly off: readonly DeviceFeatures[];
  /** `good`: the problem was gone. */
  readonly outcome: "good" | "bad";
  /** How often the check was run. */
  readonly runs: number;
  readonly seconds: number;
}

/** What `bisect` tried and found. */
export interface BisectReport {
  readonly outcome: "found" | "not-present" | "not-the-cause";
  /** The fewest features that have to be off; empty where none was found. */
  readonly cause: readonly DeviceFeatures[];
  /** What the kernel turns off with them. */
  readonly wentAlong: readonly DeviceFeatures[];
  /** How often in a row a check had to be good. */
  readonly repeat: number;
  readonly steps: readonly BisectStep[];
}

/** A part of the host's software; `version` is null where it is not there or not known. */
export interface Software {
  readonly part: string;
  readonly version: string | null;
  /** Who says so: `XAPI`, or a file. */
  readonly from: string;
}

/** A NIC's driver in its own words; null where it gives none. */
export interface NicDriver {
  readonly device: string;
  readonly driver: string | null;
  readonly version: string | null;
  readonly firmware: string | null;
  readonly bus: string | null;
  /** Vendor and device of PCI, such as `8086:15bc`. */
  readonly pci: string | null;
}

/** A key of XAPI's that looks as if it concerned the offloads of something. */
export interface OffloadSetting {
  readonly of: "pif" | "vif" | "network";
  readonly uuid: string;
  /** What the object is called here. */
  readonly name: string;
  readonly key: string;
  readonly value: string;
  /** Why it does nothing, or what it does instead. */
  readonly reason: string;
}

/** A file that this program keeps on disk. */
export interface StateFile {
  readonly file: string;
  readonly bytes: number;
  /** When it was written last, in UTC (ISO 8601). */
  readonly written: string;
}

/** A step to take, and why. */
export interface Advice {
  readonly reason: string;
  readonly command: string;
}

/** What `doctor` has to say beyond a report. */
export interface Diagnosis {
  /** When this was true, in UTC (ISO 8601). */
  readonly taken: string;
  /** Whether names and addresses are replaced by placeholders. */
  readonly redacted: boolean;
  readonly software: readonly Software[];
  readonly nics: readonly NicDriver[];
  /** Settings that nothing reads. */
  readonly ineffectiveSettings: readonly OffloadSetting[];
  /** Settings of networks, which are applied to the bridge and to nothing else. */
  readonly networkSettings: readonly OffloadSetting[];
  /** Files of others that touch offloads. */
  readonly hooks: readonly ThirdPartyHook[];
  /** What `offload` keeps on this host's disk: this boot's kernel bits, a pending change, the lock. */
  readonly stateFiles: readonly StateFile[];
  /** What could not be looked at. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  readonly advice: readonly Advice[];
}
