import { type Keyword, recordKey } from "../features.ts";
import type { Interface, VifInterface } from "../interface.ts";
import type { Note } from "../problem.ts";
import { counted, listed, quoted } from "../text.ts";
import type { Selection } from "./targets.ts";

/** What the choice of targets left out or cannot reach. */
export function selectionNotes({ leftOut, withoutVifs }: Selection): readonly Note[] {
  const notes: Note[] = withoutVifs.map(({ name, uuid }) => ({
    code: "no-vifs",
    message: `${quoted(name)} has no VIFs`,
    uuid,
  }));
  return [...notes, ...leftOutNotes(leftOut)];
}

/** How many VMs were left out because they run on other hosts. */
export function leftOutNotes(leftOut: Selection["leftOut"]): readonly Note[] {
  if (leftOut.length === 0) return [];
  const count = leftOut.reduce((sum, one) => sum + one.count, 0);
  const verb = count === 1 ? "runs" : "run";
  const hosts = leftOut.map(({ host }) => quoted(host.name));
  const message = `${counted(count, "VM")} left out, which ${verb} on ${listed(hosts)}`;
  return [{ code: "left-out", message }];
}

/** When the change of VIFs that have no device on this host now takes effect, a note a VM. */
export function laterNotes(interfaces: readonly Interface[], recorded: boolean): readonly Note[] {
  const later = interfaces.filter(
    (subject): subject is VifInterface =>
      subject.kind === "vif" && subject.whereabouts.at === "nowhere" && !subject.vif.sriov,
  );
  return [...Map.groupBy(later, ({ vm }) => vm.uuid).values()].flatMap((vifs): Note[] => {
    const [first] = vifs;
    if (first === undefined) return [];
    const { vm } = first;
    const running = vm.residentOn !== undefined;
    const when = running
      ? `when ${vifs.length === 1 ? "it is" : "they are"} plugged`
      : vm.powerState === "Suspended"
        ? "when it is resumed"
        : "when it is started";
    const state = running ? "unplugged" : vm.powerState.toLowerCase();
    const what = recorded
      ? `recorded only, takes effect ${when}`
      : "no device to change now, and nothing is stored with --live-only";
    const message = `${counted(vifs.length, "VIF")} of ${quoted(vm.name)} (${state}): ${what}`;
    return [{ code: "takes-effect-later", message, uuid: vm.uuid }];
  });
}

/** Features that no record can keep off on some of the interfaces. */
export function unrecordedNotes(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
): readonly Note[] {
  const notes: Note[] = [];
  const kinds = new Set(interfaces.map(({ kind }) => kind));
  const nics = keywords.filter((keyword) => recordKey("pif", keyword) === null);
  if (kinds.has("pif") && nics.length > 0) {
    const message = `${listed(nics)} of NICs: XAPI has no record for that, so off until the next reboot`;
    notes.push({ code: "not-recorded", message });
  }
  const vifs = keywords.filter((keyword) => recordKey("vif", keyword) === null);
  if (kinds.has("vif") && vifs.length > 0) {
    const message = `${listed(vifs)} of VIFs: the toolstack reads no record of that, so off until a VM's next start; keep it off with: offload persist`;
    notes.push({ code: "not-recorded", message });
  }
  return notes;
}
