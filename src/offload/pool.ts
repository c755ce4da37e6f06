import type { Interface } from "./interface.ts";
import type { Host, Inventory } from "./inventory.ts";
import { isNoted, type Journal, withForeign } from "./journal.ts";
import { EXIT, type ExitCode } from "./problem.ts";
import type { HostReport, Report } from "./report.ts";
import { everyInterface, resolveTargets, WHOLE_HOST } from "./targets.ts";
import { counted } from "./wording.ts";

/** The commands that work on a whole pool. */
export type PoolCommand = "disable" | "verify" | "status" | "persist" | "restore";

/** How it went on one host of a pool. */
export type HostState =
  | "done"
  | "partly"
  | "failed"
  | "unreachable"
  | "disabled"
  | "plugin-missing"
  | "version-different"
  | "not-attempted";

/**
 * What each host of a pool has to see to: its NICs, and the VIFs of the VMs that run on it. What runs
 * nowhere falls to `home`, the host that the command was given on. By the UUID of the host.
 */
export function shareOut(
  inventory: Inventory,
  home: Host,
): ReadonlyMap<string, readonly Interface[]> {
  return new Map(
    inventory.hosts.map((host) => {
      const selection = resolveTargets([WHOLE_HOST], { ...inventory, host });
      const all = selection.ok ? selection.value.interfaces : [];
      const own = all.filter(
        (one) => one.kind !== "vif" || one.vm.residentOn !== undefined || host.uuid === home.uuid,
      );
      return [host.uuid, own] as const;
    }),
  );
}

/**
 * What each host of those that keep a journal has to put back: of what its own journal tells, all but
 * the VIFs of VMs that run on another of these hosts now; and those that run on it, whichever of them
 * has noted them. By the UUID of the host, as the journals are.
 */
export function shareOutNoted(
  journals: ReadonlyMap<string, Journal>,
  inventory: Inventory,
): ReadonlyMap<string, readonly Interface[]> {
  const noted = new Set([...journals.values()].flatMap((journal) => [...journal.keys()]));
  return new Map(
    inventory.hosts.map((host) => {
      const own = journals.get(host.uuid);
      if (own === undefined) return [host.uuid, []];
      const all = everyInterface({ ...inventory, host });
      const mine = [...noted].flatMap((key): Interface[] => {
        const subject = all.get(key);
        if (subject === undefined) return [];
        const runsOn = hostOf(subject);
        const elsewhere = runsOn !== host.uuid && runsOn !== null && journals.has(runsOn);
        return runsOn === host.uuid || (own.has(key) && !elsewhere) ? [subject] : [];
      });
      return [host.uuid, mine];
    }),
  );
}

/** The UUID of the host on which a VIF has a device; null for a NIC, which is where it is noted. */
function hostOf(subject: Interface): string | null {
  if (subject.kind !== "vif" || subject.whereabouts.at === "nowhere") return null;
  return subject.vm.residentOn?.uuid ?? null;
}

/** What the other journals tell of these interfaces. */
export function notedElsewhere(
  journals: ReadonlyMap<string, Journal>,
  host: Host,
  interfaces: readonly Interface[],
): Journal {
  const others = [...journals].filter(([uuid]) => uuid !== host.uuid);
  return ofVifs(
    others.map(([, journal]) => journal),
    interfaces,
  );
}

/**
 * What all journals tell of these interfaces, that of the host itself first: it may have struck out by
 * now what it told before.
 */
export function notedAnywhere(
  journals: ReadonlyMap<string, Journal>,
  host: Host,
  interfaces: readonly Interface[],
): Journal {
  const own = ofVifs([journals.get(host.uuid) ?? new Map()], interfaces);
  return withForeign(own, notedElsewhere(journals, host, interfaces));
}

function ofVifs(journals: readonly Journal[], interfaces: readonly Interface[]): Journal {
  let all: Journal = new Map();
  for (const journal of journals) {
    const theirs = interfaces.flatMap((one) => {
      const entry = one.kind === "vif" ? journal.get(one.vif.uuid) : undefined;
      return entry === undefined || one.kind !== "vif" ? [] : [[one.vif.uuid, entry] as const];
    });
    all = withForeign(all, new Map(theirs));
  }
  return all;
}

/**
 * The host whose note of a record counts, by its UUID: where several have noted it, that on which the
 * VM runs, as for what is live; otherwise the first of them. Null where nobody has.
 */
export function keeperOf(
  journals: ReadonlyMap<string, Journal>,
  subject: Interface,
  record: string,
): string | null {
  const keepers = [...journals.keys()].filter((uuid) =>
    isNoted(journals.get(uuid), { subject, key: record }),
  );
  const runsOn = hostOf(subject);
  return keepers.find((uuid) => uuid === runsOn) ?? keepers[0] ?? null;
}

/**
 * A VIF and the domain that its device belongs to: what was done to it holds as long as this does.
 * Null for what has no device that could go.
 */
export function domainOf(subject: Interface): string | null {
  return subject.kind === "vif" && subject.whereabouts.at === "here"
    ? `${subject.vif.uuid} ${subject.whereabouts.domid}`
    : null;
}

/** The row of a host that answered. */
export function answeredRow(command: PoolCommand, host: Host, report: Report): HostReport {
  const { exitCode, problems } = report;
  const counting = problems.filter(({ code }) => code !== "live-fixed").length;
  return {
    uuid: host.uuid,
    name: host.name,
    state: exitCode === EXIT.done ? "done" : "partly",
    exitCode,
    message: exitCode === EXIT.done ? wellOf(command, report) : counted(counting, "problem"),
    advice: [],
    report,
  };
}

function wellOf(command: PoolCommand, { changes, dryRun }: Report): string {
  if (command !== "disable" && command !== "restore") return WELL[command];
  const count = counted(changes.length, "change");
  if (dryRun) return `${count} to be made`;
  const what = changes.length === 0 ? "nothing had to be changed" : count;
  return `${WELL[command]}; ${what}`;
}

const WELL: Readonly<Record<PoolCommand, string>> = {
  disable: "everything that can be off is off",
  verify: "everything that can be off is off",
  status: "seen",
  persist: "done",
  restore: "everything is as it was",
};

/** The row of a host that did not. */
export function unansweredRow(
  host: Host,
  why: {
    readonly state: HostState;
    readonly message: string;
    readonly advice: readonly string[];
  },
): HostReport {
  return { uuid: host.uuid, name: host.name, ...why, exitCode: EXIT.unavailable, report: null };
}

/**
 * The exit code of a pool is that of its worst host, by the same table: what is known to be wrong
 * outranks what is not known, and work of which something was done is done partly.
 */
export function exitCodeOfHosts(
  rows: readonly HostReport[],
  options: { readonly changing: boolean },
): ExitCode {
  const codes = new Set(rows.map(({ exitCode }) => exitCode));
  if (codes.has(EXIT.partly)) return EXIT.partly;
  if (!codes.has(EXIT.unavailable)) return EXIT.done;
  return options.changing && codes.has(EXIT.done) ? EXIT.partly : EXIT.unavailable;
}
