import { describe, expect, test } from "bun:test";
import { getUuid } from "../../../src/core/interface.ts";
import type { Inventory } from "../../../src/core/inventory.ts";
import type { TargetRequest } from "../../../src/core/targets/target-request.ts";
import { checkSpelling, resolveTargets } from "../../../src/core/targets/targets.ts";
import {
  ALPHA,
  BETA,
  failureOf,
  failuresOf,
  haltedVm,
  inventory,
  nic,
  pif,
  uuidFor,
  vif,
  vm,
} from "../../builders/hosts.ts";

const bondUuid = pif("bond0", { role: "bond" }).uuid;
const eth0 = pif("eth0", { management: true });
const eth1 = pif("eth1", { slaveOf: bondUuid });
const eth2 = pif("eth2", { slaveOf: bondUuid });
const eth10 = pif("eth10");
const bond0 = pif("bond0", { role: "bond", slaves: [eth1.uuid, eth2.uuid] });
const vlan100 = pif("eth0", { role: "vlan", vlan: 100, taggedPif: eth0.uuid });
const vlan200 = pif("bond0", { role: "vlan", vlan: 200, taggedPif: bond0.uuid });
const tunnel = pif("tunnel0", { role: "tunnel" });
const logical = pif("eth10", { role: "sriov" });
const orphan = pif("gone0", { role: "vlan", vlan: 5, taggedPif: undefined });
const farEth0 = pif("eth0", { host: BETA });
const farEth7 = pif("eth7", { host: BETA });

const web = vm("web", { domid: 3 });
const db = haltedVm("db");
const away = vm("away", { domid: 3, residentOn: BETA });
const twin1 = vm("twin", { uuid: uuidFor("twin 1"), domid: 4 });
const twin2 = haltedVm("twin", { uuid: uuidFor("twin 2") });
const vmWithoutVifs = haltedVm("unmanaged");
const template = haltedVm("Debian 13", { role: "template" });
const snapshot = haltedVm("web", { role: "snapshot", uuid: uuidFor("snapshot of web") });
const soleSnapshot = haltedVm("before upgrade", { role: "snapshot" });
const dom0 = vm("Control domain on host: alpha", { role: "control domain", domid: 0 });

const web0 = vif(web, "0");
const web1 = vif(web, "1");
const web10 = vif(web, "10");
const db0 = vif(db, "0");
const away0 = vif(away, "0");
const twin0 = vif(twin1, "0");
const template0 = vif(template, "0");
const snapshot0 = vif(snapshot, "0");
const dom0vif = vif(dom0, "0");

const POOL = inventory({
  pifs: [farEth0, logical, eth10, eth2, eth1, vlan100, eth0, bond0, vlan200, tunnel, orphan, farEth7],
  vms: [twin2, web, template, snapshot, soleSnapshot, db, away, dom0, twin1, vmWithoutVifs],
  vifs: [template0, web10, web1, web0, snapshot0, away0, db0, twin0, dom0vif],
});

function any(text: string): TargetRequest {
  return { text, kind: "any" };
}

function resolve(...requests: readonly (TargetRequest | string)[]) {
  return resolveTargets(
    requests.map((one) => (typeof one === "string" ? any(one) : one)),
    POOL,
  );
}

/** What was chosen, in its order, by device name or by VM and number. */
function chosen(...requests: readonly (TargetRequest | string)[]): readonly string[] {
  return resolve(...requests).interfaces.map((iface) => {
    if (iface.kind === "pif") return iface.pif.device;
    return iface.kind === "vif" ? `${iface.vm.name}/${iface.vif.device}` : iface.device;
  });
}

function withMore(more: Partial<Inventory>): Inventory {
  return {
    ...POOL,
    pifs: [...POOL.pifs, ...(more.pifs ?? [])],
    vms: [...POOL.vms, ...(more.vms ?? [])],
    vifs: [...POOL.vifs, ...(more.vifs ?? [])],
  };
}

const WHOLE_HOST = ["eth0", "eth1", "eth2", "eth10", "db/0", "twin/0", "web/0", "web/1", "web/10"];

