import { attemptAsync, CommandError } from "../../core/command-error.ts";
import type { FeatureSnapshot } from "../../core/disable/steps.ts";
import { type FeatureSet, isSet } from "../../core/feature-set.ts";
import type { NicInterface } from "../../core/interface.ts";
import { createInterfaceProblem } from "../../core/interface-problem.ts";
import type { Inventory } from "../../core/inventory.ts";
import type { Kernel, Toolstack } from "../../core/ports.ts";
import type { Note, Problem, ProblemCode } from "../../core/problem.ts";
import { describeAddressesAtRisk, type LiveAddress } from "../../core/restore/address-risk.ts";
import { planReplugs, type Replug } from "../../core/restore/replug.ts";
import { joinAnd } from "../../core/text.ts";

/** A plug that is not to be, or was not, carried out. */
interface FailedPlug {
  readonly plug: Replug;
  readonly reason: string;
}

/** The plugs that a restore needs. */
export interface ReplugPlan {
  readonly plugs: readonly Replug[];
  /** Those that would take an address away. */
  readonly unsafe: readonly FailedPlug[];
}

/** What plugging did. */
export interface ReplugResult {
  /** Every device of the plugs, read after them and after what was written back. */
  readonly snapshot: FeatureSnapshot;
  /**
   * Kernel features by device that the plug changed and that are being restored, and whether they
   * were requested before.
   */
  readonly changed: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  /** The plugs that failed: what is stored with their NICs has to stay. */
  readonly failed: readonly FailedPlug[];
  readonly problems: readonly Problem[];
  /** False where a power loss within five minutes may undo it: networkd's file is still the old one. */
  readonly isSaved: boolean;
}

/** What plugging works with. */
export interface ReplugPorts {
  readonly kernel: Pick<Kernel, "rereadFeatures" | "requestFeatures">;
  readonly toolstack: Pick<Toolstack, "plugPif">;
  /** Has networkd write its memory to disk. */
  readonly saveNetworkdState: () => Promise<boolean>;
  readonly isStopped: () => boolean;
}

/**
 * Plans the plugs for NICs that are restored. A plug applies the whole record of its PIF, so one that
 * would take a live address away is left out. `readAddresses` answers null where it cannot tell.
 */
export async function planReplug(
  nics: readonly NicInterface[],
  inventory: Inventory,
  toolstack: Pick<Toolstack, "findBridge">,
  readAddresses: () => readonly LiveAddress[] | null,
): Promise<ReplugPlan> {
  const plugs: Replug[] = [];
  const unsafe: FailedPlug[] = [];
  const candidates = planReplugs(nics, inventory);
  const liveAddresses = candidates.length === 0 ? [] : readAddresses();
  for (const plug of candidates) {
    const reason =
      liveAddresses === null
        ? "the addresses of this host cannot be read"
        : await findAddressRisk(plug, toolstack, liveAddresses);
    if (reason === null) plugs.push(plug);
    else unsafe.push({ plug, reason });
  }
  return { plugs, unsafe };
}

async function findAddressRisk(
  { pif, devices }: Replug,
  toolstack: Pick<Toolstack, "findBridge">,
  liveAddresses: readonly LiveAddress[],
): Promise<string | null> {
  const bridge = await attemptAsync(() => toolstack.findBridge(pif));
  if (bridge instanceof CommandError) return bridge.message;
  const pifAddress = pif.address;
  return describeAddressesAtRisk({ pifAddress, bridge, devices }, liveAddresses);
}

/** That a plug comes after the confirmation of a pending change. */
export const PLUG_UNPROTECTED: Note = {
  code: "replug-not-revertible",
  message: "NICs are replugged once this is confirmed; that plug is not covered by --confirm-within",
};

/** What a confirmation says of the plugs; null without any. */
export function describePlugs({ plugs }: ReplugPlan): string | null {
  const devices = plugs.map(({ pif, management }) => (management ? `${pif.device} (management)` : pif.device));
  return devices.length === 0 ? null : `XAPI replugs: ${joinAnd(devices)}`;
}

/** What is said of plugs that would take an address away. */
export function toUnsafePlugProblems({ unsafe }: ReplugPlan): readonly Problem[] {
  return unsafe.flatMap(({ plug, reason }) => {
    const { device, uuid } = plug.pif;
    const detail = `${device} was not plugged, and networkd still remembers its offloads as they were: ${reason}; tell XAPI its address (xe pif-reconfigure-ip uuid=${uuid}) and run it again, or pass --no-replug`;
    return toPlugProblems("plug-unsafe", plug, detail);
  });
}

/**
 * Has XAPI replug PIFs, so that networkd forgets what it remembers of their offloads. A plug may
 * change features that are not being restored, such as gro of the bond's other slave: those get back
 * what they had. `isRestored` tells which features of a device the caller restores afterwards.
 */
