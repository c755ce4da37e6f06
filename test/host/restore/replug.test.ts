import { describe, expect, test } from "bun:test";
import { planReplug, toUnsafePlugProblems } from "../../../src/host/restore/replug.ts";
import { NIC_OFF, NIC_ON, nic, pif } from "../../builders/hosts.ts";
import { eth0, NO_GRO, POOL, ReplugHost, slave } from "../../fakes/replug-host.ts";
import { openSession } from "../../fakes/scripted-socket.ts";

describe("planning a replug", () => {
  test("reads no bridge or address without plugs", async () => {
    const host = new ReplugHost({});
    const fail = () => {
      throw new Error("asked");
    };
    const toolstack = { findBridge: fail };
    const unmanaged = nic(pif("eth9", { managed: false }));
    expect(await planReplug([unmanaged], POOL, toolstack, fail)).toEqual({ plugs: [], unsafe: [] });
    expect((await host.plan()).plugs).toEqual([]);
  });

  test("skips a plug that would remove an address, and says what to do", async () => {
    const host = new ReplugHost({});
    host.addresses = [{ device: "br-eth0", ip: "10.0.0.9", prefix: 24 }];
    const plan = await host.plan(nic(eth0), nic(slave("eth1")));
    expect(plan.plugs.map((plug) => plug.pif.device)).toEqual(["bond0"]);
    expect(toUnsafePlugProblems(plan)).toEqual([
      {
        code: "plug-unsafe",
        interface: "eth0",
        device: "eth0",
        uuid: eth0.uuid,
        message: `eth0: eth0 was not plugged, and networkd still remembers its offloads as they were: XAPI's record does not have the address 10.0.0.9/24 of br-eth0, which a plug would remove; tell XAPI its address (xe pif-reconfigure-ip uuid=${eth0.uuid}) and run it again, or pass --no-replug`,
      },
    ]);
  });

  test("plugs nothing when the addresses cannot be read", async () => {
    const host = new ReplugHost({});
    host.addresses = null;
    const { plugs, unsafe } = await host.plan(nic(eth0));
    expect(plugs).toEqual([]);
    expect(unsafe.map(({ reason }) => reason)).toEqual(["the addresses of this host cannot be read"]);
  });

  test("plugs nothing when XAPI does not return the bridge", async () => {
    const { socket, session } = await openSession();
    socket.answer = () => ({
      ok: false,
      error: { kind: "refused", code: "HANDLE_INVALID", params: ["network"] },
    });
    const { plugs, unsafe } = await planReplug([nic(eth0)], POOL, session, () => []);
    expect(plugs).toEqual([]);
    expect(unsafe.map(({ reason }) => reason)).toEqual(["XAPI refused: HANDLE_INVALID network"]);
    expect(socket.calls("network.")).toEqual([`network.get_bridge ${eth0.network}`]);
  });
});

