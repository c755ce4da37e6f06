import { describe, expect, test } from "bun:test";
import { listAllFeaturesOn, listFeaturesOn, readLiveState } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import { INSTALLED, Pool } from "../dom0/pool/pool.ts";
import { changesOf, commandsOf, document, recordedOff, running, statesOf } from "./fixtures.ts";

describe("--pool", () => {
  test("disables on every host, handles halted VMs once, and makes one call to each other host", async () => {
    await using pool = await Pool.start({ hosts: 3 });
    const [coordinator, member] = [pool.host(0), pool.host(1)];
    const drift = await document(member, "verify", "--pool");
    expect(statesOf(drift)).toEqual({
      "xcp-1": "partial 1",
      "xcp-2": "partial 1",
      "xcp-3": "partial 1",
    });
    expect(drift.advice).toEqual(["offload disable --pool ALL"]);
    const nagios = await member.offload("verify", "--pool", "--nagios");
    expect(nagios.exitCode).toBe(2);
    expect(nagios.stdout).toMatch(/^OFFLOAD CRITICAL: 0 of 3 hosts ok; xcp-1: .* \| hosts=3;;;0 /);
    expect(await recordedOff(pool, "PIF")).toEqual([]);

    await pool.simulator.clearCalls();
    const done = await document(member, "disable", "--pool", "--yes");
    expect(statesOf(done)).toEqual({ "xcp-1": "ok 0", "xcp-2": "ok 0", "xcp-3": "ok 0" });
    expect((await commandsOf(pool)).toSorted()).toEqual([
      "xcp-1 disable --yes --host",
      "xcp-2 disable --yes --host",
      "xcp-3 disable --yes --host",
    ]);
    for (const host of pool.hosts) expect(await listAllFeaturesOn(host)).toEqual([]);
    expect(await recordedOff(pool, "PIF")).toHaveLength(3 * 2 * 6);
    expect(await recordedOff(pool, "VIF")).toHaveLength((3 * 2 + 1) * 4);
    // The halted VM is the share of the host that was asked.
    const halted = Object.values(coordinator.fixture.database.VIF).find(
      ({ VM }) => coordinator.fixture.database.VM[VM]?.name_label === "archive",
    );
    const rows = done.hosts.map((row: { report: { devices: { uuid: string }[] } }) =>
      row.report.devices.some(({ uuid }) => uuid === halted?.uuid),
    );
    expect(rows).toEqual([false, true, false]);

    expect((await document(coordinator, "persist", "--pool", "--yes")).exitCode).toBe(0);
    expect((await document(coordinator, "verify", "--pool")).exitCode).toBe(0);
    expect((await coordinator.offload("verify", "--pool", "--nagios")).stdout).toMatch(/^OFFLOAD OK: 3 of 3 hosts ok/);
    expect(await pool.simulator.sessions()).toBe(0);
  });

  test("changes nothing and asks nothing in a second run, and says so in one line", async () => {
    await using pool = await Pool.start({ hosts: 2 });
    await pool.host(0).offload("disable", "--pool", "--yes");
    await pool.simulator.clearCalls();
    const again = await pool.host(0).run([INSTALLED, "disable", "--pool"], { tty: true });
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toContain("xcp-1, xcp-2: nothing had to be changed");
    expect(again.stdout).toContain("2 of 2 hosts ok.");
    expect((await pool.simulator.calls()).filter(({ write }) => write)).toEqual([]);
  });

  test("enables on every host, and asks nothing in a second run", async () => {
    await using pool = await Pool.start({ hosts: 2 });
    const states = await Promise.all(pool.hosts.map(readLiveState));
    await pool.host(0).offload("disable", "--pool", "--yes");
    const done = await document(pool.host(0), "enable", "--pool", "--yes");
    expect(statesOf(done)).toEqual({ "xcp-1": "ok 0", "xcp-2": "ok 0" });
    expect(await Promise.all(pool.hosts.map(readLiveState))).toEqual(states);
    expect([...(await recordedOff(pool, "PIF")), ...(await recordedOff(pool, "VIF"))]).toEqual([]);
    await pool.simulator.clearCalls();
    const again = await pool.host(0).run([INSTALLED, "enable", "--pool"], { tty: true });
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toContain("xcp-1, xcp-2: nothing had to be changed");
    expect((await pool.simulator.calls()).filter(({ write }) => write)).toEqual([]);
  });

  test("restores the originals on every host", async () => {
    await using pool = await Pool.start({ hosts: 2 });
    const states = await Promise.all(pool.hosts.map(readLiveState));
    const before = await pool.simulator.database();
    await pool.host(0).offload("disable", "--pool", "--yes");
    const restored = await document(pool.host(0), "restore", "--pool", "--yes");
    expect(statesOf(restored)).toEqual({ "xcp-1": "ok 0", "xcp-2": "ok 0" });
    expect(await Promise.all(pool.hosts.map(readLiveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
  });

  test("prints the commands of each host in a dry run, and changes nothing", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const states = await Promise.all(pool.hosts.map(readLiveState));
    const run = await pool.host(0).offload("disable", "--pool", "--dry-run");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/^# xcp-1\nethtool -K eth0 [\s\S]+\n\n# xcp-2\nethtool -K eth0 /);
    expect(await Promise.all(pool.hosts.map(readLiveState))).toEqual(states);
    const preview = await document(pool.host(0), "disable", "--pool", "--dry-run");
    const done = await document(pool.host(0), "disable", "--pool", "--yes");
    expect(changesOf(done)).toEqual(changesOf(preview));
  });

  test("shows every host and its management NIC, and asks with No as the default", async () => {
    await using pool = await Pool.start({ hosts: 2 });
    const question = "Turn these offloads off on 2 of 2 hosts?";
    const asked = await pool.host(0).run([INSTALLED, "disable", "--pool"], {
      tty: true,
      answers: [{ prompt: question, input: "\r" }],
    });
    expect(asked.exitCode).toBe(2);
    expect(asked.stdout).toMatch(/xcp-1: management on eth0; 2 NICs, 3 VIFs; \d+ changes to be made/);
    expect(asked.stdout).toMatch(/xcp-2: management on eth0; 2 NICs, 2 VIFs; \d+ changes to be made/);
    expect((await pool.host(0).offload("disable", "--pool")).exitCode).toBe(2);
    expect(await recordedOff(pool, "PIF")).toEqual([]);
    const agreed = await pool.host(0).run([INSTALLED, "disable", "--pool"], {
      tty: true,
      answers: [{ prompt: question, input: "y" }],
    });
    expect(agreed.exitCode).toBe(0);
  });

  test("shows the pages of status and doctor for each host, and redacts the names of hosts", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    await pool.simulator.set(["host", pool.host(0).fixture.host.ref, "enabled", false]);
    const status = await pool.host(1).offload("status", "--pool");
    expect(status.stdout).toMatch(/^# xcp-1: disabled: [^\n]+\n\n# xcp-2\n2 NICs: /);
    const doctor = await pool.host(1).offload("doctor", "--pool");
    expect(doctor.stdout).toMatch(/\n# xcp-2\noffload doctor /);
    const redacted = await pool.host(1).offload("doctor", "--pool", "--redact", "--json");
    expect(redacted.stdout).not.toContain("xcp-");
  });

  test("installs the boot layer on every host, and removes it again", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    expect((await pool.host(0).offload("persist", "--pool")).exitCode).toBe(2);
    const nothing = await document(pool.host(0), "persist", "--pool", "--yes");
    expect(statesOf(nothing)).toEqual({ "xcp-1": "failed 3", "xcp-2": "failed 3" });
    await pool.host(0).offload("disable", "--pool", "--yes");
    const installed = await document(pool.host(1), "persist", "--pool", "--yes");
    expect(statesOf(installed)).toEqual({ "xcp-1": "ok 0", "xcp-2": "ok 0" });
    for (const host of pool.hosts) expect((await host.offload("verify")).exitCode).toBe(0);
    const removed = await document(pool.host(0), "persist", "--pool", "--remove");
    expect(removed.hosts[1].report.boot.state).toBe("not-installed");
  });

  test.each([
    [["verify", "--timeout", "5"], "requires-pool"],
    [["disable", "ALL", "--rolling"], "requires-pool"],
    [["doctor", "--pool", "--timeout", "0"], "invalid-seconds"],
    [["verify", "--pool", "--timeout", "241"], "invalid-seconds"],
    [["disable", "--pool", "--wait", "30"], "wait-too-long"],
    [["disable", "--pool", "--rolling", "--confirm-within", "60"], "conflicting-options"],
    [["disable", "--pool", "--yes", "--confirm-within", "60"], "not-interactive"],
    [["disable", "--pool", "--pick"], "conflicting-options"],
  ])("refuses %j before any XAPI call", async (args, code) => {
    await using dom0 = await Dom0.start({ vms: 1 });
    expect(await document(dom0, ...args)).toMatchObject({ exitCode: 2, problems: [{ code }] });
    expect(await dom0.simulator.calls()).toEqual([]);
  });
});

describe("targets by name with --pool", () => {
  test("are sent as UUIDs to the hosts that have them, and to no other", async () => {
    await using pool = await Pool.start({ hosts: 3, vms: 2 });
    const local = pool.host(0);
    const [onThird, other] = [running(pool.host(2)), running(pool.host(2), 1)];
    const vif = other.vifs[0]?.record.uuid ?? "";
    await pool.simulator.clearCalls();
    const done = await document(local, "disable", "vm 3-1", vif, "--pool", "--yes", "--features=tx");
    expect(statesOf(done)).toEqual({ "xcp-3": "ok 0" });
    expect(await commandsOf(pool)).toEqual([`xcp-3 disable --features=tx --yes --vm=${onThird.record.uuid} ${vif}`]);
    await pool.simulator.clearCalls();
    const halted = await document(pool.host(1), "disable", "archive", "--pool", "--yes");
    expect(statesOf(halted)).toEqual({ "xcp-2": "ok 0" });

    const nics = await document(local, "disable", "eth1", "--pool", "--yes");
    expect(statesOf(nics)).toEqual({ "xcp-1": "ok 0", "xcp-2": "ok 0", "xcp-3": "ok 0" });
    for (const host of pool.hosts) {
      expect(await listFeaturesOn(host, "eth1")).toEqual([]);
      expect(await listFeaturesOn(host, "eth0")).not.toEqual([]);
    }
    const second = pool.host(1).fixture;
    const uuid = second.pif("eth0", second.host).record.uuid;
    expect(statesOf(await document(local, "verify", uuid, "--pool"))).toEqual({
      "xcp-2": "partial 1",
    });
  });

  test("are all refused when one is unknown", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const report = await document(pool.host(0), "disable", "vm 2-1", "vm 2-9", "--pool", "--yes");
    expect(report).toMatchObject({ exitCode: 2, problems: [{ code: "unknown-target" }] });
    expect(await commandsOf(pool)).toEqual([]);
  });
});

describe("--rolling", () => {
  test("calls one host after the other, the local host last", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
    const report = await document(pool.host(1), "disable", "--pool", "--rolling", "--yes");
    expect(report.exitCode).toBe(0);
    const hosts = (await commandsOf(pool)).map((line) => line.split(" ")[0]);
    expect(hosts).toEqual(["xcp-1", "xcp-3", "xcp-2"]);
  });

  test("stops at the first host that does not complete cleanly", async () => {
    await using pool = await Pool.start({ hosts: 4, nics: 1, vms: 1 });
    await pool.simulator.set(["host", pool.host(1).fixture.host.ref, "enabled", false]);
    await pool.replacePlugin(pool.host(2), "#!/bin/sh\nkill -9 $$\n");
    const report = await document(pool.host(0), "disable", "--pool", "--rolling", "--yes");
    expect(statesOf(report)).toEqual({
      "xcp-1": "skipped 3",
      "xcp-2": "disabled 3",
      "xcp-3": "failed 3",
      "xcp-4": "skipped 3",
    });
    expect(report.hosts[3].message).toBe('host "xcp-3" did not complete cleanly');
    expect(await recordedOff(pool, "PIF")).toEqual([]);
  });
});