describe("ALL", () => {
  test("selects this host's NICs and the VIFs of every VM that is not remote", () => {
    expect(chosen("ALL")).toEqual(WHOLE_HOST);
    expect(resolve("ALL").groups).toEqual({ nics: true, vifs: true });
  });

  test("leaves out templates, snapshots and control domains", () => {
    const uuids = resolve("ALL").interfaces.map(getUuid);
    for (const { uuid } of [template0, snapshot0, dom0vif]) expect(uuids).not.toContain(uuid);
  });

  test("leaves out the PIFs of other hosts, bonds, VLANs, tunnels and SR-IOV logical PIFs", () => {
    const uuids = resolve("ALL").interfaces.map(getUuid);
    const others = [farEth0, farEth7, bond0, vlan100, vlan200, tunnel, logical, orphan];
    for (const { uuid } of others) expect(uuids).not.toContain(uuid);
  });

  test("counts the VMs that it leaves out because they run on another host", () => {
    expect(resolve("ALL").vmsOnOtherHosts).toEqual([{ host: BETA, count: 1 }]);
    expect(resolve("web").vmsOnOtherHosts).toEqual([]);
  });

  test("does not leave out a remote VM that is named beside it", () => {
    const selection = resolve("ALL", "away");
    expect(selection.vmsOnOtherHosts).toEqual([]);
    expect(selection.interfaces.map(getUuid)).toContain(away0.uuid);
  });

  test.each(["all", "All", "aLL"])("must be in capital letters: refuses %p", (text) => {
    const failure = failureOf(() => resolve(text));
    expect(failure).toMatchObject({ kind: "usage", code: "all-must-be-uppercase" });
    expect(failure.message).toContain("ALL, in capital letters");
  });

  test("counts VMs on other hosts whether or not they were read", () => {
    const pool = { ...POOL, unreadVmCounts: [{ host: BETA, count: 4 }] };
    const counted = (...texts: readonly string[]) => resolveTargets(texts.map(any), pool).vmsOnOtherHosts;
    expect(counted("ALL")).toEqual([{ host: BETA, count: 5 }]);
    expect(counted("VIFS", "away")).toEqual([{ host: BETA, count: 4 }]);
    expect(counted("NICS")).toEqual([]);
  });

  test("is ambiguous when a VM is called ALL; --vm and --host select one", () => {
    const named = vm("ALL", { domid: 9 });
    const pool = withMore({ vms: [named], vifs: [vif(named, "0")] });
    const failure = failureOf(() => resolveTargets([any("ALL")], pool));
    expect(failure.code).toBe("ambiguous-target");
    expect(failure.message).toContain("--vm ALL");
    expect(failure.message).toContain("--host");
    const one = resolveTargets([{ text: "ALL", kind: "vm" }], pool);
    expect(one).toMatchObject({
      groups: { nics: false, vifs: false },
      interfaces: [{ kind: "vif", vm: named }],
    });
    const whole = resolveTargets([{ text: "ALL", kind: "host" }], pool);
    expect(whole.groups).toEqual({ nics: true, vifs: true });
    expect(whole.interfaces).toHaveLength(WHOLE_HOST.length + 1);
  });

  test("does not prevent --vm all", () => {
    const named = vm("all", { domid: 9 });
    const pool = withMore({ vms: [named], vifs: [vif(named, "0")] });
    expect(resolveTargets([{ text: "all", kind: "vm" }], pool).interfaces).toHaveLength(1);
  });
});

