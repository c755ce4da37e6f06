import { describe, expect, test } from "bun:test";
import type { Host } from "../../../src/core/inventory.ts";
import { laterNotes, selectionNotes, unrecordedNotes } from "../../../src/core/targets/notes.ts";
import type { Selection } from "../../../src/core/targets/targets.ts";
import { BETA, guest, haltedVm, nic, pif, uuidFor, vif, vm } from "../../builders/hosts.ts";

const NOTHING: Selection = {
  interfaces: [],
  rule: { nics: false, vifs: false },
  alone: new Set(),
  leftOut: [],
  withoutVifs: [],
};
const GAMMA: Host = { uuid: uuidFor("host gamma"), name: "gamma" };

describe("what the choice left out", () => {
  test("counts VMs that run on other hosts, and names these hosts", () => {
    const leftOut = [
      { host: BETA, count: 2 },
      { host: GAMMA, count: 1 },
    ];
    expect(selectionNotes({ ...NOTHING, leftOut })).toEqual([
      { code: "left-out", message: '3 VMs left out, which run on "beta" and "gamma"' },
    ]);
    expect(selectionNotes({ ...NOTHING, leftOut: leftOut.slice(1) })[0]?.message).toBe(
      '1 VM left out, which runs on "gamma"',
    );
  });

  test("a named VM without VIFs is said to have none", () => {
    const bare = haltedVm("bare");
    expect(selectionNotes({ ...NOTHING, withoutVifs: [bare] })).toEqual([
      { code: "no-vifs", message: '"bare" has no VIFs', uuid: bare.uuid },
    ]);
  });

  test("nothing left out, nothing said", () => {
    expect(selectionNotes(NOTHING)).toEqual([]);
  });
});

describe("when a record takes effect", () => {
  const message = (subjects: Parameters<typeof laterNotes>[0]) =>
    laterNotes(subjects, true).map((note) => note.message);

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
    expect(laterNotes(subjects, true)).toEqual([]);
  });
});

describe("features that no record keeps off", () => {
  const eth0 = nic(pif("eth0"));
  const web0 = guest(vif(vm("web"), "0"));

  test("on VIFs: gro and lro too", () => {
    expect(unrecordedNotes([web0], ["tso", "gro", "lro"])).toEqual([
      {
        code: "not-recorded",
        message:
          "gro and lro of VIFs: the toolstack reads no record of that, so off until a VM's next start; keep it off with: offload persist",
      },
    ]);
  });

  test("on NIC: only those that are no default", () => {
    expect(unrecordedNotes([eth0], ["tso", "gro", "lro"])).toEqual([]);
    expect(unrecordedNotes([eth0], ["tso", "rxvlan"])[0]?.message).toBe(
      "rxvlan of NICs: XAPI has no record for that, so off until the next reboot",
    );
  });

  test("each kind that is there is told of", () => {
    expect(unrecordedNotes([eth0, web0], ["ntuple"])).toHaveLength(2);
    expect(unrecordedNotes([], ["ntuple", "gro"])).toEqual([]);
    const bare = { kind: "bare", device: "eth0", as: "pif" } as const;
    expect(unrecordedNotes([bare], ["ntuple", "gro"])).toEqual([]);
  });
});
