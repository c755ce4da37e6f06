import { type Feature, settingKey } from "../features.ts";
import type { Interface, VifInterface } from "../interface.ts";
import { createInterfaceNote } from "../interface-problem.ts";
import type { Note } from "../problem.ts";
import { formatCount, joinAnd, quote } from "../text.ts";
import type { Selection } from "./targets.ts";

/** What the choice of targets left out or cannot reach. */
export function createSelectionNotes({ interfaces, vmsOnOtherHosts, vmsWithoutVifs }: Selection): readonly Note[] {
  const notes: Note[] = vmsWithoutVifs.map(({ name, uuid }) => ({
    code: "no-vifs",
    message: `${quote(name)}: has no VIFs`,
    interface: quote(name),
    uuid,
  }));
  return [...notes, ...createLeftOutNotes(vmsOnOtherHosts), ...interfaces.flatMap(createSriovNotes)];
}

/** A guest on an SR-IOV network has a part of the NIC to itself (xapi_network_sriov_helpers.ml). */
function createSriovNotes(iface: Interface): readonly Note[] {
  if (iface.kind !== "vif" || !iface.vif.sriov) return [];
  const detail = "on an SR-IOV network: its packets do not pass dom0, and nothing in dom0 changes its offloads";
  return [createInterfaceNote("sriov", iface, detail, {})];
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
    const state = running ? "unplugged" : vm.powerState.toLowerCase();
    const when = running
      ? "at the next plug"
      : vm.powerState === "Suspended"
        ? "when the VM is resumed"
        : "when the VM is started";
    const effect = storesSettings
      ? `settings only, which take effect ${when}`
      : "no device to change now, and nothing is stored with --live-only";
    const name = `${formatCount(vifs.length, "VIF")} of ${quote(vm.name)}`;
    return [{ code: "deferred", message: `${name}: ${state}: ${effect}`, interface: name, uuid: vm.uuid }];
  });
}

/** Features that no setting can keep off on some of the interfaces. */
export function createNoSettingNotes(interfaces: readonly Interface[], features: readonly Feature[]): readonly Note[] {
  const notes: Note[] = [];
  const kinds = new Set(interfaces.map(({ kind }) => kind));
  const nicFeatures = features.filter((feature) => settingKey("pif", feature) === null);
  if (kinds.has("pif") && nicFeatures.length > 0) {
    const message = `${joinAnd(nicFeatures)} of NICs: XAPI has no setting for that, so off until the next reboot; keep it off with: offload persist`;
    notes.push({ code: "no-setting", message });
  }
  const vifFeatures = features.filter((feature) => settingKey("vif", feature) === null);
  if (kinds.has("vif") && vifFeatures.length > 0) {
    const message = `${joinAnd(vifFeatures)} of VIFs: XAPI has no setting for it, so off only until the VM's next start; keep it off with: offload persist`;
    notes.push({ code: "no-setting", message });
  }
  return notes;
}
