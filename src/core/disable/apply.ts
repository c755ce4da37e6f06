import { KEYWORDS } from "../features.ts";
import { type Interface, uuidOf } from "../interface.ts";
import type { Vm } from "../inventory.ts";
import { Pause } from "../pause.ts";
import { storedOf } from "../policy.ts";
import type { NamedText } from "../policy-text.ts";
import type { AnnounceMark, Kernel, KernelBitsKeeper, Toolstack } from "../ports.ts";
import type { Problem } from "../problem.ts";
import { problemAbout } from "../problem-about.ts";
import { type Failure, type Result, success } from "../result.ts";
import { writeSettings } from "../write-settings.ts";
import { removeTexts, storeRule, storeTexts } from "../write-texts.ts";
import { type DisablePlan, runningVms } from "./plan.ts";
import {
  type Change,
  type LiveStep,
  type LiveView,
  liveChanges,
  planRecords,
  type RecordStep,
  recordChanges,
} from "./steps.ts";

/** What a change of this host works on. */
export interface ChangePorts {
  readonly kernel: Kernel;
  /** Null where nothing is to be stored: the kernel alone is changed. */
  readonly toolstack: Toolstack | null;
  readonly bits: KernelBitsKeeper;
  readonly mark: AnnounceMark;
  /** Asked between one device or setting and the next. */
  readonly isStopped: () => boolean;
  /** Asked before each batch: whether the caller on another host still waits for this. */
  readonly stillWanted: () => Promise<Result<void>>;
}

/** What `disable` did, and what is true afterwards. */
export interface Disabled {
  readonly interfaces: readonly Interface[];
  readonly after: LiveView;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  /** False where the settings could not be read back. */
  readonly settingsKnown: boolean;
}

/**
 * Carries out a plan: first this boot's exact bits, then the texts with policy and originals, then the
 * kernel, then the settings of what reads back off, and xenopsd is told. What fails becomes a problem, and
 * the rest goes on; an interface whose originals could not be stored is not changed at all.
 */
export async function applyDisable(
  plan: DisablePlan,
  ports: ChangePorts,
): Promise<Result<Disabled>> {
  const kept = await ports.bits.keep(plan.live, plan.before);
  if (!kept.ok) return kept;
  const problems: Problem[] = [...plan.excluded];
  const stored = await storeOriginals(plan, ports, problems);
  if (!stored.ok) return stored;
  const { unstored } = stored.value;
  const live = plan.live.filter(({ subject }) => !unstored.has(subject));
  const wanted = await ports.stillWanted();
  if (!wanted.ok) return wanted;
  problems.push(...(await writeLive(live, ports)));
  const { after, changes } = readBack(plan, live, ports.kernel);
  const done = { interfaces: plan.interfaces, after, changes, problems };
  if (ports.toolstack === null) return success({ ...done, settingsKnown: true });
  return success(await storeSettings(plan, stored.value, ports.toolstack, done, ports));
}

/** What was stored before the change. */
interface OriginalsStored {
  /** Interfaces that have no text, though one is needed: they are not to be changed. */
  readonly unstored: ReadonlySet<Interface>;
  readonly texts: ReadonlyMap<Interface, NamedText>;
}

async function storeOriginals(
  plan: DisablePlan,
  { toolstack, isStopped, stillWanted }: ChangePorts,
  problems: Problem[],
): Promise<Result<OriginalsStored>> {
  if (toolstack === null) return success({ unstored: new Set(), texts: new Map() });
  const wanted = await stillWanted();
  if (!wanted.ok) return wanted;
  if (plan.rule !== null) problems.push(...(await storeRule(plan.rule, toolstack)));
  const { texts, failed } = await storeTexts(plan.texts, toolstack, isStopped);
  for (const [iface, reason] of failed) {
    const detail = `not changed, because its originals could not be stored: ${reason}`;
    problems.push(problemAbout("text-failed", iface, detail));
  }
  return success({ unstored: new Set(failed.keys()), texts });
}

type Done = Omit<Disabled, "settingsKnown">;

