import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { listCandidates, listDeviceCandidates } from "../../../src/core/targets/candidates.ts";
import { resolveTargets } from "../../../src/core/targets/targets.ts";
import { BETA, haltedVm, inventory, pif, uuidFor, vif, vm } from "../../builders/hosts.ts";

const WEB = vm("web 1", { domid: 3 });
const NIC = pif("eth0", { management: true });
const POOL = inventory({
  pifs: [
    NIC,
    pif("bond0", { role: "bond", slaves: [NIC.uuid] }),
    pif("eth0", { role: "vlan", vlan: 7, taggedPif: NIC.uuid }),
    pif("tunnel0", { role: "tunnel" }),
    pif("eth9", { host: BETA }),
  ],
  vms: [WEB, haltedVm("rest"), vm("image", { role: "template" })],
  vifs: [vif(WEB, "0")],
});

describe("completion candidates", () => {
  test("include groups, VMs, this host's devices with a NIC, and local VIFs", () => {
    expect(listCandidates("targets", POOL)).toEqual([
      "ALL\tthis host's NICs and the VIFs of its VMs",
      "NICS\tthis host's NICs",
      "VIFS\tthe VIFs of its VMs",
      "rest\tVM, halted, no VIFs",
      "web 1\tVM, running on alpha, 1 VIF",
      "bond0\tbond",
      "eth0\tNIC, management",
      "eth0.7\tVLAN",
      "vif3.0\tVIF of web 1",
    ]);
  });

  test("are VMs after --vm and devices after --pif", () => {
    expect(listCandidates("vms", POOL).map((line) => line.split("\t")[0])).toEqual(["rest", "web 1"]);
    expect(listCandidates("pifs", POOL).map((line) => line.split("\t")[0])).toEqual([...["bond0", "eth0", "eth0.7"]]);
  });

  test("use UUIDs for VMs with the same name or one that cannot be typed", () => {
    const odd = ["", "  ", "two\nlines", "\u202eevil", "tab\there", "x".repeat(300)];
    const vms = [
      ...["a", "b"].map((uuid) => haltedVm("twin", { uuid: uuidFor(uuid) })),
      ...odd.map((name) => haltedVm(name)),
    ];
    const names = listCandidates("vms", inventory({ vms })).map((line) => line.split("\t")[0]);
    expect(new Set(names)).toEqual(new Set(vms.map(({ uuid }) => uuid)));
  });

  test("take one clean line each and resolve, whatever the names", () => {
    const names = fc.uniqueArray(fc.string({ unit: "binary", maxLength: 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(names, (list) => {
        const vms = list.map((name) => haltedVm(name));
        const pool = inventory({ vms, vifs: vms.map((one) => vif(one, "0")) });
        const lines = listCandidates("vms", pool);
        expect(lines).toHaveLength(list.length);
        for (const line of lines) {
          expect(line.replace("\t", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          const [text = "", ...rest] = line.split("\t");
          expect(rest).toHaveLength(1);
          expect(() => resolveTargets([{ text, kind: "vm" }], pool)).not.toThrow();
        }
      }),
    );
  });
});

test("completion without XAPI lists the kernel's NICs and VIFs", () => {
  expect(listDeviceCandidates(["vif2.0", "lo", "eth10", "eth2", "ovs-system"])).toEqual([
    "eth2\tNIC",
    "eth10\tNIC",
    "vif2.0\tVIF",
  ]);
});