export async function replug(
  { plugs }: ReplugPlan,
  snapshot: FeatureSnapshot,
  isRestored: (device: string, kernelFeature: string) => boolean,
  { kernel, toolstack, saveNetworkdState, isStopped }: ReplugPorts,
): Promise<ReplugResult> {
  const changed = new Map<string, ReadonlyMap<string, boolean>>();
  const failed: FailedPlug[] = [];
  const problems: Problem[] = [];
  let current = snapshot;
  for (const plug of plugs) {
    const before = kernel.rereadFeatures(current, plug.devices);
    const reason = isStopped()
      ? "interrupted before it was plugged"
      : (findUnreadableDevice(plug, before) ?? (await toolstack.plugPif(plug.pif)));
    if (reason !== null) {
      failed.push({ plug, reason });
      const detail = `XAPI did not plug ${plug.pif.device}: ${reason}; networkd still remembers its offloads as they were`;
      problems.push(...toPlugProblems("plug-failed", plug, detail));
    }
    // A plug that failed may have got as far as the offloads.
    current = kernel.rereadFeatures(before, plug.devices);
    const others = new Map<string, ReadonlyMap<string, boolean>>();
    for (const device of plug.devices) {
      const requests = changedRequests(device, before, current);
      const [own, rest] = splitRestored(requests, (feature) => isRestored(device, feature));
      if (own.size > 0) changed.set(device, own);
      if (rest.size > 0) others.set(device, rest);
    }
    const written = restoreRequests(others, current, kernel);
    current = written.snapshot;
    problems.push(...written.problems);
  }
  const isSaved = plugs.length === failed.length || (await saveNetworkdState());
  return { snapshot: current, changed, failed, problems, isSaved };
}

function splitRestored(
  requests: ReadonlyMap<string, boolean>,
  isRestored: (feature: string) => boolean,
): readonly [own: ReadonlyMap<string, boolean>, rest: ReadonlyMap<string, boolean>] {
  const { own = [], rest = [] } = Object.groupBy(requests, ([feature]) => (isRestored(feature) ? "own" : "rest"));
  return [new Map(own), new Map(rest)];
}

function findUnreadableDevice({ devices }: Replug, { readings }: FeatureSnapshot): string | null {
  const device = devices.find((name) => readings.get(name)?.state === "unreadable");
  return device === undefined ? null : `${device} cannot be read, so nothing could be written back`;
}

/** Kernel features whose request is another than it was, with what it was. */
function changedRequests(
  device: string,
  before: FeatureSnapshot,
  after: FeatureSnapshot,
): ReadonlyMap<string, boolean> {
  const previous = getFeatures(device, before);
  const current = getFeatures(device, after);
  if (previous === null || current === null) return new Map();
  return new Map(
    before.featureTable.names.flatMap((name, index) => {
      const previouslyRequested = isSet(previous.requested, index);
      return previouslyRequested === isSet(current.requested, index) ? [] : [[name, previouslyRequested] as const];
    }),
  );
}

function getFeatures(device: string, { readings }: FeatureSnapshot): FeatureSet | null {
  const reading = readings.get(device);
  return reading?.state === "read" ? reading.features : null;
}

/** Asks again for what devices had, and reads whether they follow. */
function restoreRequests(
  requests: ReadonlyMap<string, ReadonlyMap<string, boolean>>,
  snapshot: FeatureSnapshot,
  kernel: ReplugPorts["kernel"],
): { readonly snapshot: FeatureSnapshot; readonly problems: readonly Problem[] } {
  const reasons = new Map<string, string>();
  for (const [device, previousRequests] of requests) {
    const features = getFeatures(device, snapshot);
    if (features === null) continue;
    const outcome = kernel.requestFeatures(device, features.planRequest(previousRequests));
    if (!outcome.done) reasons.set(device, outcome.reason);
  }
  const after = kernel.rereadFeatures(snapshot, requests.keys());
  const problems = [...requests].flatMap(([device, previousRequests]): Problem[] => {
    const features = getFeatures(device, after);
    if (features?.planRequest(previousRequests).isEmpty) return [];
    const reason = reasons.get(device) ?? "the driver did not follow";
    const message = `${device}: the plug changed ${joinAnd([...previousRequests.keys()])}, which could not be written back: ${reason}`;
    return [{ code: "write-failed", message, interface: device, device }];
  });
  return { snapshot: after, problems };
}

function toPlugProblems(code: ProblemCode, { nics }: Replug, detail: string): readonly Problem[] {
  return nics.map((nic) => createInterfaceProblem(code, nic, detail, nic.pif.device));
}
