import { describe, expect, test } from "bun:test";
import { KERNEL, NIC_ON, namesOf, VIF_ON } from "../../builders/hosts.ts";
import { createHost, db0, eth0, web, web0 } from "./fixtures.ts";

describe("restore", () => {
  test("restores settings and requested bits exactly and removes all policy entries", async () => {
    const host = createHost();
    const before = host.requests();
    await host.disable({ groups: { nics: true, vifs: true } });
    expect(host.settings(web0.uuid)["ethtool-tx"]).toBe("off");
    const { problems } = await host.restore();
    expect(problems).toEqual([]);
    expect(host.requests()).toEqual(before);
    for (const { uuid, settings } of [eth0, web0, db0]) {
      expect(host.toolstack.getOtherConfig(uuid)).toEqual(Object.fromEntries(settings.otherConfig));
    }
    expect(host.toolstack.currentInventory().storedHostRule.keys).toEqual([]);
    expect(host.bits.listDevices()).toEqual([]);
  });

  test("writes settings before the plug, the kernel after it, and removes policy entries last", async () => {
    const host = createHost();
    host.replugger = {
      replug: async (pifs) => {
        host.journal.push(`plug ${pifs.map(({ device }) => device).join(" ")}`);
        return { problems: [], notes: [] };
      },
    };
    await host.disable();
    host.journal.length = 0;
    await host.restore();
    const order = host.journal.map((line) => line.split(" ")[0] ?? "");
    expect(host.journal).toContain("plug eth0");
    expect([...new Set(order)]).toEqual(["setting", "announce", "read", "plug", "kernel", "text"]);
    expect(order.lastIndexOf("setting")).toBeLessThan(order.indexOf("plug"));
    expect(order.lastIndexOf("kernel")).toBeLessThan(order.indexOf("text"));
  });

  test("plugs a NIC with a policy entry although its settings are restored already", async () => {
    const host = createHost();
    await host.disable();
    host.isStopped = () => host.journal.includes("read back");
    await host.restore({ targets: new Set([eth0.uuid]) });
    const plugged: string[] = [];
    host.isStopped = () => false;
    host.replugger = {
      replug: async (pifs) => {
        plugged.push(...pifs.map(({ device }) => device));
        return { problems: [], notes: [] };
      },
    };
    await host.restore();
    expect(plugged).toEqual(["eth0"]);
  });

  test("keeps the policy entry of a NIC whose plug fails", async () => {
    const host = createHost();
    const problem = { code: "plug-failed", message: "eth0: not plugged", uuid: eth0.uuid } as const;
    host.replugger = { replug: async () => ({ problems: [problem], notes: [] }) };
    await host.disable();
    const { problems } = await host.restore();
    expect(problems).toEqual([problem]);
    expect(host.texts(eth0.uuid)).toHaveLength(1);
    expect(host.texts(web0.uuid)).toEqual([]);
  });

  test("changes nothing when it runs again", async () => {
    const host = createHost();
    await host.disable();
    await host.restore();
    host.journal.length = 0;
    const { changes } = await host.restore();
    expect([changes, host.journal]).toEqual([[], []]);
  });

  test("announces a VM whose settings it has restored", async () => {
    const host = createHost();
    await host.disable();
    await host.restore();
    expect(host.toolstack.announced).toEqual([web.uuid, web.uuid]);
    expect([...host.pendingAnnouncements.pending]).toEqual([]);
  });

  test("restores some features and keeps the policy entry of the others", async () => {
    const host = createHost();
    await host.disableFeatures("tx", "tso");
    await host.restore({ features: ["tx"] });
    expect(host.settings(web0.uuid)).toEqual({
      "ethtool-tx": "on",
      "ethtool-tso": "off",
      other: "kept",
    });
    const stored = host.toolstack.database.readSettings(web0.ref).policy;
    expect([...stored.value.keys()]).toEqual(["tso"]);
    const { requested } = host.kernel.devices.get("vif3.0") ?? VIF_ON;
    const names = namesOf(KERNEL, requested);
    expect([names.includes("tx-checksum-ipv4"), names.includes("tx-tcp-segmentation")]).toEqual([true, false]);
  });

  test("keeps everything for another try when a driver does not comply", async () => {
    const host = createHost();
    await host.disable();
    host.kernel.ignoringRequests.add("eth0");
    const { problems } = await host.restore();
    expect(problems.map(({ code, device }) => [code, device])).toEqual([["write-failed", "eth0"]]);
    expect(host.texts(eth0.uuid)).toHaveLength(1);
    expect(host.bits.listDevices()).toEqual(["eth0"]);
    host.kernel.ignoringRequests.clear();
    await host.restore();
    expect(host.texts(eth0.uuid)).toEqual([]);
  });

  test("is completed by the next run after an interruption at any call", async () => {
    const whole = createHost();
    const before = whole.requests();
    await whole.disable();
    const disabled = whole.journal.length;
    await whole.restore();
    for (let last = disabled; last <= whole.journal.length; last += 1) {
      const host = createHost();
      await host.disable();
      host.isStopped = () => host.journal.length >= last;
      await host.restore();
      host.isStopped = () => false;
      const { problems } = await host.restore();
      expect(problems).toEqual([]);
      expect(host.requests()).toEqual(before);
      for (const { uuid, settings } of [eth0, web0, db0]) {
        expect(host.toolstack.getOtherConfig(uuid)).toEqual(Object.fromEntries(settings.otherConfig));
      }
    }
  });
});

