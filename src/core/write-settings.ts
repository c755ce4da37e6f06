import type { RecordStep } from "./disable/steps.ts";
import { type Interface, uuidOf } from "./interface.ts";
import type { Vm } from "./inventory.ts";
import type { AnnounceMark, InterfaceConfig, RecordOutcome, Toolstack } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { problemAbout } from "./problem-about.ts";
import { type Failure, success } from "./result.ts";
import { counted } from "./text.ts";

/** What writing settings came to. */
export interface SettingsWritten {
  /** The interfaces as XAPI has them now. */
  readonly interfaces: readonly Interface[];
  readonly written: readonly RecordStep[];
  readonly problems: readonly Problem[];
  /** False where they could not be written at all, or not be read back. */
  readonly settingsKnown: boolean;
}

/**
 * Writes settings, has xenopsd take over those of running VMs, and reads back. The mark stands on disk
 * from before the first setting of a VIF until after the last event.
 */
export async function writeSettings(
  interfaces: readonly Interface[],
  steps: readonly RecordStep[],
  announce: readonly Vm[],
  toolstack: Toolstack,
  { mark, isStopped }: { readonly mark: AnnounceMark; readonly isStopped: () => boolean },
): Promise<SettingsWritten> {
  const untouched = { interfaces, written: [], problems: [], settingsKnown: true };
  if (steps.length === 0 && announce.length === 0) return untouched;
  const marked = announce.length > 0 ? await mark.add(announce.map(({ uuid }) => uuid)) : NO_MARK;
  if (!marked.ok) {
    return { ...untouched, problems: stateProblems(marked.failures), settingsKnown: false };
  }
  const outcomes = await toolstack.write(steps, isStopped);
  const problems = outcomes.flatMap(problemOf);
  const touched = outcomes.filter(({ state }) => state !== "unattempted");
  const gone = isStopped()
    ? undefined
    : outcomes.find(({ state }) => state === "unattempted")?.because;
  problems.push(...(await announceVms(announce, gone, toolstack, mark)));
  const written = outcomes.flatMap(({ step, state }) => (state === "written" ? [step] : []));
  if (touched.length === 0) return { interfaces, written, problems, settingsKnown: true };
  if (gone !== undefined) {
    problems.push(unreadSettings(gone));
    return { interfaces, written, problems, settingsKnown: false };
  }
  const uuids = new Set(touched.map(({ step }) => uuidOf(step.subject)));
  const settings = await toolstack.settingsOf(
    interfaces.filter((iface) => uuids.has(uuidOf(iface))),
  );
  if (!settings.ok) {
    problems.push(unreadSettings(settings.failures.map(({ message }) => message).join("; ")));
    return { interfaces, written, problems, settingsKnown: false };
  }
  const now = interfaces.map((iface) => withSettings(iface, settings.value));
  return { interfaces: now, written, problems, settingsKnown: true };
}

/** A VM that reboots from within takes what xenopsd knows; one that is started, what XAPI does. */
async function announceVms(
  vms: readonly Vm[],
  gone: string | undefined,
  toolstack: Toolstack,
  mark: AnnounceMark,
): Promise<readonly Problem[]> {
  if (vms.length === 0) return [];
  const failed = gone === undefined ? await toolstack.announce(vms) : vms.map(() => gone);
  if (failed.length > 0) {
    const message = `xenopsd was not told of the new settings of ${counted(failed.length, "VM")}: ${failed[0] ?? ""}; run this again, or shut them down and start them`;
    return [{ code: "record-failed", message }];
  }
  const removed = await mark.remove(vms.map(({ uuid }) => uuid));
  return removed.ok ? [] : stateProblems(removed.failures);
}

const NO_MARK = success(undefined);

function stateProblems(failures: readonly Failure[]): readonly Problem[] {
  return failures.map(({ message }): Problem => ({ code: "state-failed", message }));
}

/** That nobody knows what the settings are now. */
export function unreadSettings(reason: string): Problem {
  return { code: "records-unknown", message: `the settings could not be read back: ${reason}` };
}

function problemOf({ step, state, because }: RecordOutcome): Problem[] {
  if (state === "written") return [];
  const { subject, key, to } = step;
  const wanted = to === null ? `removal of ${key}` : `${key}=${to}`;
  return [
    state === "unattempted"
      ? problemAbout("record-not-attempted", subject, `${wanted} was not written: ${because}`)
      : problemAbout("record-failed", subject, `${wanted} could not be written: ${because}`),
  ];
}

/** The interface as it was read back; one that was not read again stays as it is. */
export function withSettings<T extends Interface>(
  iface: T,
  all: ReadonlyMap<string, InterfaceConfig>,
): T {
  const settings = all.get(uuidOf(iface) ?? "");
  if (settings === undefined) return iface;
  if (iface.kind === "pif") return { ...iface, pif: { ...iface.pif, ...settings } };
  return iface.kind === "vif" ? { ...iface, vif: { ...iface.vif, ...settings } } : iface;
}