async function storeSettings(
  plan: DisablePlan,
  { unstored, texts }: OriginalsStored,
  toolstack: Toolstack,
  done: Done,
  ports: ChangePorts,
): Promise<Disabled> {
  const { request } = plan;
  const stored = plan.interfaces.filter((iface) => !unstored.has(iface));
  // Without a text that has its original no setting is written, whatever the device shows by now.
  const steps = planRecords(stored, request.features, done.after, request.named).filter(
    ({ subject }) => texts.has(subject),
  );
  const announce = vmsToAnnounce(plan, steps, ports.mark);
  const wanted = await ports.stillWanted();
  if (!wanted.ok)
    return {
      ...done,
      problems: [...done.problems, ...asProblems(wanted.failures)],
      settingsKnown: true,
    };
  const half = await writeSettings(plan.interfaces, steps, announce, toolstack, ports);
  const left = await removeTexts(texts, toolstack);
  const lost = await storeLostTexts(plan, steps, half.interfaces, toolstack);
  return {
    ...done,
    interfaces: half.interfaces,
    changes: [...done.changes, ...recordChanges(half.written, done.after.existing)],
    problems: [...done.problems, ...half.problems, ...left, ...lost],
    settingsKnown: half.settingsKnown,
  };
}

/**
 * A restore on another host that has read a text before its settings were written removes it: it is
 * stored once more.
 */
async function storeLostTexts(
  { interfaces, texts }: DisablePlan,
  steps: readonly RecordStep[],
  now: readonly Interface[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const before = new Set(interfaces);
  const reread = new Map(
    now
      .filter((iface) => !before.has(iface))
      .map((iface) => [uuidOf(iface), storedOf(iface).value]),
  );
  const lost = new Set<Interface>();
  for (const { subject, keyword } of steps) {
    const value = reread.get(uuidOf(subject));
    if (value !== undefined && !value.get(keyword)?.original) lost.add(subject);
  }
  const again = texts.filter(({ iface }) => lost.has(iface));
  const { failed } = await storeTexts(again, toolstack, () => false);
  return [...failed].map(([iface, reason]) =>
    problemAbout("text-failed", iface, `its originals could not be stored again: ${reason}`),
  );
}

/** After a run that was cut short its VMs are announced, though their settings are right by now. */
function vmsToAnnounce(
  { interfaces, unannounced }: DisablePlan,
  steps: readonly RecordStep[],
  mark: AnnounceMark,
): readonly Vm[] {
  const written = runningVms(steps.map(({ subject }) => subject));
  const running = runningVms(interfaces);
  const marked = mark.among(running.map(({ uuid }) => uuid));
  const vms = [...unannounced, ...written, ...running.filter(({ uuid }) => marked.has(uuid))];
  return [...new Map(vms.map((vm) => [vm.uuid, vm])).values()];
}

/** What the devices show that were to be changed, and how that differs from before. */
function readBack(
  { interfaces, before }: DisablePlan,
  steps: readonly LiveStep[],
  kernel: Kernel,
): { readonly after: LiveView; readonly changes: readonly Change[] } {
  if (steps.length === 0) return { after: before, changes: [] };
  const after = kernel.observeAgain(
    before,
    steps.map(({ device }) => device),
  );
  return { after, changes: liveChanges(interfaces, KEYWORDS, before, after) };
}

async function writeLive(
  steps: readonly LiveStep[],
  { kernel, isStopped }: ChangePorts,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const pause = new Pause();
  for (const { subject, device, clear } of steps) {
    if (isStopped()) {
      const detail = "interrupted before it was changed";
      problems.push(problemAbout("interrupted", subject, detail, device));
      continue;
    }
    const outcome = kernel.clear(device, clear);
    if (!outcome.done) {
      problems.push(
        outcome.gone
          ? problemAbout("device-vanished", subject, "vanished before it was changed", device)
          : problemAbout(
              "write-failed",
              subject,
              `could not be changed: ${outcome.because}`,
              device,
            ),
      );
    }
    if (pause.isDue) await pause.take();
  }
  return problems;
}

/** Failures as problems of a run that has begun. */
export function asProblems(failures: readonly Failure[]): readonly Problem[] {
  return failures.map(({ message }) => ({ code: "incomplete", message }));
}

/** The problems of an interface, by whether it is among them. */
export function hasProblem(problems: readonly Problem[], iface: Interface): boolean {
  const uuid = uuidOf(iface);
  return uuid !== null && problems.some((problem) => problem.uuid === uuid);
}
