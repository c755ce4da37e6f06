import { describe, expect, test } from "bun:test";
import { attemptAsync, unavailableError } from "../../../src/core/command-error.ts";
import { applyChange } from "../../../src/core/disable/apply.ts";
import { planLiveOnly } from "../../../src/core/disable/plan.ts";
import { readInterfaceFeatures } from "../../../src/core/targets/interface-features.ts";
import {
  config,
  failureOfAsync,
  haltedVm,
  inventory,
  NIC_OFF,
  NIC_ON,
  pif,
  VIF_ON,
  vif,
  vm,
  withSettings,
} from "../../builders/hosts.ts";
import { EVERYTHING, FakeHost } from "../../fakes/change-host.ts";

const web = vm("web", { domid: 3 });
const eth0 = pif("eth0");
const web0 = vif(web, "0");
const db0 = vif(haltedVm("db"), "0");
const POOL = inventory({ pifs: [eth0], vms: [web, db0.vm], vifs: [web0, db0] });
const DEVICES = { eth0: NIC_ON, "vif3.0": VIF_ON };

function createHost(pool = POOL): FakeHost {
  return new FakeHost(pool, DEVICES);
}

describe("when originals cannot be stored, disable", () => {
  test("skips an interface whose policy entry XAPI refuses and changes the others", async () => {
    const host = createHost();
    host.toolstack.refuseKey = ({ owner }) => (owner.ref === eth0.ref ? "RBAC_DENIED" : null);
    const { problems } = await host.disable();
    expect(host.kernel.devices.get("eth0")).toEqual(NIC_ON);
    expect(host.toolstack.getOtherConfig(eth0.uuid)).toEqual({});
    expect(host.kernel.writes).toEqual(["vif3.0"]);
    expect(problems).toMatchObject([
      {
        code: "policy-write-failed",
        uuid: eth0.uuid,
        message: "eth0: not changed, because its originals could not be stored: RBAC_DENIED",
      },
    ]);
  });

  test("does not replace a setting too long for a policy entry", async () => {
    const long = { "ethtool-tso": "x".repeat(65) };
    const host = createHost({ ...POOL, vifs: [withSettings(web0, { otherConfig: config(long) }), db0] });
    const { problems } = await host.disable();
    expect(host.toolstack.getOtherConfig(web0.uuid)).toEqual(long);
    expect(host.kernel.devices.get("vif3.0")).toEqual(VIF_ON);
    expect(problems.map(({ code, uuid }) => [code, uuid])).toEqual([["policy-write-failed", web0.uuid]]);
  });

  test("stops when the kernel bits cannot be saved to disk", async () => {
    const host = createHost();
    host.bits.failsToSave = true;
    const failure = await failureOfAsync(() => applyChange(host.planChange(), host.ports));
    expect(failure.code).toBe("file-not-written");
    expect(host.journal).toEqual([]);
  });

  test("skips an object with an invalid policy entry", async () => {
    const host = createHost();
    host.toolstack.database.set(web0.ref, "offload-1-a", "{");
    const before = host.toolstack.getOtherConfig(web0.uuid);
    const { problems } = await host.disable();
    expect(host.toolstack.getOtherConfig(web0.uuid)).toEqual(before);
    expect(host.kernel.devices.get("vif3.0")).toEqual(VIF_ON);
    expect(host.kernel.devices.get("eth0")).toEqual(NIC_OFF);
    expect(problems).toMatchObject([{ code: "policy-invalid", uuid: web0.uuid }]);
  });

  test("reports a host rule that cannot be stored and continues", async () => {
    const host = createHost();
    host.toolstack.refuseKey = ({ owner }) => (owner.class === "host" ? "RBAC_DENIED" : null);
    const { problems } = await host.disable({ groups: { nics: true, vifs: false } });
    expect(problems).toMatchObject([{ code: "policy-write-failed" }]);
    expect(host.kernel.devices.get("eth0")).toEqual(NIC_OFF);
  });
});

describe("disable without XAPI", () => {
  test("changes the kernel only and saves its exact bits", async () => {
    const host = createHost();
    const interfaces = host.all();
    const plan = planLiveOnly(interfaces, EVERYTHING, {
      snapshot: readInterfaceFeatures(interfaces, host.kernel),
      getKernelBits: () => null,
    });
    const done = await applyChange(plan, { ...host.ports, toolstack: null });
    expect(host.kernel.devices.get("eth0")).toEqual(NIC_OFF);
    expect(done.changes.every(({ layer }) => layer === "live")).toBe(true);
    expect(done).toMatchObject({ problems: [], settingsVerified: true });
    expect(host.bits.listDevices()).toEqual(["eth0", "vif3.0"]);
    expect(host.texts(eth0.uuid)).toEqual([]);
  });
});

