import type { FeatureState } from "../feature-set.ts";
import { type Keyword, recordKey } from "../features.ts";
import { type NicInterface, nameOf } from "../interface.ts";
import type { Note, Problem } from "../problem.ts";
import { problemAbout } from "../problem-about.ts";
import { recordedState } from "../settings.ts";
import { listed } from "../text.ts";

/** What networkd will ask of each device when it starts: the offloads of the last plug. */
export type NetworkdMemory = ReadonlyMap<string, ReadonlyMap<Keyword, "on" | "off">>;

/** What is said of a NIC whose memory differs from the policy. */
export interface NetworkdFindings {
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** A NIC and what is known of it. */
export interface NetworkdQuestion {
  readonly nic: NicInterface;
  /** The features that are to be off on it. */
  readonly off: readonly Keyword[];
  readonly memory: NetworkdMemory;
  /** The state of a feature now; undefined where it could not be read. */
  readonly live: (feature: Keyword) => FeatureState | undefined;
}

/**
 * What networkd will do to a NIC at its next start that differs from the policy, in either direction.
 * When networkd starts it applies what the last plug said, and xapi's plug after it applies the
 * settings of now (network_server.ml on_startup; xapi_pif.ml start_of_day_best_effort_bring_up).
 */
export function networkdFindings({ nic, off, memory, live }: NetworkdQuestion): NetworkdFindings {
  const turnsOn: Keyword[] = [];
  const untilPlug: Keyword[] = [];
  const turnsOff: Keyword[] = [];
  for (const [feature, remembered] of memory.get(nic.pif.device) ?? []) {
    const state = live(feature);
    const atPlug = stateAtPlug(nic, feature);
    if (remembered === "on") {
      if (!off.includes(feature) || !canTurn(state)) continue;
      if (atPlug === "off") untilPlug.push(feature);
      // Where the plug says on as well, that finding is about the setting, and so is its cure.
      if (atPlug === null) turnsOn.push(feature);
    } else if (!off.includes(feature) && atPlug === null && isOn(state)) {
      turnsOff.push(feature);
    }
  }
  return {
    problems: turnsOn.length === 0 ? [] : [turnsOnProblem(nic, turnsOn)],
    notes: [
      ...(untilPlug.length === 0 ? [] : [untilPlugNote(nic, untilPlug)]),
      ...(turnsOff.length === 0 ? [] : [turnsOffNote(nic, turnsOff)]),
    ],
  };
}

/**
 * What xapi's next plug makes of a feature; null where it says nothing and the feature stays as it is.
 * networkd turns lro off unless told otherwise (network_interface.ml default_interface).
 */
function stateAtPlug(nic: NicInterface, feature: Keyword): "on" | "off" | null {
  const recorded = recordedState(nic, feature);
  if (recorded !== null) return recorded;
  if (feature === "lro") return "off";
  const key = recordKey("pif", feature) ?? "";
  // A setting that nobody understands hides the property all the same (nm.ml).
  if (feature !== "gro" || nic.pif.otherConfig.has(key)) return null;
  return nic.pif.groProperty === "on" ? "on" : null;
}

function canTurn(state: FeatureState | undefined): boolean {
  return state !== "absent" && state !== "on, fixed" && state !== "off, fixed";
}

function isOn(state: FeatureState | undefined): boolean {
  return state === undefined || state === "on" || state === "off, requested on";
}

function turnsOnProblem(nic: NicInterface, features: readonly Keyword[]): Problem {
  const { device } = nic.pif;
  const command = `offload disable ${device} --features ${features.join(",")}`;
  const detail = `networkd turns ${listed(features)} on at its next start, and no setting turns ${pronoun(features)} off again; run: ${command}`;
  return problemAbout("networkd-turns-on", nic, detail, device);
}

function untilPlugNote(nic: NicInterface, features: readonly Keyword[]): Note {
  return noteAbout(
    "networkd-until-plug",
    nic,
    `networkd turns ${listed(features)} on at its next start, until XAPI plugs the PIF and its settings apply`,
  );
}

function turnsOffNote(nic: NicInterface, features: readonly Keyword[]): Note {
  const { uuid, slaveOf } = nic.pif;
  return noteAbout(
    "networkd-turns-off",
    nic,
    `networkd still remembers ${listed(features)} off and turns ${pronoun(features)} off at its next start; to make it forget: xe pif-plug uuid=${slaveOf ?? uuid}`,
  );
}

function noteAbout(code: Note["code"], nic: NicInterface, detail: string): Note {
  const { uuid, device } = nic.pif;
  const name = nameOf(nic);
  return { code, message: `${name}: ${detail}`, interface: name, device, uuid };
}

function pronoun(features: readonly Keyword[]): string {
  return features.length === 1 ? "it" : "them";
}
