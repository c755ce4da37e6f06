import { type Feature, settingKey } from "../features.ts";
import type { Interface, VifInterface } from "../interface.ts";
import type { Note } from "../problem.ts";
import { formatCount, joinAnd, quote } from "../text.ts";
import type { Selection } from "./targets.ts";

/** What the choice of targets left out or cannot reach. */
export function createSelectionNotes({ vmsOnOtherHosts, vmsWithoutVifs }: Selection): readonly Note[] {
  const notes: Note[] = vmsWithoutVifs.map(({ name, uuid }) => ({
    code: "no-vifs",
    message: `${quote(name)} has no VIFs`,
    uuid,
  }));
  return [...notes, ...createLeftOutNotes(vmsOnOtherHosts)];
}

/** How many VMs were left out because they run on other hosts. */
export function createLeftOutNotes(leftOut: Selection["vmsOnOtherHosts"]): readonly Note[] {
  if (leftOut.length === 0) return [];
  const count = leftOut.reduce((sum, hostCount) => sum + hostCount.count, 0);
  const verb = count === 1 ? "runs" : "run";
  const hosts = leftOut.map(({ host }) => quote(host.name));
  const message = `${formatCount(count, "VM")} left out, which ${verb} on ${joinAnd(hosts)}`;
  return [{ code: "vms-on-other-hosts", message }];
}

/** When the change of VIFs that have no device on this host now takes effect, a note a VM. */
export function createDeferredNotes(interfaces: readonly Interface[], storesSettings: boolean): readonly Note[] {
  const deferred = interfaces.filter(
    (iface): iface is VifInterface => iface.kind === "vif" && iface.location.kind === "none" && !iface.vif.sriov,
  );
  return [...Map.groupBy(deferred, ({ vm }) => vm.uuid).values()].flatMap((vifs): Note[] => {
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
    const effect = storesSettings
      ? `recorded only, takes effect ${when}`
      : "no device to change now, and nothing is stored with --live-only";
    const message = `${formatCount(vifs.length, "VIF")} of ${quote(vm.name)} (${state}): ${effect}`;
    return [{ code: "deferred", message, uuid: vm.uuid }];
  });
}

/** Features that no record can keep off on some of the interfaces. */
export function createNoSettingNotes(interfaces: readonly Interface[], features: readonly Feature[]): readonly Note[] {
  const notes: Note[] = [];
  const kinds = new Set(interfaces.map(({ kind }) => kind));
  const nicFeatures = features.filter((feature) => settingKey("pif", feature) === null);
  if (kinds.has("pif") && nicFeatures.length > 0) {
    const message = `${joinAnd(nicFeatures)} of NICs: XAPI has no record for that, so off until the next reboot`;
    notes.push({ code: "no-setting", message });
  }
  const vifFeatures = features.filter((feature) => settingKey("vif", feature) === null);
  if (kinds.has("vif") && vifFeatures.length > 0) {
    const message = `${joinAnd(vifFeatures)} of VIFs: the toolstack reads no record of that, so off until a VM's next start; keep it off with: offload persist`;
    notes.push({ code: "no-setting", message });
  }
  return notes;
}
