import * as v from "valibot";
import { KEYWORDS } from "../offload/features.ts";
import { isNoteCode, isProblemCode, type NoteCode, type ProblemCode } from "../offload/problem.ts";
import { JournalDocument } from "../state/journal-document.ts";

const Uuid = v.pipe(v.string(), v.regex(/^[0-9a-f-]{36}$/));
/** A name of the kernel's: fifteen bytes at most, no slash, no white space (dev_valid_name). */
const Device = v.pipe(v.string(), v.regex(/^[^\s/:]{1,15}$/));
const Text = v.pipe(v.string(), v.maxLength(65_536));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Seconds = v.pipe(Count, v.maxValue(86_400));
/** Only keys that are about offloads travel. */
const Records = v.record(v.pipe(v.string(), v.startsWith("ethtool")), Text);
const Keywords = v.pipe(v.array(v.picklist(KEYWORDS)), v.minLength(1));

const WireNic = v.strictObject({
  uuid: Uuid,
  device: Device,
  management: v.boolean(),
  managed: v.boolean(),
  gro: v.nullable(Text),
  slaveOf: v.nullable(Uuid),
  records: Records,
});

const WireVif = v.strictObject({
  uuid: Uuid,
  device: v.pipe(v.string(), v.regex(/^\d{1,4}$/)),
  attached: v.boolean(),
  sriov: v.boolean(),
  records: Records,
});

const WireVm = v.strictObject({
  uuid: Uuid,
  name: Text,
  powerState: v.pipe(v.string(), v.maxLength(64)),
  /** What the caller takes for its domain on this host; null where it is not on this host. */
  domid: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
  /** Another host that it runs on, by name. */
  elsewhere: v.nullable(Text),
  vifs: v.array(WireVif),
});

/** The interfaces that a call is about. */
const Interfaces = { nics: v.array(WireNic), vms: v.array(WireVm) };

/** What every call says first: whoever does not understand the rest must understand this. */
export const Preamble = v.object({ version: v.string(), host: v.string() });

const ToHost = { version: v.string(), host: Uuid };

/** Reads the devices, and what is installed for boot. */
export const ObserveRequest = v.strictObject({ ...ToHost, ...Interfaces });

/** Turns features off, and plans what is to be recorded of that. */
export const DisableRequest = v.strictObject({
  ...ToHost,
  ...Interfaces,
  keywords: Keywords,
  record: v.boolean(),
  /** All that the host has, and not only what has moved to it. */
  wholeHost: v.boolean(),
  /**
   * On trial: live only, and put back by a guard on the host unless it is kept within so many seconds.
   * `keep` ends the trial of that deadline by doing the same for good.
   */
  trial: v.nullable(
    v.union([
      v.strictObject({ keep: Count }),
      v.strictObject({
        seconds: v.pipe(v.number(), v.integer(), v.minValue(5), v.maxValue(3600)),
      }),
    ]),
  ),
  wait: Seconds,
});

/** Puts the trial of that deadline back before its time. */
export const RevertRequest = v.strictObject({
  ...ToHost,
  ...Interfaces,
  trial: Count,
  wait: Seconds,
});

/** Strikes out what was noted of records that XAPI has refused. */
export const StrikeRequest = v.strictObject({
  ...ToHost,
  ...Interfaces,
  keys: v.array(v.strictObject({ uuid: Uuid, keyword: v.picklist(KEYWORDS), key: Text })),
  wait: Seconds,
});

/** Tells what was there before. */
export const JournalRequest = v.strictObject(ToHost);

/** Puts back what is live; the caller has put the records back before. */
export const RestoreRequest = v.pipe(
  v.strictObject({
    ...ToHost,
    ...Interfaces,
    /** What other hosts have noted of these VIFs, and what this one had noted when it was last asked. */
    noted: JournalDocument,
    /** Keys of the journal that nothing exists of any more. */
    gone: v.array(Text),
    force: v.boolean(),
    wait: Seconds,
  }),
  v.check(({ vms, noted }) => {
    const vifs = new Set(vms.flatMap((vm) => vm.vifs.map(({ uuid }) => uuid)));
    return Object.keys(noted.interfaces).every((key) => vifs.has(key));
  }, "a NIC is noted by its own host"),
);

/** Installs or takes away what runs at boot. */
export const PersistRequest = v.strictObject({
  ...ToHost,
  ...Interfaces,
  keywords: Keywords,
  /** Whether the features were named, and so limit what is remembered. */
  limited: v.boolean(),
  /** Every NIC, and every one to come; otherwise what is remembered or recorded. */
  everything: v.boolean(),
  /** Null for what the host takes of its own accord. */
  method: v.nullable(v.picklist(["systemd", "rc.local"])),
  remove: v.boolean(),
  dryRun: v.boolean(),
  wait: Seconds,
});