describe("when XAPI fails, disable", () => {
  test("reports the settings that were not written and keeps the others", async () => {
    const host = createHost();
    host.toolstack.maxSettingWrites = 3;
    host.toolstack.failsToReadBack = true;
    const { problems, changes, settingsVerified } = await host.disable();
    const missed = problems.filter(({ code }) => code === "setting-not-attempted");
    expect(missed).toHaveLength(6 + 4 + 4 - 3);
    expect(changes.filter(({ layer }) => layer === "xapi")).toHaveLength(3);
    expect(settingsVerified).toBe(false);
    expect(problems.map(({ code }) => code)).toContain("settings-unreadable");
  });

  test("reports a refused setting with its key and writes the others", async () => {
    const host = createHost();
    host.toolstack.refuseSetting = ({ key }) => (key === "ethtool-tso" ? "RBAC_DENIED" : null);
    const { problems } = await host.disable();
    expect(problems.filter(({ code }) => code === "setting-write-failed")).toHaveLength(3);
    expect(problems[0]).toMatchObject({
      uuid: eth0.uuid,
      message: "eth0: ethtool-tso=off could not be written: RBAC_DENIED",
    });
    expect(host.settings(eth0.uuid)).toHaveProperty("ethtool-gso", "off");
  });

  test("announces the VM and reads back all settings after failed writes, which may have removed some", async () => {
    const host = createHost();
    host.toolstack.refuseSetting = () => "INTERNAL_ERROR";
    await host.disable();
    expect(host.toolstack.announced).toEqual([web.uuid]);
    expect(host.journal).toContain("read back");
  });

  test("reports a VM that cannot be announced and keeps it pending", async () => {
    const host = createHost();
    host.toolstack.failsToAnnounce = () => true;
    const { problems } = await host.disable();
    expect(problems[0]?.message).toStartWith("xenopsd does not have the new settings of 1 VM: HANDLE_INVALID VM web");
    expect([...host.pendingAnnouncements.pending]).toEqual([web.uuid]);
  });

  test("writes no setting when pending announcements cannot be saved to disk", async () => {
    const host = createHost();
    host.pendingAnnouncements.failsToSave = true;
    const { problems } = await host.disable();
    expect(problems.map(({ code }) => code)).toEqual(["state-write-failed"]);
    expect(host.toolstack.written).toEqual([]);
  });

  test("stops before the kernel or before the settings when its caller has given up", async () => {
    for (const asks of [1, 2, 3]) {
      const host = createHost();
      let asked = 0;
      host.checkCallerWaiting = async () => {
        asked += 1;
        if (asked >= asks) throw unavailableError("void", "the caller has gone");
      };
      await attemptAsync(() => applyChange(host.planChange(), host.ports));
      expect(host.texts(eth0.uuid)).toHaveLength(asks === 1 ? 0 : 1);
      expect(host.kernel.writes.length > 0).toBe(asks === 3);
      expect(host.toolstack.written).toEqual([]);
    }
  });
});

describe("when interrupted, disable", () => {
  test("changes nothing and names every interface if nothing had begun", async () => {
    const host = createHost();
    host.isStopped = () => true;
    const { problems, changes } = await host.disable();
    expect([host.kernel.writes, host.toolstack.written, host.toolstack.announced]).toEqual([[], [], []]);
    expect(problems.map(({ uuid }) => uuid)).toEqual([eth0.uuid, db0.uuid, web0.uuid]);
    expect(changes).toEqual([]);
  });

  test("starts no other device and writes no setting", async () => {
    const host = createHost();
    host.isStopped = () => host.kernel.writes.length >= 1;
    const { problems } = await host.disable();
    expect(host.kernel.writes).toEqual(["eth0"]);
    expect(host.toolstack.written).toEqual([]);
    expect(problems).toContainEqual(expect.objectContaining({ code: "interrupted", device: "vif3.0" }));
  });

  test("announces the VM that already has new settings", async () => {
    const host = createHost();
    host.isStopped = () => Object.keys(host.settings(web0.uuid)).length >= 2;
    const { problems } = await host.disable();
    expect(host.toolstack.announced).toEqual([web.uuid]);
    expect(problems.filter(({ code }) => code === "setting-not-attempted").length).toBeGreaterThan(0);
  });

  test("notices a signal during a device write before the next device", async () => {
    const host = createHost();
    let signalled = false;
    host.isStopped = () => signalled;
    host.kernel.onRequest = () => {
      setImmediate(() => {
        signalled = true;
      });
      // A NIC that resets.
      Bun.sleepSync(20);
      return null;
    };
    await host.disable();
    expect(host.kernel.writes).toEqual(["eth0"]);
  });

  test("is completed by the next run at any point, and the run after that writes nothing", async () => {
    const whole = createHost();
    await whole.disable();
    const calls = whole.journal.length;
    for (let last = 0; last <= calls; last += 1) {
      const host = createHost();
      host.isStopped = () => host.journal.length >= last;
      await host.disable();
      host.isStopped = () => false;
      await host.disable();
      expect(host.kernel.devices).toEqual(whole.kernel.devices);
      for (const { uuid } of [eth0, web0, db0]) {
        expect(host.settings(uuid)).toEqual(whole.settings(uuid));
        expect(host.texts(uuid)).toHaveLength(1);
      }
      host.journal.length = 0;
      await host.disable();
      expect(host.journal).toEqual([]);
    }
  });
});
