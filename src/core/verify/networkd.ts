import type { FeatureState } from "../feature-set.ts";
import type { Feature } from "../features.ts";
import type { NicInterface } from "../interface.ts";
import { createInterfaceNote, createInterfaceProblem } from "../interface-problem.ts";
import type { Note, Problem } from "../problem.ts";
import { joinAnd } from "../text.ts";

/** What networkd will ask of each device when it starts: the offloads of the last plug. */
export type NetworkdDatabase = ReadonlyMap<string, ReadonlyMap<Feature, "on" | "off">>;

/** What is said of a NIC whose memory differs from the policy. */
export interface NetworkdFindings {
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** A NIC and what is known of it. */
export interface NetworkdCheck {
  readonly nic: NicInterface;
  /** The features that are to be off on it. */
  readonly featuresOff: readonly Feature[];
  readonly database: NetworkdDatabase;
  /** The state of a feature now; undefined where it could not be read. */
  readonly getLiveState: (feature: Feature) => FeatureState | undefined;
}

/**
 * What networkd will do to a NIC at its next start that differs from the policy, in either direction.
 * When networkd starts it applies what the last plug said, and xapi's plug after it applies the
 * settings of now (network_server.ml on_startup; xapi_pif.ml start_of_day_best_effort_bring_up).
 */
export function checkNetworkd({ nic, featuresOff, database, getLiveState }: NetworkdCheck): NetworkdFindings {
  const turnsOn: Feature[] = [];
  const onUntilReplug: Feature[] = [];
  const turnsOff: Feature[] = [];
  for (const [feature, stored] of database.get(nic.pif.device) ?? []) {
    const liveState = getLiveState(feature);
    const replugState = getReplugState(nic, feature);
    if (stored === "on") {
      if (!featuresOff.includes(feature) || !isChangeable(liveState)) continue;
      if (replugState === "off") onUntilReplug.push(feature);
      // Where the plug says on as well, that finding is about the setting, and so is its cure.
      if (replugState === null) turnsOn.push(feature);
    } else if (!featuresOff.includes(feature) && replugState === null && isOnOrUnknown(liveState)) {
      turnsOff.push(feature);
    }
  }
  return {
    problems: turnsOn.length === 0 ? [] : [createTurnsOnProblem(nic, turnsOn)],
    notes: [
      ...(onUntilReplug.length === 0 ? [] : [createUntilReplugNote(nic, onUntilReplug)]),
      ...(turnsOff.length === 0 ? [] : [createTurnsOffNote(nic, turnsOff)]),
    ],
  };
}

/**
 * What xapi's next plug makes of a feature; null where it says nothing and the feature stays as it is.
 * networkd turns lro off unless told otherwise (network_interface.ml default_interface).
 */
function getReplugState(nic: NicInterface, feature: Feature): "on" | "off" | null {
  const { settings } = nic.pif;
  const xapiState = settings.state(feature);
  if (xapiState !== null) return xapiState;
  if (feature === "lro") return "off";
  // A setting that nobody understands hides the property all the same (nm.ml).
  if (feature !== "gro" || settings.value(feature) !== null) return null;
  return settings.scope.groProperty === "on" ? "on" : null;
}

function isChangeable(state: FeatureState | undefined): boolean {
  return state !== "absent" && state !== "on, fixed" && state !== "off, fixed";
}

function isOnOrUnknown(state: FeatureState | undefined): boolean {
  return state === undefined || state === "on" || state === "off, requested on";
}

function createTurnsOnProblem(nic: NicInterface, features: readonly Feature[]): Problem {
  const { device } = nic.pif;
  const fix = { intro: "run", command: `offload disable ${device} --features ${features.join(",")}` };
  const detail = `networkd turns ${joinAnd(features)} on at its next start, and no setting turns ${getPronoun(features)} off again`;
  return createInterfaceProblem("networkd-turns-on", nic, detail, device, { features, fix });
}

function createUntilReplugNote(nic: NicInterface, features: readonly Feature[]): Note {
  const detail = `networkd turns ${joinAnd(features)} on at its next start, until XAPI plugs the PIF and its settings apply`;
  return createInterfaceNote("networkd-until-replug", nic, detail, { device: nic.pif.device, features });
}

function createTurnsOffNote(nic: NicInterface, features: readonly Feature[]): Note {
  const { uuid, slaveOf, device } = nic.pif;
  const fix = { intro: "to make it forget", command: `xe pif-plug uuid=${slaveOf ?? uuid}` };
  const detail = `networkd still remembers ${joinAnd(features)} off and turns ${getPronoun(features)} off at its next start`;
  return createInterfaceNote("networkd-turns-off", nic, detail, { device, features, fix });
}

function getPronoun(features: readonly Feature[]): string {
  return features.length === 1 ? "it" : "them";
}
