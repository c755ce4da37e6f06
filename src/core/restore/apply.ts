import { asProblems, type ChangePorts, hasProblem } from "../disable/apply.ts";
import { runningVms, type StoredIface } from "../disable/plan.ts";
import { type Change, type LiveView, liveChanges, recordChanges } from "../disable/steps.ts";
import { KEYWORDS } from "../features.ts";
import { devicesOf, type Interface } from "../interface.ts";
import type { Pif } from "../inventory.ts";
import { Pause } from "../pause.ts";
import { storedOf } from "../policy.ts";
import type { Toolstack } from "../ports.ts";
import type { Note, Problem } from "../problem.ts";
import { problemAbout } from "../problem-about.ts";
import { type Result, success } from "../result.ts";
import { unreadSettings, withSettings, writeSettings } from "../write-settings.ts";
import { type RuleStep, removeNames, storeRule, storeTexts } from "../write-texts.ts";
import { isLost, isOnOtherHost, type RestorePlan, unreadableDevices } from "./plan.ts";
import { type RestoreEvidence, type RestoreRequest, type WishStep, wishesFor } from "./wishes.ts";

/** Has XAPI plug restored PIFs anew, so that networkd forgets their old settings. */
export interface Replugger {
  /**
   * Plugs what carries these PIFs. Gives the problems, each with the UUID of the PIF that it is about:
   * the text of that PIF stays.
   */
  replug(
    pifs: readonly Pif[],
  ): Promise<{ readonly problems: readonly Problem[]; readonly notes: readonly Note[] }>;
}

/** What restoring did. */
export interface Restored {
  readonly interfaces: readonly Interface[];
  readonly after: LiveView;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
  readonly settingsKnown: boolean;
}

/** What restoring needs besides the plan. */
export interface RestoreWork {
  readonly request: RestoreRequest;
  readonly evidence: RestoreEvidence;
  /** The standing rule that is left; null where it stays as it is. */
  readonly rule: RuleStep | null;
  readonly replugger: Replugger;
  /**
   * Has the boot layer follow, given what is about to have no word of its own. What a boot script covers
   * without a text is of unknown origin, so that the script goes before the texts.
   */
  followBoot(
    settled: RestorePlan["settled"],
  ): Promise<{ readonly problems: readonly Problem[]; readonly notes: readonly Note[] }>;
}

/**
 * Carries out a plan: settings first, so that a plug meanwhile finds the originals; then the plug, the
 * kernel, and a reading of it, and the boot layer; the texts go last, so that there is no moment without
 * originals.
 */
export async function applyRestore(
  plan: RestorePlan,
  work: RestoreWork,
  ports: ChangePorts,
): Promise<Result<Restored>> {
  const wanted = await ports.stillWanted();
  if (!wanted.ok) return wanted;
  const half = await restoreSettings(plan, ports);
  const problems: Problem[] = [...plan.problems, ...half.problems];
  const plugged = await replugNics(plan, work, ports, half.settingsKnown);
  problems.push(...plugged.problems);
  const { after, failed } = await restoreLive(plan, work, ports);
  problems.push(...failed);
  const settled = plan.settled.filter(
    (iface) => half.settingsKnown && !isOnOtherHost(iface) && !isUnsettled(iface, problems),
  );
  const notes: Note[] = [...plan.notes, ...plugged.notes];
  const stillWanted = await ports.stillWanted();
  if (!stillWanted.ok) problems.push(...asProblems(stillWanted.failures));
  else {
    const boot = await work.followBoot(settled);
    notes.push(...boot.notes);
    problems.push(...boot.problems);
    if (boot.problems.length === 0) problems.push(...(await settle(plan, settled, work, ports)));
  }
  const forgotten = await ports.bits.forget(restoredDevices(plan, problems, after, work));
  if (!forgotten.ok) problems.push(...asProblems(forgotten.failures));
  return success({
    interfaces: half.interfaces,
    after,
    changes: [
      ...liveChanges(plan.interfaces, KEYWORDS, plan.before, after),
      ...recordChanges(half.written, plan.before.existing),
    ],
    problems,
    notes,
    settingsKnown: half.settingsKnown,
  });
}

async function restoreSettings(plan: RestorePlan, ports: ChangePorts) {
  const { toolstack, mark } = ports;
  const { interfaces, settings } = plan;
  if (toolstack === null) return { interfaces, written: [], problems: [], settingsKnown: true };
  const running = runningVms(interfaces);
  const marked = mark.among(running.map(({ uuid }) => uuid));
  const written = new Set(
    runningVms(settings.map(({ subject }) => subject)).map(({ uuid }) => uuid),
  );
  const announce = running.filter(({ uuid }) => marked.has(uuid) || written.has(uuid));
  return await writeSettings(interfaces, settings, announce, toolstack, ports);
}

/** Every NIC with a text is plugged, for a run before this one may have been killed before its plug. */
async function replugNics(
  { settled }: RestorePlan,
  { replugger }: RestoreWork,
  { toolstack, isStopped }: ChangePorts,
  settingsKnown: boolean,
) {
  const pifs = settled.flatMap((iface) =>
    iface.kind === "pif" && iface.pif.stored.names.length > 0 ? [iface.pif] : [],
  );
  if (toolstack === null || !settingsKnown || pifs.length === 0 || isStopped()) {
    return { problems: [], notes: [] };
  }
  return await replugger.replug(pifs);
}