describe("NICS and VIFS", () => {
  test("select this host's NICs, and the VIFs of every VM that is not remote", () => {
    expect(chosen("NICS")).toEqual(["eth0", "eth1", "eth2", "eth10"]);
    expect(chosen("VIFS")).toEqual(["db/0", "twin/0", "web/0", "web/1", "web/10"]);
    expect(resolve("NICS").groups).toEqual({ nics: true, vifs: false });
    expect(resolve("VIFS").groups).toEqual({ nics: false, vifs: true });
  });

  test("together mean what ALL means", () => {
    expect(resolve("VIFS", "NICS")).toEqual(resolve("ALL"));
  });

  test("combine with names", () => {
    expect(chosen("NICS", "away")).toEqual(["eth0", "eth1", "eth2", "eth10", "away/0"]);
    expect(chosen("VIFS", "eth0")).toEqual(["eth0", "db/0", "twin/0", "web/0", "web/1", "web/10"]);
  });

  test.each(["nics", "Nics", "vifs", "VIFs"])("must be in capital letters: refuses %p", (text) => {
    const failure = failureOf(() => resolve(text));
    expect(failure).toMatchObject({ kind: "usage", code: "all-must-be-uppercase" });
    expect(failure.message).toContain(`${text.toUpperCase()}, in capital letters`);
  });

  test.each(["NICS", "VIFS"])("are ambiguous when a VM is called %p", (text) => {
    const named = vm(text, { domid: 9 });
    const pool = withMore({ vms: [named], vifs: [vif(named, "0")] });
    const failure = failureOf(() => resolveTargets([any(text)], pool));
    expect(failure.code).toBe("ambiguous-target");
    expect(failure.message).toContain(`--vm ${text}`);
    const kind = text === "NICS" ? "nics" : "vifs";
    expect(() => resolveTargets([{ text, kind }], pool)).not.toThrow();
    expect(resolveTargets([{ text, kind: "vm" }], pool).interfaces).toHaveLength(1);
  });
});

describe("individual VIFs", () => {
  test("exclude VIFs whose VM was named", () => {
    expect(resolve(web0.uuid, "vif3.1").individualVifs).toEqual(new Set([web0.uuid, web1.uuid]));
    expect(resolve(web0.uuid, "web").individualVifs).toEqual(new Set());
    expect(resolve("web").individualVifs).toEqual(new Set());
  });

  test("are suggested when a tap is named", () => {
    const failure = failureOf(() => resolve("tap3.0"));
    expect(failure).toMatchObject({ kind: "usage", code: "not-a-target" });
    expect(failure.message).toContain("goes along with vif3.0; name that");
    expect(failureOf(() => resolve("tap9.0")).message).toContain("no VM that runs on this host has that");
  });
});

describe("a word of another kind is refused with what to say instead", () => {
  test.each([
    ["tx", "is a feature, not a target; pass --features tx"],
    ["TSO", "pass --features tso"],
    ["generic-receive-offload", "pass --features gro"],
    ["eth0,eth1", "several are separated by blanks: eth0 eth1"],
    ["eth0, web 1", "several are separated by blanks: eth0 'web 1'"],
    ["eth1*", "patterns are not read, name them one by one: eth1 eth10"],
    ["w?b", "name them one by one: web"],
    ["nothing*", "and no NIC or VM is called so"],
    ["xenbr0", "is the bridge of eth0; name eth0"],
    ["xapi3", "is the name of a bridge, which has no NIC of its own"],
    ["bond7", "its bonds are bond0"],
    [BETA.name, "is another host of the pool, not a target; run offload there, or pass --pool"],
    [ALPHA.name, "is this host, not a target; ALL stands for all of it"],
  ])("%s", (text, hint) => {
    const failure = failureOf(() => resolve(text));
    expect(failure).toMatchObject({ kind: "usage", code: "not-a-target" });
    expect(failure.message).toContain(hint);
  });

  test("bond0, on a host without bonds, names the NICs", () => {
    const single = inventory({ pifs: [eth0, eth10], vms: [], vifs: [] });
    const { message } = failureOf(() => resolveTargets([{ text: "bond0", kind: "any" }], single));
    expect(message).toBe('XAPI has no bond "bond0" on this host; name NICs: eth0 eth10');
  });

  test("a VM of such a name is that VM all the same", () => {
    const named = ["tx", "eth0,eth1", "eth*", "xenbr0", "bond7", BETA.name].map((name) => vm(name, { domid: 40 }));
    const pool = inventory({ pifs: [eth0], vms: named, vifs: named.map((owner) => vif(owner, "0")) });
    for (const { name: text } of named) {
      expect(resolveTargets([{ text, kind: "any" }], pool).interfaces).toHaveLength(1);
    }
  });
});