describe("restore of a setting that someone else changed", () => {
  test("reports a conflict, keeps setting and originals, and removes the policy", async () => {
    const host = createHost();
    await host.disable();
    host.toolstack.database.set(web0.ref, "ethtool-tso", "true");
    const { problems } = await host.restore();
    expect(problems).toMatchObject([
      {
        code: "conflict",
        message:
          'vif3.0 (web): ethtool-tso was absent originally, and was changed to "true" by someone else; --force restores it',
      },
    ]);
    expect(host.settings(web0.uuid)["ethtool-tso"]).toBe("true");
    const { value } = host.toolstack.database.readSettings(web0.ref).policy;
    expect([...value]).toMatchObject([["tso", { asked: null, original: { setting: null } }]]);
    expect(host.texts(eth0.uuid)).toEqual([]);
  });

  test("restores it with --force", async () => {
    const host = createHost();
    await host.disable();
    host.toolstack.database.set(web0.ref, "ethtool-tso", "true");
    await host.restore();
    await host.restore({ force: true });
    expect(host.toolstack.getOtherConfig(web0.uuid)).toEqual({ "ethtool-tx": "on", other: "kept" });
  });

  test("does not write again the second time", async () => {
    const host = createHost();
    await host.disable();
    host.toolstack.database.set(web0.ref, "ethtool-tso", "true");
    await host.restore();
    host.journal.length = 0;
    const { problems } = await host.restore();
    expect(problems.map(({ code }) => code)).toEqual(["conflict"]);
    expect(host.journal).toEqual([]);
  });

  test("treats a removed setting as no conflict", async () => {
    const host = createHost();
    await host.disable();
    host.toolstack.database.remove(web0.ref, "ethtool-tx");
    const { problems } = await host.restore();
    expect(problems).toEqual([]);
    expect(host.settings(web0.uuid)["ethtool-tx"]).toBe("on");
  });
});

describe("restore under a wider rule", () => {
  test("leaves one exception on the restored interface", async () => {
    const host = createHost();
    await host.disable({ groups: { nics: true, vifs: false } });
    await host.restore({ targets: new Set([eth0.uuid]), rule: null });
    const { policy } = host.toolstack.database.readSettings(eth0.ref);
    expect(policy.value.get("tso")).toEqual({
      asked: "on",
      alone: false,
      original: null,
      wrote: undefined,
    });
    expect(host.settings(eth0.uuid)).toEqual({});
    expect(host.kernel.devices.get("eth0")?.requested).toEqual(NIC_ON.requested);
    host.journal.length = 0;
    await host.restore({ targets: new Set([eth0.uuid]), rule: null });
    expect(host.journal).toEqual([]);
    await host.restore();
    expect(host.texts(eth0.uuid)).toEqual([]);
  });
});
