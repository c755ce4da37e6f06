import { describe, expect, test } from "bun:test";
import { config, haltedVm, inventory, KERNEL, NIC_ON, namesOf, pif, VIF_ON, vif, vm } from "../../builders/hosts.ts";
import { FakeHost } from "../../fakes/change-host.ts";

const eth0 = pif("eth0");
const web = vm("web", { domid: 3 });
const web0 = vif(web, "0", { otherConfig: config({ "ethtool-tx": "on", other: "kept" }) });
const db = haltedVm("db");
const db0 = vif(db, "0", { attached: false });
const POOL = inventory({ pifs: [eth0], vms: [web, db], vifs: [web0, db0] });

function host(pool = POOL): FakeHost {
  return new FakeHost(pool, { eth0: NIC_ON, "vif3.0": VIF_ON });
}

describe("restore", () => {
  test("restores settings and requested bits exactly and removes all policy entries", async () => {
    const one = host();
    const before = one.requests();
    await one.disable({ groups: { nics: true, vifs: true } });
    expect(one.settings(web0.uuid)["ethtool-tx"]).toBe("off");
    const { problems } = await one.restore();
    expect(problems).toEqual([]);
    expect(one.requests()).toEqual(before);
    for (const { uuid, otherConfig } of [eth0, web0, db0]) {
      expect(one.toolstack.getOtherConfig(uuid)).toEqual(Object.fromEntries(otherConfig));
    }
    expect(one.toolstack.currentInventory().storedHostRule.keys).toEqual([]);
    expect(one.bits.listDevices()).toEqual([]);
  });

  test("writes settings before the plug, the kernel after it, and removes policy entries last", async () => {
    const one = host();
    one.replugger = {
      replug: async (pifs) => {
        one.journal.push(`plug ${pifs.map(({ device }) => device).join(" ")}`);
        return { problems: [], notes: [] };
      },
    };
    await one.disable();
    one.journal.length = 0;
    await one.restore();
    const order = one.journal.map((line) => line.split(" ")[0] ?? "");
    expect(one.journal).toContain("plug eth0");
    expect([...new Set(order)]).toEqual(["setting", "announce", "read", "plug", "kernel", "text"]);
    expect(order.lastIndexOf("setting")).toBeLessThan(order.indexOf("plug"));
    expect(order.lastIndexOf("kernel")).toBeLessThan(order.indexOf("text"));
  });

  test("plugs a NIC with a policy entry although its settings are restored already", async () => {
    const one = host();
    await one.disable();
    one.isStopped = () => one.journal.includes("read back");
    await one.restore({ targets: new Set([eth0.uuid]) });
    const plugged: string[] = [];
    one.isStopped = () => false;
    one.replugger = {
      replug: async (pifs) => {
        plugged.push(...pifs.map(({ device }) => device));
        return { problems: [], notes: [] };
      },
    };
    await one.restore();
    expect(plugged).toEqual(["eth0"]);
  });

  test("keeps the policy entry of a NIC whose plug fails", async () => {
    const one = host();
    const problem = { code: "plug-failed", message: "eth0: not plugged", uuid: eth0.uuid } as const;
    one.replugger = { replug: async () => ({ problems: [problem], notes: [] }) };
    await one.disable();
    const { problems } = await one.restore();
    expect(problems).toEqual([problem]);
    expect(one.texts(eth0.uuid)).toHaveLength(1);
    expect(one.texts(web0.uuid)).toEqual([]);
  });

  test("changes nothing when it runs again", async () => {
    const one = host();
    await one.disable();
    await one.restore();
    one.journal.length = 0;
    const { changes } = await one.restore();
    expect([changes, one.journal]).toEqual([[], []]);
  });

  test("announces a VM whose settings it has restored", async () => {
    const one = host();
    await one.disable();
    await one.restore();
    expect(one.toolstack.announced).toEqual([web.uuid, web.uuid]);
    expect([...one.pendingAnnouncements.pending]).toEqual([]);
  });

  test("restores some features and keeps the policy entry of the others", async () => {
    const one = host();
    await one.disableFeatures("tx", "tso");
    await one.restore({ features: ["tx"] });
    expect(one.settings(web0.uuid)).toEqual({
      "ethtool-tx": "on",
      "ethtool-tso": "off",
      other: "kept",
    });
    const stored = one.toolstack.database.readInterfaceConfig(web0.ref).stored;
    expect([...stored.value.keys()]).toEqual(["tso"]);
    const { requested } = one.kernel.devices.get("vif3.0") ?? VIF_ON;
    const names = namesOf(KERNEL, requested);
    expect([names.includes("tx-checksum-ipv4"), names.includes("tx-tcp-segmentation")]).toEqual([true, false]);
  });

  test("keeps everything for another try when a driver does not comply", async () => {
    const one = host();
    await one.disable();
    one.kernel.ignoringRequests.add("eth0");
    const { problems } = await one.restore();
    expect(problems.map(({ code, device }) => [code, device])).toEqual([["write-failed", "eth0"]]);
    expect(one.texts(eth0.uuid)).toHaveLength(1);
    expect(one.bits.listDevices()).toEqual(["eth0"]);
    one.kernel.ignoringRequests.clear();
    await one.restore();
    expect(one.texts(eth0.uuid)).toEqual([]);
  });

  test("is completed by the next run after an interruption at any call", async () => {
    const whole = host();
    const before = whole.requests();
    await whole.disable();
    const disabled = whole.journal.length;
    await whole.restore();
    for (let last = disabled; last <= whole.journal.length; last += 1) {
      const one = host();
      await one.disable();
      one.isStopped = () => one.journal.length >= last;
      await one.restore();
      one.isStopped = () => false;
      const { problems } = await one.restore();
      expect(problems).toEqual([]);
      expect(one.requests()).toEqual(before);
      for (const { uuid, otherConfig } of [eth0, web0, db0]) {
        expect(one.toolstack.getOtherConfig(uuid)).toEqual(Object.fromEntries(otherConfig));
      }
    }
  });
});

