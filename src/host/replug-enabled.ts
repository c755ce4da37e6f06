import { attempt, CommandError } from "../core/command-error.ts";
import { listLiveFeatures } from "../core/disable/request.ts";
import { isManagedNic, type NicInterface } from "../core/interface.ts";
import type { Kernel, Replugger } from "../core/ports.ts";
import type { Note } from "../core/problem.ts";
import { joinAnd } from "../core/text.ts";
import type { NetworkdDatabase } from "../core/verify/networkd.ts";
import { readAddresses } from "../kernel/addresses.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";
import { syncNetworkd } from "../xapi/networkd/sync.ts";
import type { PlannedChange } from "./change.ts";
import { planReplug, type ReplugPlan } from "./restore/replug.ts";
import { PlannedReplugger } from "./restore/replugger.ts";

/**
 * Plans to plug NICs of which networkd remembers features off that are to be on: it would turn them off when it
 * starts. It remembers the last plug, so that settings which came later need none. `saveState`: has networkd write
 * down what it remembers first.
 */
export async function planEnabledReplugs(
  planned: PlannedChange,
  saveState: () => Promise<boolean> = () => syncNetworkd(),
): Promise<ReplugPlan> {
  const { inventory, toolstack } = planned.selected;
  const nics = planned.plan.request.direction === "on" ? planned.plan.interfaces.filter(isManagedNic) : [];
  if (inventory === null || toolstack === null || nics.length === 0) return { plugs: [], unsafe: [] };
  const database = (await saveState()) ? readDatabase() : null;
  return await planReplug(filterRemembered(nics, planned, database), inventory, toolstack, readAddresses);
}

/** What networkd has written down, whenever that was; for whoever must not make it write. */
export async function isSavedAlready(): Promise<boolean> {
  return true;
}

function readDatabase(): NetworkdDatabase | null {
  const database = attempt(readNetworkdDb);
  return database instanceof CommandError ? null : database;
}

/** Where nobody knows what networkd remembers, it has read the settings that go now. */
function filterRemembered(
  nics: readonly NicInterface[],
  { plan }: PlannedChange,
  database: NetworkdDatabase | null,
): readonly NicInterface[] {
  if (database === null) return nics.filter((nic) => plan.settings.some(({ iface }) => iface === nic));
  const features = listLiveFeatures(plan.request);
  return nics.filter(({ pif: { device, settings } }) =>
    features.some((feature) => {
      const isOffAtNextPlug = feature === "gro" && settings.scope.groProperty === "off";
      return database.get(device)?.get(feature) === "off" && !isOffAtNextPlug;
    }),
  );
}

/** Has XAPI plug what the plan says. The features that are turned on are seen to after the plug. */
export function createEnabledReplugger(
  planned: PlannedChange,
  plan: ReplugPlan,
  kernel: Kernel,
  isStopped: () => boolean,
): Replugger | undefined {
  const { toolstack } = planned.selected;
  if (toolstack === null || plan.plugs.length + plan.unsafe.length === 0) return undefined;
  const { request, before } = planned.plan;
  const getFeatures = () => listLiveFeatures(request);
  const handled = { nics: planned.plan.interfaces.filter(isManagedNic), getFeatures, snapshot: before };
  return new PlannedReplugger(plan, handled, { kernel, toolstack, saveNetworkdState: () => syncNetworkd(), isStopped });
}

/** What networkd does where nothing is plugged, for `--no-replug`. */
export function noteUnpluggedNics({ plugs, unsafe }: ReplugPlan): readonly Note[] {
  const nics = [...plugs, ...unsafe.map(({ plug }) => plug)].flatMap((plug) => plug.nics);
  if (nics.length === 0) return [];
  const devices = joinAnd(nics.map(({ pif }) => pif.device));
  const message = `not plugged: ${devices}; networkd remembers features off and turns them off at its next start`;
  return [{ code: "networkd-turns-off", message }];
}