/** Writes what the plug did not bring back, and reads back. */
async function restoreLive(
  plan: RestorePlan,
  { request, evidence }: RestoreWork,
  ports: ChangePorts,
): Promise<LiveRestored> {
  const devices = plan.interfaces.flatMap((iface) =>
    devicesOf(iface, plan.before.existing).map(({ name }) => name),
  );
  const now = ports.kernel.observeAgain(plan.before, devices);
  const live = plan.interfaces.flatMap((iface) => wishesFor(iface, request, evidence, now));
  const { after, failed } = await restorePlanned({ live, before: now }, ports);
  const known = new Set(plan.problems.map(({ device }) => device));
  const unread = plan.interfaces
    .flatMap((iface) => unreadableDevices(iface, { ...evidence, view: now }))
    .filter(({ device }) => !known.has(device));
  return { after, failed: [...unread, ...failed] };
}

/** What writing to the kernel came to. */
export interface LiveRestored {
  readonly after: LiveView;
  readonly failed: readonly Problem[];
}

/** Asks devices for what a plan says, and reads back. */
export async function restorePlanned(
  { live: steps, before: now }: Pick<RestorePlan, "live" | "before">,
  { kernel, isStopped }: Pick<ChangePorts, "kernel" | "isStopped">,
): Promise<LiveRestored> {
  const failed: Problem[] = [];
  const pause = new Pause();
  for (const { iface, device, wish } of steps) {
    if (isStopped()) {
      failed.push(problemAbout("interrupted", iface, "interrupted before it was restored", device));
      continue;
    }
    const outcome = kernel.request(device, wish);
    if (!outcome.done) {
      const code = outcome.gone ? "device-vanished" : "write-failed";
      failed.push(problemAbout(code, iface, `not restored: ${outcome.because}`, device));
    }
    if (pause.isDue) await pause.take();
  }
  const after = kernel.observeAgain(
    now,
    steps.map(({ device }) => device),
  );
  failed.push(...unmetWishes(steps, after, failed));
  return { after, failed };
}

function unmetWishes(
  steps: readonly WishStep[],
  after: LiveView,
  failed: readonly Problem[],
): readonly Problem[] {
  const known = new Set(failed.map(({ device }) => device));
  return steps.flatMap(({ iface, device, requests }): Problem[] => {
    const seen = after.observations.get(device);
    if (known.has(device) || seen === undefined || seen.state === "missing") return [];
    if (seen.state === "read" && after.kernel.wish(seen.features, requests).isEmpty) return [];
    const reason = seen.state === "read" ? "the driver did not follow" : "it could not be read";
    return [problemAbout("write-failed", iface, `not restored: ${reason}`, device)];
  });
}

/** Conflicts are settled as far as this run goes: what is left of them is stored anew. */
function isUnsettled(iface: Interface, problems: readonly Problem[]): boolean {
  return hasProblem(
    problems.filter(({ code }) => code !== "conflict"),
    iface,
  );
}

/** Stores what is left to be restored another time, then removes the texts that were read. */
async function settle(
  plan: RestorePlan,
  settled: RestorePlan["settled"],
  { rule }: RestoreWork,
  { toolstack, isStopped }: ChangePorts,
): Promise<readonly Problem[]> {
  if (toolstack === null) return [];
  const problems: Problem[] = [];
  const done = new Set<Interface>(settled);
  const { failed } = await storeTexts(
    plan.texts.filter(({ iface }) => done.has(iface)),
    toolstack,
    isStopped,
  );
  for (const [iface, reason] of failed) {
    const detail = `restored, but what is left to do could not be stored: ${reason}`;
    problems.push(problemAbout("text-failed", iface, detail));
  }
  const removable = settled.filter((iface) => !failed.has(iface));
  problems.push(...(await removeNames(removable, toolstack)));
  problems.push(...(await storeLostTexts(removable, toolstack)));
  if (rule !== null) problems.push(...(await storeRule(rule, toolstack)));
  return problems;
}

/**
 * A `disable` on another host may have written a setting since its text was read: nobody else knows the
 * original then.
 */
async function storeLostTexts(
  removed: readonly StoredIface[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  if (removed.length === 0) return [];
  const now = await toolstack.settingsOf(removed);
  if (!now.ok) return [unreadSettings(now.failures.map(({ message }) => message).join("; "))];
  const lost = removed.filter((iface) => isLost(iface, withSettings(iface, now.value)));
  const steps = lost.map((iface) => ({ iface, features: storedOf(iface).value }));
  await storeTexts(steps, toolstack, () => false);
  return lost.map((iface) =>
    problemAbout("text-failed", iface, "turned off again meanwhile; run offload restore again"),
  );
}

/** Devices of which everything that was kept has been restored. */
function restoredDevices(
  { interfaces }: RestorePlan,
  problems: readonly Problem[],
  after: LiveView,
  { request }: RestoreWork,
): readonly string[] {
  if (request.features !== null) return [];
  const failed = new Set(problems.flatMap(({ device }) => (device === undefined ? [] : [device])));
  return interfaces
    .filter((iface) => storedOf(iface).problem === null)
    .flatMap((iface) => devicesOf(iface, after.existing).map(({ name }) => name))
    .filter((device) => !failed.has(device));
}