describe("restore of a setting that somebody else changed", () => {
  test("reports a conflict, keeps setting and originals, and removes the policy", async () => {
    const one = host();
    await one.disable();
    one.toolstack.database.set(web0.ref, "ethtool-tso", "true");
    const { problems } = await one.restore();
    expect(problems).toMatchObject([
      {
        code: "conflict",
        message:
          'vif3.0: ethtool-tso was absent originally, and was changed to "true" by someone else; --force restores it',
      },
    ]);
    expect(one.settings(web0.uuid)["ethtool-tso"]).toBe("true");
    const { value } = one.toolstack.database.readInterfaceConfig(web0.ref).stored;
    expect([...value]).toMatchObject([["tso", { asked: null, original: { setting: null } }]]);
    expect(one.texts(eth0.uuid)).toEqual([]);
  });

  test("restores it with --force", async () => {
    const one = host();
    await one.disable();
    one.toolstack.database.set(web0.ref, "ethtool-tso", "true");
    await one.restore();
    await one.restore({ force: true });
    expect(one.toolstack.getOtherConfig(web0.uuid)).toEqual({ "ethtool-tx": "on", other: "kept" });
  });

  test("does not write again the second time", async () => {
    const one = host();
    await one.disable();
    one.toolstack.database.set(web0.ref, "ethtool-tso", "true");
    await one.restore();
    one.journal.length = 0;
    const { problems } = await one.restore();
    expect(problems.map(({ code }) => code)).toEqual(["conflict"]);
    expect(one.journal).toEqual([]);
  });

  test("treats a removed setting as no conflict", async () => {
    const one = host();
    await one.disable();
    one.toolstack.database.remove(web0.ref, "ethtool-tx");
    const { problems } = await one.restore();
    expect(problems).toEqual([]);
    expect(one.settings(web0.uuid)["ethtool-tx"]).toBe("on");
  });
});

describe("restore under a wider rule", () => {
  test("leaves one exception on the restored interface", async () => {
    const one = host();
    await one.disable({ groups: { nics: true, vifs: false } });
    await one.restore({ targets: new Set([eth0.uuid]), rule: null });
    const { stored } = one.toolstack.database.readInterfaceConfig(eth0.ref);
    expect(stored.value.get("tso")).toEqual({
      asked: "on",
      alone: false,
      original: null,
      wrote: undefined,
    });
    expect(one.settings(eth0.uuid)).toEqual({});
    expect(one.kernel.devices.get("eth0")?.requested).toEqual(NIC_ON.requested);
    one.journal.length = 0;
    await one.restore({ targets: new Set([eth0.uuid]), rule: null });
    expect(one.journal).toEqual([]);
    await one.restore();
    expect(one.texts(eth0.uuid)).toEqual([]);
  });
});