describe("a VM", () => {
  test("selects all its VIFs in order, by name-label or UUID", () => {
    expect(chosen("web")).toEqual(["web/0", "web/1", "web/10"]);
    expect(chosen(web.uuid)).toEqual(["web/0", "web/1", "web/10"]);
    expect(chosen(web.uuid.toUpperCase())).toEqual(["web/0", "web/1", "web/10"]);
    expect(chosen({ text: "web", kind: "vm" })).toEqual(["web/0", "web/1", "web/10"]);
  });

  test("matches by its exact name only", () => {
    expect(failureOf(() => resolve("WEB")).code).toBe("unknown-target");
    expect(failureOf(() => resolve("we")).code).toBe("unknown-target");
    expect(failureOf(() => resolve("web ")).code).toBe("unknown-target");
  });

  test("may be halted or remote, because its settings can be written", () => {
    expect(chosen("db")).toEqual(["db/0"]);
    expect(resolve("away").interfaces).toMatchObject([{ kind: "vif", location: { kind: "remote", host: "beta" } }]);
  });

  test("is not ambiguous with a snapshot of the same name", () => {
    const uuids = resolve("web").interfaces.map(getUuid);
    expect(uuids).not.toContain(snapshot0.uuid);
  });

  test("is refused when two have the name, listing UUID, power state and host", () => {
    const failure = failureOf(() => resolve("twin"));
    expect(failure).toMatchObject({ kind: "usage", code: "duplicate-name" });
    expect(failure.message).toContain(`${twin1.uuid} (running on alpha)`);
    expect(failure.message).toContain(`${twin2.uuid} (halted)`);
    expect(chosen(twin1.uuid)).toEqual(["twin/0"]);
  });

  test.each([
    [template.name, "template"],
    [template.uuid, "template"],
    [soleSnapshot.name, "snapshot"],
    [snapshot.uuid, "snapshot"],
    [dom0.name, "control domain"],
  ])("cannot be %p, which is a %s", (text, role) => {
    const failure = failureOf(() => resolve(text));
    expect(failure).toMatchObject({ kind: "usage", code: "not-a-vm" });
    expect(failure.message).toContain(`is a ${role}, not a VM`);
  });

  test("is reported when it has no VIFs", () => {
    const selection = resolve("unmanaged", "web");
    expect(selection.vmsWithoutVifs).toEqual([vmWithoutVifs]);
    expect(selection.interfaces).toHaveLength(3);
  });
});

describe("a PIF", () => {
  test("is selected by device name or UUID", () => {
    expect(chosen("eth10")).toEqual(["eth10"]);
    expect(chosen(eth1.uuid)).toEqual(["eth1"]);
    expect(chosen(eth1.uuid.toUpperCase())).toEqual(["eth1"]);
    expect(chosen({ text: "eth1", kind: "pif" })).toEqual(["eth1"]);
  });

  test("matches by its recorded device name, never by a pattern", () => {
    const odd = pif("eno12429np0");
    const pool = withMore({ pifs: [odd] });
    const selection = resolveTargets([any("eno12429np0")], pool);
    expect(selection.interfaces).toEqual([nic(odd)]);
  });

  test("is the NIC when an SR-IOV logical PIF has the same name", () => {
    expect(resolve("eth10").interfaces.map(getUuid)).toEqual([eth10.uuid]);
  });

  test("belongs to this host when another host has the same device name", () => {
    expect(resolve("eth0").interfaces.map(getUuid)).toEqual([eth0.uuid]);
  });

  test("selects its slaves when it is a bond", () => {
    expect(chosen("bond0")).toEqual(["eth1", "eth2"]);
    expect(chosen(bond0.uuid)).toEqual(["eth1", "eth2"]);
  });

  test("selects the NICs below when it is a VLAN", () => {
    expect(chosen("eth0.100")).toEqual(["eth0"]);
    expect(chosen(vlan100.uuid)).toEqual(["eth0"]);
    expect(chosen("bond0.200")).toEqual(["eth1", "eth2"]);
  });

  test.each([
    ["tunnel0", "is a tunnel"],
    [tunnel.uuid, "is a tunnel"],
    [logical.uuid, "is an SR-IOV logical PIF"],
    [orphan.uuid, "has no NIC under it"],
  ])("is refused without a NIC, saying why: %p %s", (text, why) => {
    const failure = failureOf(() => resolve(text));
    expect(failure).toMatchObject({ kind: "usage", code: "pif-without-nic" });
    expect(failure.message).toContain(why);
  });

  test("is refused when it is another host's, naming the host", () => {
    for (const text of ["eth7", farEth7.uuid, farEth0.uuid]) {
      const failure = failureOf(() => resolve(text));
      expect(failure).toMatchObject({ kind: "usage", code: "pif-on-other-host" });
      expect(failure.message).toContain('the host "beta"');
    }
  });

  test("carries the management traffic by itself, in a bond or under a VLAN", () => {
    const flagged = (pool: Inventory) =>
      resolveTargets([any("ALL")], pool).interfaces.flatMap((iface) =>
        iface.kind === "pif" && iface.management ? [iface.pif.device] : [],
      );
    const managedBy = (uuid: string): Inventory => ({
      ...POOL,
      pifs: POOL.pifs.map((one) => ({ ...one, management: one.uuid === uuid })),
    });
    expect(flagged(POOL)).toEqual(["eth0"]);
    expect(flagged(managedBy(bond0.uuid))).toEqual(["eth1", "eth2"]);
    expect(flagged(managedBy(vlan200.uuid))).toEqual(["eth1", "eth2"]);
    expect(flagged(managedBy(farEth0.uuid))).toEqual([]);
  });
});

