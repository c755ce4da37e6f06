import type { LiveView } from "../../core/disable/steps.ts";
import { type FeatureSet, isSet } from "../../core/feature-set.ts";
import type { NicInterface } from "../../core/interface.ts";
import type { Inventory } from "../../core/inventory.ts";
import type { Kernel, Toolstack } from "../../core/ports.ts";
import type { Problem, ProblemCode } from "../../core/problem.ts";
import { problemAbout } from "../../core/problem-about.ts";
import { addressesAtRisk, type LiveAddress } from "../../core/restore/addresses.ts";
import { type Plug, planPlugs } from "../../core/restore/replug.ts";
import { listed } from "../../core/text.ts";

/** A plug that is not to be, or was not, carried out. */
export interface FailedPlug {
  readonly plug: Plug;
  readonly reason: string;
}

/** The plugs that a restore needs. */
export interface ReplugPlan {
  readonly plugs: readonly Plug[];
  /** Those that would take an address away. */
  readonly unsafe: readonly FailedPlug[];
}

/** What plugging did. */
export interface ReplugResult {
  /** Every device of the plugs, read after them and after what was written back. */
  readonly view: LiveView;
  /**
   * Kernel features by device that the plug changed and that are being restored, and whether they
   * were requested before.
   */
  readonly changed: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  /** The plugs that failed: what is stored with their NICs has to stay. */
  readonly failed: readonly FailedPlug[];
  readonly problems: readonly Problem[];
  /** False where a power loss within five minutes may undo it: networkd's file is still the old one. */
  readonly saved: boolean;
}

/** What plugging works with. */
export interface ReplugPorts {
  readonly kernel: Pick<Kernel, "observeAgain" | "request">;
  readonly toolstack: Pick<Toolstack, "plug">;
  /** Has networkd write its memory to disk. */
  readonly sync: () => boolean;
  readonly isStopped: () => boolean;
}

/**
 * Plans the plugs for NICs that are restored. A plug applies the whole record of its PIF, so one that
 * would take a live address away is left out. `readAddresses` answers null where it cannot tell.
 */
export async function planReplug(
  nics: readonly NicInterface[],
  inventory: Inventory,
  toolstack: Pick<Toolstack, "bridgeOf">,
  readAddresses: () => readonly LiveAddress[] | null,
): Promise<ReplugPlan> {
  const plugs: Plug[] = [];
  const unsafe: FailedPlug[] = [];
  const all = planPlugs(nics, inventory);
  const live = all.length === 0 ? [] : readAddresses();
  for (const plug of all) {
    const reason =
      live === null
        ? "the addresses of this host cannot be read"
        : await findRisk(plug, toolstack, live);
    if (reason === null) plugs.push(plug);
    else unsafe.push({ plug, reason });
  }
  return { plugs, unsafe };
}

async function findRisk(
  { pif, devices }: Plug,
  toolstack: Pick<Toolstack, "bridgeOf">,
  live: readonly LiveAddress[],
): Promise<string | null> {
  const bridge = await toolstack.bridgeOf(pif);
  if (!bridge.ok) return bridge.failures.map(({ message }) => message).join("; ");
  const record = pif.address;
  return addressesAtRisk({ record, bridge: bridge.value, devices }, live);
}

/** What is said of plugs that would take an address away. */
export function unsafeProblems({ unsafe }: ReplugPlan): readonly Problem[] {
  return unsafe.flatMap(({ plug, reason }) => {
    const { device, uuid } = plug.pif;
    const detail = `${device} was not plugged, and networkd still remembers its offloads as they were: ${reason}; tell XAPI its address (xe pif-reconfigure-ip uuid=${uuid}) and run it again, or pass --no-replug`;
    return plugProblems("plug-unsafe", plug, detail);
  });
}

/**
 * Has XAPI plug PIFs anew, so that networkd forgets what it remembers of their offloads. A plug may
 * change features that are not being restored, such as gro of the bond's other slave: those get back
 * what they had. `isRestored` tells which features of a device the caller restores afterwards.
 */