describe("a replug", () => {
  test("goes through XAPI and saves networkd.db once, last", async () => {
    const host = new ReplugHost({ eth0: NIC_ON, eth1: NIC_ON, eth2: NIC_ON });
    const { failed, problems, isSaved } = await host.replug(nic(eth0), nic(slave("eth1")));
    expect(host.journal).toEqual(["plug eth0", "plug bond0", "sync"]);
    expect([failed, problems, isSaved]).toEqual([[], [], true]);
  });

  test("reports changes on the restored device and leaves them to the caller", async () => {
    const host = new ReplugHost({ eth1: NIC_OFF, eth2: NIC_ON });
    host.plugSets(NO_GRO, "eth1");
    const { changed, snapshot } = await host.replug(nic(slave("eth1")));
    const previous = changed.get("eth1");
    expect(previous?.get("rx-checksum")).toBe(false);
    expect(previous?.has("rx-gro")).toBe(false);
    expect(host.writes).toEqual([]);
    expect(snapshot.readings.get("eth1")).toEqual({ state: "read", features: NO_GRO });
  });

  test("writes back what the plug changed on the bond's other slave", async () => {
    const host = new ReplugHost({ eth1: NIC_ON, eth2: NO_GRO });
    host.plugSets(NIC_ON, "eth1", "eth2");
    const { changed, problems, snapshot } = await host.replug(nic(slave("eth1")));
    expect(host.requested("eth2")).not.toContain("rx-gro");
    expect(host.writes).toEqual(["eth2"]);
    expect([changed.size, problems]).toEqual([0, []]);
    expect(snapshot.readings.get("eth2")).toEqual({ state: "read", features: NO_GRO });
  });

  test("writes back the features of a restored device that are not being restored", async () => {
    const host = new ReplugHost({ eth1: NO_GRO, eth2: NIC_ON });
    host.isRestored = (device, feature) => device === "eth1" && feature === "rx-checksum";
    host.plugSets(NIC_ON, "eth1");
    await host.replug(nic(slave("eth1")));
    expect(host.requested("eth1")).not.toContain("rx-gro");
  });

  test("reports a device that does not comply", async () => {
    const host = new ReplugHost({ eth1: NIC_ON, eth2: NO_GRO });
    host.plugSets(NIC_ON, "eth2");
    host.ignoringRequests.add("eth2");
    const { problems } = await host.replug(nic(slave("eth1")));
    expect(problems).toEqual([
      {
        code: "write-failed",
        message: "eth2: the plug changed rx-gro, which could not be written back: the driver did not follow",
        interface: "eth2",
        device: "eth2",
      },
    ]);
  });

  test("reports a failed plug for each restored NIC and writes back what it changed", async () => {
    const host = new ReplugHost({ eth1: NIC_ON, eth2: NO_GRO });
    host.onPlug = (): string => {
      host.devices.set("eth2", NIC_ON);
      return "PIF_CONFIGURATION_ERROR";
    };
    const { failed, problems, isSaved } = await host.replug(nic(slave("eth1")), nic(slave("eth2")));
    expect(failed.map(({ plug }) => plug.nics.map((one) => one.pif.device))).toEqual([["eth1", "eth2"]]);
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual(
      ["eth1", "eth2"].map(
        (device) =>
          `plug-failed ${device}: XAPI did not plug bond0: PIF_CONFIGURATION_ERROR; networkd still remembers its offloads as they were`,
      ),
    );
    expect(host.requested("eth2")).not.toContain("rx-gro");
    expect(isSaved).toBe(true);
    expect(host.journal).not.toContain("sync");
  });

  test("does not start with an unreadable device", async () => {
    const host = new ReplugHost({ eth1: NIC_ON, eth2: NIC_ON });
    host.unreadable.add("eth2");
    const { failed } = await host.replug(nic(slave("eth1")));
    expect(failed.map(({ reason }) => reason)).toEqual(["eth2 cannot be read, so nothing could be written back"]);
    expect(host.journal).toEqual([]);
  });

  test("ends when it is interrupted", async () => {
    const host = new ReplugHost({ eth0: NIC_ON, eth1: NIC_ON, eth2: NIC_ON });
    host.onPlug = (): null => {
      host.isStopped = true;
      return null;
    };
    const { failed } = await host.replug(nic(eth0), nic(slave("eth1")));
    expect(failed.map(({ reason }) => reason)).toEqual(["interrupted before it was plugged"]);
    expect(host.journal).toEqual(["plug eth0", "sync"]);
  });

  test("reports when networkd cannot save", async () => {
    const host = new ReplugHost({ eth0: NIC_ON });
    host.isSynced = false;
    expect((await host.replug(nic(eth0))).isSaved).toBe(false);
  });

  test("saves nothing without plugs", async () => {
    const host = new ReplugHost({ eth0: NIC_ON });
    host.isSynced = false;
    expect((await host.replug()).isSaved).toBe(true);
  });
});
