import { describe, expect, test } from "bun:test";
import type { Host } from "../../../src/core/inventory.ts";
import { createDeferredNotes, createNoSettingNotes, createSelectionNotes } from "../../../src/core/targets/notes.ts";
import type { Selection } from "../../../src/core/targets/targets.ts";
import { BETA, guest, haltedVm, nic, pif, uuidFor, vif, vm } from "../../builders/hosts.ts";

const NOTHING: Selection = {
  interfaces: [],
  groups: { nics: false, vifs: false },
  individualVifs: new Set(),
  vmsOnOtherHosts: [],
  vmsWithoutVifs: [],
};
const GAMMA: Host = { uuid: uuidFor("host gamma"), name: "gamma" };

describe("what the choice left out", () => {
  test("counts VMs that run on other hosts, and names these hosts", () => {
    const vmsOnOtherHosts = [
      { host: BETA, count: 2 },
      { host: GAMMA, count: 1 },
    ];
    expect(createSelectionNotes({ ...NOTHING, vmsOnOtherHosts })).toEqual([
      { code: "vms-on-other-hosts", message: '3 VMs left out, which run on "beta" and "gamma"' },
    ]);
    expect(createSelectionNotes({ ...NOTHING, vmsOnOtherHosts: vmsOnOtherHosts.slice(1) })[0]?.message).toBe(
      '1 VM left out, which runs on "gamma"',
    );
  });

  test("a named VM without VIFs is said to have none", () => {
    const bare = haltedVm("unmanaged");
    expect(createSelectionNotes({ ...NOTHING, vmsWithoutVifs: [bare] })).toEqual([
      { code: "no-vifs", message: '"unmanaged" has no VIFs', uuid: bare.uuid },
    ]);
  });

  test("nothing left out, nothing said", () => {
    expect(createSelectionNotes(NOTHING)).toEqual([]);
  });
});

describe("when a record takes effect", () => {
  const message = (subjects: Parameters<typeof createDeferredNotes>[0]) =>
    createDeferredNotes(subjects, true).map((note) => note.message);

  test("of a halted VM: when it is started, once for all its VIFs", () => {
    const db = haltedVm("db");
    expect(message([guest(vif(db, "0")), guest(vif(db, "1"))])).toEqual([
      '2 VIFs of "db" (halted): recorded only, takes effect when it is started',
    ]);
  });

  test("of a suspended one: when it is resumed", () => {
    const asleep = haltedVm("db", { powerState: "Suspended" });
    expect(message([guest(vif(asleep, "0"))])).toEqual([
      '1 VIF of "db" (suspended): recorded only, takes effect when it is resumed',
    ]);
  });

  test("of an unplugged VIF of a running VM: when it is plugged", () => {
    expect(message([guest(vif(vm("web"), "0", { attached: false }))])).toEqual([
      '1 VIF of "web" (unplugged): recorded only, takes effect when it is plugged',
    ]);
  });

  test("nothing is said of what is live here, lives elsewhere or has no records", () => {
    const away = vm("away", { residentOn: BETA });
    const subjects = [
      nic(pif("eth0")),
      guest(vif(vm("web"), "0")),
      guest(vif(away, "0")),
      guest(vif(vm("web"), "1", { sriov: true })),
    ];
    expect(createDeferredNotes(subjects, true)).toEqual([]);
  });
});

describe("features that no record keeps off", () => {
  const eth0 = nic(pif("eth0"));
  const web0 = guest(vif(vm("web"), "0"));

  test("on VIFs: gro and lro too", () => {
    expect(createNoSettingNotes([web0], ["tso", "gro", "lro"])).toEqual([
      {
        code: "no-setting",
        message:
          "gro and lro of VIFs: the toolstack reads no record of that, so off until a VM's next start; keep it off with: offload persist",
      },
    ]);
  });

  test("on NIC: only those that are no default", () => {
    expect(createNoSettingNotes([eth0], ["tso", "gro", "lro"])).toEqual([]);
    expect(createNoSettingNotes([eth0], ["tso", "rxvlan"])[0]?.message).toBe(
      "rxvlan of NICs: XAPI has no record for that, so off until the next reboot",
    );
  });

  test("each kind that is there is told of", () => {
    expect(createNoSettingNotes([eth0, web0], ["ntuple"])).toHaveLength(2);
    expect(createNoSettingNotes([], ["ntuple", "gro"])).toEqual([]);
    const bare = { kind: "unmanaged", device: "eth0", deviceKind: "pif" } as const;
    expect(createNoSettingNotes([bare], ["ntuple", "gro"])).toEqual([]);
  });
});