export async function replug(
  { plugs }: ReplugPlan,
  view: LiveView,
  isRestored: (device: string, kernelFeature: string) => boolean,
  { kernel, toolstack, sync, isStopped }: ReplugPorts,
): Promise<ReplugResult> {
  const changed = new Map<string, ReadonlyMap<string, boolean>>();
  const failed: FailedPlug[] = [];
  const problems: Problem[] = [];
  let now = view;
  for (const plug of plugs) {
    const before = kernel.observeAgain(now, plug.devices);
    const reason = isStopped()
      ? "interrupted before it was plugged"
      : (findUnreadable(plug, before) ?? (await toolstack.plug(plug.pif)));
    if (reason !== null) {
      failed.push({ plug, reason });
      const detail = `XAPI did not plug ${plug.pif.device}: ${reason}; networkd still remembers its offloads as they were`;
      problems.push(...plugProblems("plug-failed", plug, detail));
    }
    // A plug that failed may have got as far as the offloads.
    now = kernel.observeAgain(before, plug.devices);
    const others = new Map<string, ReadonlyMap<string, boolean>>();
    for (const device of plug.devices) {
      const requests = changedRequests(device, before, now);
      const [own, rest] = partition(requests, (feature) => isRestored(device, feature));
      if (own.size > 0) changed.set(device, own);
      if (rest.size > 0) others.set(device, rest);
    }
    const written = writeBack(others, now, kernel);
    now = written.view;
    problems.push(...written.problems);
  }
  const saved = plugs.length === failed.length || sync();
  return { view: now, changed, failed, problems, saved };
}

function partition(
  requests: ReadonlyMap<string, boolean>,
  isRestored: (feature: string) => boolean,
): readonly [own: ReadonlyMap<string, boolean>, rest: ReadonlyMap<string, boolean>] {
  const { own = [], rest = [] } = Object.groupBy(requests, ([feature]) =>
    isRestored(feature) ? "own" : "rest",
  );
  return [new Map(own), new Map(rest)];
}

function findUnreadable({ devices }: Plug, { observations }: LiveView): string | null {
  const device = devices.find((name) => observations.get(name)?.state === "unreadable");
  return device === undefined ? null : `${device} cannot be read, so nothing could be written back`;
}

/** Kernel features whose request is another than it was, with what it was. */
function changedRequests(
  device: string,
  before: LiveView,
  after: LiveView,
): ReadonlyMap<string, boolean> {
  const previous = readOf(device, before);
  const current = readOf(device, after);
  if (previous === null || current === null) return new Map();
  return new Map(
    before.kernel.names.flatMap((name, index) => {
      const was = isSet(previous.requested, index);
      return was === isSet(current.requested, index) ? [] : [[name, was] as const];
    }),
  );
}

function readOf(device: string, { observations }: LiveView): FeatureSet | null {
  const observation = observations.get(device);
  return observation?.state === "read" ? observation.features : null;
}

/** Asks again for what devices had, and reads whether they follow. */
function writeBack(
  requests: ReadonlyMap<string, ReadonlyMap<string, boolean>>,
  view: LiveView,
  kernel: ReplugPorts["kernel"],
): { readonly view: LiveView; readonly problems: readonly Problem[] } {
  const reasons = new Map<string, string>();
  for (const [device, wanted] of requests) {
    const features = readOf(device, view);
    if (features === null) continue;
    const outcome = kernel.request(device, view.kernel.wish(features, wanted));
    if (!outcome.done) reasons.set(device, outcome.because);
  }
  const after = kernel.observeAgain(view, requests.keys());
  const problems = [...requests].flatMap(([device, wanted]): Problem[] => {
    const features = readOf(device, after);
    if (features !== null && after.kernel.wish(features, wanted).isEmpty) return [];
    const reason = reasons.get(device) ?? "the driver did not follow";
    const message = `${device}: the plug changed ${listed([...wanted.keys()])}, which could not be written back: ${reason}`;
    return [{ code: "write-failed", message, interface: device, device }];
  });
  return { view: after, problems };
}

function plugProblems(code: ProblemCode, { nics }: Plug, detail: string): readonly Problem[] {
  return nics.map((nic) => problemAbout(code, nic, detail, nic.pif.device));
}