describe("a VIF", () => {
  test("is selected alone by its UUID", () => {
    expect(chosen(web1.uuid)).toEqual(["web/1"]);
    expect(chosen(web1.uuid.toUpperCase())).toEqual(["web/1"]);
    expect(chosen(db0.uuid)).toEqual(["db/0"]);
  });

  test("is selected by its device only if its VM is local", () => {
    expect(chosen("vif3.0")).toEqual(["web/0"]);
    expect(failureOf(() => resolveTargets([any("VIF3.0")], POOL)).code).toBe("unknown-target");
    const onlyAway = { ...POOL, vms: [away], vifs: [away0] };
    expect(failureOf(() => resolveTargets([any("vif3.0")], onlyAway)).code).toBe("unknown-target");
  });

  test.each([template0.uuid, snapshot0.uuid, dom0vif.uuid])("is refused when it belongs to no guest: %p", (text) => {
    expect(failureOf(() => resolve(text)).code).toBe("unknown-target");
  });
});

describe("ambiguous, unknown and empty names", () => {
  const eth0Vm = vm("eth0", { domid: 8 });
  const pool = withMore({ vms: [eth0Vm], vifs: [vif(eth0Vm, "0")] });

  test("are refused when both a VM and a device match, naming --vm and --pif", () => {
    const failure = failureOf(() => resolveTargets([any("eth0")], pool));
    expect(failure).toMatchObject({ kind: "usage", code: "ambiguous-target" });
    expect(failure.message).toContain("--vm eth0");
    expect(failure.message).toContain("--pif eth0");
  });

  test("are resolved by --vm and --pif", () => {
    const asVm = resolveTargets([{ text: "eth0", kind: "vm" }], pool);
    expect(asVm.interfaces).toMatchObject([{ kind: "vif", vm: eth0Vm }]);
    const asPif = resolveTargets([{ text: "eth0", kind: "pif" }], pool);
    expect(asPif.interfaces).toMatchObject([{ kind: "pif", pif: eth0 }]);
  });

  test("match no PIF with --vm, and no VM or VIF with --pif", () => {
    expect(failureOf(() => resolve({ text: "eth1", kind: "vm" })).code).toBe("unknown-target");
    expect(failureOf(() => resolve({ text: "web", kind: "pif" })).code).toBe("unknown-target");
    expect(failureOf(() => resolve({ text: web0.uuid, kind: "vm" })).code).toBe("unknown-target");
    expect(failureOf(() => resolve({ text: web0.uuid, kind: "pif" })).code).toBe("unknown-target");
  });

  test("are refused with the closest names when unknown", () => {
    const failure = failureOf(() => resolve("webb"));
    expect(failure).toMatchObject({ kind: "usage", code: "unknown-target" });
    expect(failure.message).toContain('the closest: "web"');
    expect(failureOf(() => resolve("eth3")).message).toContain('"eth0", "eth1", "eth2"');
  });

  test("suggest only names that are valid targets", () => {
    expect(failureOf(() => resolve("Debian 12")).message).not.toContain("Debian 13");
    expect(failureOf(() => resolve("eth8")).message).not.toContain("eth7");
    expect(failureOf(() => resolve({ text: "eth11", kind: "vm" })).message).not.toContain('"eth1"');
    expect(failureOf(() => resolve({ text: "webb", kind: "pif" })).message).not.toContain('web"');
  });

  test("mention offload status when nothing is near", () => {
    expect(failureOf(() => resolve("zzzzzz")).message).toContain("offload status");
  });

  test.each(["toString", "__proto__", "constructor", "OpaqueRef:NULL", "'; reboot; '"])(
    "are simply unknown: %p",
    (text) => {
      expect(failureOf(() => resolve(text)).code).toBe("unknown-target");
    },
  );

  test.each(["", " ", "\t\n"])("are refused when empty, for every kind: %p", (text) => {
    for (const kind of ["any", "vm", "pif"] as const) {
      expect(failureOf(() => resolve({ text, kind })).code).toBe("empty-target");
      expect(failureOf(() => checkSpelling({ text, kind })).code).toBe("empty-target");
    }
  });

  test("is refused when it is longer than what is kept of it on disk", () => {
    const target = (length: number) => ({ text: "n".repeat(length), kind: "vm" }) as const;
    expect(() => checkSpelling(target(1024))).not.toThrow();
    expect(failureOf(() => checkSpelling(target(1025)))).toMatchObject({
      code: "target-too-long",
      message: "a target has 1025 characters, and 1024 are taken; name it by its UUID",
    });
  });

  test("are refused in a readable line, even with 10,000 characters", () => {
    const { message } = failureOf(() => resolve("x".repeat(10_000)));
    expect(message.length).toBeLessThan(250);
  });
});