const Bits = v.array(Count);
const WireObservation = v.variant("state", [
  v.object({
    state: v.literal("read"),
    features: v.object({ active: Bits, requested: Bits, changeable: Bits }),
  }),
  v.object({ state: v.literal("missing") }),
  v.object({ state: v.literal("unreadable"), because: v.string() }),
]);

/** What the kernel of a host shows: its own names of features, devices, and what each of them is. */
export const WireView = v.object({
  names: v.array(v.string()),
  existing: v.array(v.string()),
  observations: v.record(v.string(), WireObservation),
});

/** What is installed for boot on a host. */
export const WireBoot = v.object({
  method: v.nullable(v.picklist(["systemd", "rc.local"])),
  state: v.picklist([
    "absent",
    "current",
    "stale",
    "disabled",
    "edited",
    "not-executable",
    "unreachable",
    "incomplete",
  ]),
  covers: v.nullable(
    v.object({
      keywords: v.array(v.picklist(KEYWORDS)),
      devices: v.array(v.string()),
      everything: v.boolean(),
    }),
  ),
});

/** VMs whose domain on the host is not, or not any more, the one that the caller took for theirs. */
const Strangers = v.array(v.object({ vm: v.string(), because: v.string() }));

/** The answer to `observe`. */
export const ObserveAnswer = v.object({ view: WireView, boot: WireBoot, strangers: Strangers });

const WireProblem = v.object({
  code: v.custom<ProblemCode>(isProblemCode),
  message: v.string(),
  interface: v.exactOptional(v.string()),
  device: v.exactOptional(v.string()),
  uuid: v.exactOptional(v.string()),
});

const WireChange = v.object({
  device: v.nullable(v.string()),
  uuid: v.nullable(v.string()),
  feature: v.picklist(KEYWORDS),
  layer: v.picklist(["live", "recorded"]),
  from: v.nullable(v.string()),
  to: v.nullable(v.string()),
});

/** The answer to `disable`. */
export const DisableAnswer = v.object({
  view: WireView,
  strangers: Strangers,
  changes: v.array(WireChange),
  problems: v.array(WireProblem),
  /** Whether what was recorded before is noted, so that records may be written. */
  noted: v.boolean(),
  /** The deadline of the trial that was begun, by which it is told from others; null for none. */
  trial: v.nullable(Count),
});

/** The answer to `revert`. */
export const RevertAnswer = v.object({
  view: WireView,
  strangers: Strangers,
  problems: v.array(WireProblem),
});

/** The answer to `strike`: nothing but that it was done. */
export const StrikeAnswer = v.object({});

/** The answer to `journal`: the journal as it stands in the host's file. */
export const JournalAnswer = v.object({ journal: JournalDocument });

const WireNote = v.object({
  code: v.custom<NoteCode>(isNoteCode),
  message: v.string(),
  device: v.exactOptional(v.string()),
  uuid: v.exactOptional(v.string()),
});

/** The answer to `restore`. */
export const RestoreAnswer = v.object({
  view: WireView,
  strangers: Strangers,
  changes: v.array(WireChange),
  problems: v.array(WireProblem),
  notes: v.array(WireNote),
  /** Keys that the journal still holds afterwards. */
  left: v.array(v.string()),
});

/** The answer to `persist`; `text` is what a dry run shows. */
export const PersistAnswer = v.object({
  problems: v.array(WireProblem),
  boot: WireBoot,
  text: v.string(),
});

/** The functions that the plugin has: what each takes, and what it answers. */
export const FUNCTIONS = {
  observe: { request: ObserveRequest, answer: ObserveAnswer },
  disable: { request: DisableRequest, answer: DisableAnswer },
  revert: { request: RevertRequest, answer: RevertAnswer },
  strike: { request: StrikeRequest, answer: StrikeAnswer },
  journal: { request: JournalRequest, answer: JournalAnswer },
  restore: { request: RestoreRequest, answer: RestoreAnswer },
  persist: { request: PersistRequest, answer: PersistAnswer },
} as const;

/** The name of one of them. */
export type FunctionName = keyof typeof FUNCTIONS;

/** What a function takes. */
export type RequestOf<F extends FunctionName> = v.InferOutput<(typeof FUNCTIONS)[F]["request"]>;

/** What a function answers. */
export type AnswerOf<F extends FunctionName> = v.InferOutput<(typeof FUNCTIONS)[F]["answer"]>;

/** Errors by which the plugin refuses; xapi raises them to the caller as they are. */
export const REFUSALS = {
  /** Parameters: the version that is installed on the host. */
  version: "OFFLOAD_VERSION_DIFFERENT",
  /** Parameters: kind, code and message of each failure in turn. */
  failure: "OFFLOAD_FAILED",
} as const;

/** The key of the one argument that a call has. */
export const REQUEST_KEY = "request";
