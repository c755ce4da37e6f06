import { describe, expect, test } from "bun:test";
import type { Host } from "../../../src/core/inventory.ts";
import { createDeferredNotes, createNoSettingNotes, createSelectionNotes } from "../../../src/core/targets/notes.ts";
import type { Selection } from "../../../src/core/targets/targets.ts";
import { BETA, guest, haltedVm, nic, pif, uuidFor, vif, vm } from "../../builders/hosts.ts";

const EMPTY_SELECTION: Selection = {
  interfaces: [],
  groups: { nics: false, vifs: false },
  individualVifs: new Set(),
  vmsOnOtherHosts: [],
  vmsWithoutVifs: [],
};
const GAMMA: Host = { uuid: uuidFor("host gamma"), name: "gamma" };

describe("createSelectionNotes", () => {
  test("counts VMs on other hosts and names these hosts", () => {
    const vmsOnOtherHosts = [
      { host: BETA, count: 2 },
      { host: GAMMA, count: 1 },
    ];
    expect(createSelectionNotes({ ...EMPTY_SELECTION, vmsOnOtherHosts })).toEqual([
      { code: "vms-on-other-hosts", message: '3 VMs left out, which run on "beta" and "gamma"' },
    ]);
    expect(createSelectionNotes({ ...EMPTY_SELECTION, vmsOnOtherHosts: vmsOnOtherHosts.slice(1) })[0]?.message).toBe(
      '1 VM left out, which runs on "gamma"',
    );
  });

  test("names a VM without VIFs", () => {
    const vm = haltedVm("unmanaged");
    expect(createSelectionNotes({ ...EMPTY_SELECTION, vmsWithoutVifs: [vm] })).toEqual([
      { code: "no-vifs", message: '"unmanaged": has no VIFs', interface: '"unmanaged"', uuid: vm.uuid },
    ]);
  });

  test("returns nothing when nothing was left out", () => {
    expect(createSelectionNotes(EMPTY_SELECTION)).toEqual([]);
  });
});

describe("createDeferredNotes", () => {
  const message = (interfaces: Parameters<typeof createDeferredNotes>[0]) =>
    createDeferredNotes(interfaces, true).map((note) => note.message);

  test("says when the settings of a halted VM take effect, once for all its VIFs", () => {
    const db = haltedVm("db");
    expect(message([guest(vif(db, "0")), guest(vif(db, "1"))])).toEqual([
      '2 VIFs of "db": halted: settings only, which take effect when the VM is started',
    ]);
  });

  test("says when the settings of a suspended VM take effect", () => {
    const asleep = haltedVm("db", { powerState: "Suspended" });
    expect(message([guest(vif(asleep, "0"))])).toEqual([
      '1 VIF of "db": suspended: settings only, which take effect when the VM is resumed',
    ]);
  });

  test("says when the settings of an unplugged VIF take effect", () => {
    expect(message([guest(vif(vm("web"), "0", { attached: false }))])).toEqual([
      '1 VIF of "web": unplugged: settings only, which take effect at the next plug',
    ]);
  });

  test("returns nothing for interfaces that are local, remote or have no settings", () => {
    const away = vm("away", { residentOn: BETA });
    const interfaces = [
      nic(pif("eth0")),
      guest(vif(vm("web"), "0")),
      guest(vif(away, "0")),
      guest(vif(vm("web"), "1", { sriov: true })),
    ];
    expect(createDeferredNotes(interfaces, true)).toEqual([]);
  });
});

describe("createNoSettingNotes", () => {
  const eth0 = nic(pif("eth0"));
  const web0 = guest(vif(vm("web"), "0"));

  test("names gro and lro on VIFs", () => {
    expect(createNoSettingNotes([web0], ["tso", "gro", "lro"])).toEqual([
      {
        code: "no-setting",
        message:
          "gro and lro of VIFs: XAPI has no setting for it, so off only until the VM's next start; keep it off with: offload persist",
      },
    ]);
  });

  test("names only non-default features on NICs", () => {
    expect(createNoSettingNotes([eth0], ["tso", "gro", "lro"])).toEqual([]);
    expect(createNoSettingNotes([eth0], ["tso", "rxvlan"])[0]?.message).toBe(
      "rxvlan of NICs: XAPI has no setting for that, so off until the next reboot; keep it off with: offload persist",
    );
  });

  test("returns one note per kind of interface", () => {
    expect(createNoSettingNotes([eth0, web0], ["ntuple"])).toHaveLength(2);
    expect(createNoSettingNotes([], ["ntuple", "gro"])).toEqual([]);
    const unmanaged = { kind: "unmanaged", device: "eth0", deviceKind: "pif" } as const;
    expect(createNoSettingNotes([unmanaged], ["ntuple", "gro"])).toEqual([]);
  });
});