describe("several targets", () => {
  test("become one selection, NICs first, each interface once", () => {
    expect(chosen("web", "eth10", web0.uuid, "eth0.100", "eth0", "web")).toEqual([
      "eth0",
      "eth10",
      "web/0",
      "web/1",
      "web/10",
    ]);
  });

  test("may come in any order", () => {
    expect(chosen("eth0", "db", "web")).toEqual(chosen("web", "db", "eth0"));
  });

  test("are refused together, naming every bad one", () => {
    const failures = failuresOf(() => resolve("web", "nosuch", "eth0", "twin", "all"));
    expect(failures.map(({ code }) => code)).toEqual(["unknown-target", "duplicate-name", "all-must-be-uppercase"]);
  });

  test("are refused if one is bad, even with ALL", () => {
    expect(failureOf(() => resolve("ALL", "nosuch")).code).toBe("unknown-target");
  });

  test("select nothing when empty", () => {
    expect(chosen()).toEqual([]);
  });
});

test("the location of a VIF is relative to the inventory's host", () => {
  const fromBeta: Inventory = { ...POOL, host: BETA };
  expect(resolveTargets([any("away")], fromBeta).interfaces).toMatchObject([{ location: { kind: "local", domid: 3 } }]);
  expect(resolveTargets([any("web")], fromBeta).interfaces[0]).toMatchObject({
    location: { kind: "remote", host: ALPHA.name },
  });
});

describe("templates and snapshots", () => {
  const resolveWith = (...texts: readonly string[]) => resolveTargets(texts.map(any), POOL, { includeTemplates: true });

  test("are selected by UUID only", () => {
    for (const [vm, vif] of [
      [template, template0],
      [snapshot, snapshot0],
    ] as const) {
      const { interfaces } = resolveWith(vm.uuid);
      expect(interfaces.map(getUuid)).toEqual([vif.uuid]);
    }
    expect(failureOf(() => resolveWith("Debian 13")).code).toBe("not-a-vm");
    expect(failureOf(() => resolveWith(dom0.uuid)).code).toBe("not-a-vm");
  });

  test("are not part of ALL", () => {
    expect(resolveWith("ALL")).toEqual(resolve("ALL"));
  });
});
