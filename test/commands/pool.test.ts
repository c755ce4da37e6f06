import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { buildVersion } from "../dom0/pool/other-version.ts";
import { PLUGIN, Pool } from "../dom0/pool/pool.ts";
import { breakAt, document, recordedOff, statesOf } from "./pool-run.ts";
import { allStillOn, liveState, stillOn } from "./truth.ts";

describe("a pool whose hosts all have the plugin", () => {
  test("disable --pool turns everything off everywhere, and verify --pool agrees, from any host", async () => {
    await using pool = await Pool.start({ hosts: 3 });
    const [coordinator, member] = [pool.host(0), pool.host(1)];
    const drift = await document(member, "verify", "--pool");
    expect(statesOf(drift)).toEqual({
      "xcp-1": "partly 1",
      "xcp-2": "partly 1",
      "xcp-3": "partly 1",
    });
    expect(drift.advice).toEqual(["offload disable --pool ALL"]);
    expect(await recordedOff(pool, "PIF")).toEqual([]);

    const done = await document(member, "disable", "--pool", "--yes");
    expect(statesOf(done)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    for (const host of pool.hosts) expect(await allStillOn(host)).toEqual([]);
    // Seven keys of each NIC but that of ufo and lro, which no NIC here has; six of each VIF.
    expect(await recordedOff(pool, "PIF")).toHaveLength(3 * 2 * 6);
    expect(await recordedOff(pool, "VIF")).toHaveLength((3 * 2 + 1) * 6);
    expect((await document(coordinator, "verify", "--pool")).exitCode).toBe(0);
    for (const host of pool.hosts) expect((await host.offload("verify")).exitCode).toBe(0);
  });

  test("a second run changes nothing", async () => {
    await using pool = await Pool.start({ hosts: 2 });
    await pool.host(0).offload("disable", "--pool", "--yes");
    await pool.simulator.clearCalls();
    const again = await document(pool.host(0), "disable", "ALL", "--pool", "--yes");
    expect(again.exitCode).toBe(0);
    expect(
      again.hosts.flatMap((row: { report: { changes: unknown[] } }) => row.report.changes),
    ).toEqual([]);
    const calls = await pool.simulator.calls();
    expect(calls.filter(({ write }) => write)).toEqual([]);
  });

  test("each host can put back what was done to it: the journal is its own", async () => {
    await using pool = await Pool.start({ hosts: 2 });
    const states = await Promise.all(pool.hosts.map(liveState));
    const before = await pool.simulator.database();
    await pool.host(0).offload("disable", "--pool", "--yes");
    for (const host of pool.hosts)
      expect((await host.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
  });

  test("a dry run tells the commands host by host, and touches nothing", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const states = await Promise.all(pool.hosts.map(liveState));
    const run = await pool.host(0).offload("disable", "--pool", "--dry-run");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/^# xcp-1\nethtool -K eth0 [\s\S]+\n# xcp-2\nethtool -K eth0 /);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    const foretold = await document(pool.host(0), "disable", "--pool", "--dry-run");
    const done = await document(pool.host(0), "disable", "--pool", "--yes");
    const changes = (report: { hosts: { report: { changes: unknown[] } }[] }) =>
      report.hosts.map((row) => row.report.changes.length);
    expect(changes(done)).toEqual(changes(foretold));
  });

  test("asks first, and names every host and its management NIC", async () => {
    await using pool = await Pool.start({ hosts: 2 });
    const refused = pool.host(0).run(["/usr/local/bin/offload", "disable", "--pool"], {
      tty: true,
      answers: [{ when: "on 2 of 2 hosts?", say: "n" }],
    });
    const { exitCode, stdout } = await refused;
    expect(exitCode).toBe(2);
    expect(stdout).toContain("xcp-1: management on eth0; 2 NICs, 3 VIFs");
    expect(stdout).toContain("xcp-2: management on eth0; 2 NICs, 2 VIFs");
    expect(await recordedOff(pool, "PIF")).toEqual([]);
    const unasked = await pool.host(0).offload("disable", "--pool");
    expect(unasked.exitCode).toBe(2);
  });

  test("status --pool shows every host's devices", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const { stdout, exitCode } = await pool.host(1).offload("status", "--pool");
    expect(exitCode).toBe(0);
    expect(stdout.match(/^eth0 /gm)).toHaveLength(2);
    expect(stdout.match(/^VM vm /gm)).toHaveLength(2);
    const report = await document(pool.host(1), "status", "--pool");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0" });
  });

  test("a second look tells of each host that nothing had to be changed", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    await pool.host(0).offload("disable", "--pool", "--yes");
    const { stdout } = await pool.host(1).offload("disable", "--pool", "--yes");
    expect(stdout).toContain(
      "xcp-1  done: everything that can be off is off; nothing had to be changed\n",
    );
    expect(stdout).toContain(
      "xcp-2  done: everything that can be off is off; nothing had to be changed\n",
    );
  });

  test.each([
    [["verify", "--timeout", "5"], "needs-pool"],
    [["disable", "ALL", "--rolling"], "needs-pool"],
    [["restore", "--rolling"], "needs-pool"],
    [["persist", "ALL", "--rolling"], "needs-pool"],
    [["verify", "--pool", "--timeout", "0"], "bad-seconds"],
    [["verify", "--pool", "--timeout", "241"], "bad-seconds"],
    [["disable", "--pool", "--wait", "120"], "wait-too-long"],
    [["disable", "--pool", "--rolling", "--confirm-within", "60"], "rolling-or-trial"],
    [["disable", "--pool", "--pick"], "pick-or-pool"],
  ])("%j is refused before anything is asked", async (args, code) => {
    await using dom0 = await Dom0.start({ vms: 1 });
    const report = await document(dom0, ...args);
    expect(report).toMatchObject({ exitCode: 2, problems: [{ code }] });
    expect(await dom0.simulator.calls()).toEqual([]);
  });

  test("takes no target but ALL", async () => {
    await using pool = await Pool.start({ hosts: 1, vms: 1 });
    for (const target of ["eth0", "vm 1-1"]) {
      expect(
        (await document(pool.host(0), "disable", target, "--pool", "--yes")).problems,
      ).toMatchObject([{ code: "pool-takes-all" }]);
    }
  });
});

describe("hosts that cannot do their part", () => {
  let other: string;
  beforeAll(async () => {
    other = await buildVersion("0.0.9");
  });
  afterAll(() => rm(dirname(dirname(other)), { recursive: true, force: true }));

  test("each has a row that says why, and the others are done all the same", async () => {
    await using pool = await Pool.start({ hosts: 9, nics: 1, vms: 1 });
    const [well, missing, version, offline, hanging, dying, rubbish, misled, disabled] = pool.hosts;
    if (
      !well ||
      !missing ||
      !version ||
      !offline ||
      !hanging ||
      !dying ||
      !rubbish ||
      !misled ||
      !disabled
    ) {
      throw new Error("the pool is too small");
    }
    await missing.text(["rm", PLUGIN]);
    await version.text(["ln", "-sf", other, PLUGIN]);
    await pool.offline(offline);
    await pool.replacePlugin(hanging, "#!/bin/sh\nexec sleep 600\n");
    await pool.replacePlugin(dying, "#!/bin/sh\necho oops >&2\nkill -9 $$\n");
    await pool.replacePlugin(rubbish, "#!/bin/sh\necho '<html>'; seq 100000\n");
    const value =
      "<member><name>Status</name><value>Success</value></member><member><name>Value</name><value>42</value></member>";
    await pool.replacePlugin(
      misled,
      `#!/bin/sh\necho '<methodResponse><params><param><value><struct>${value}</struct></value></param></params></methodResponse>'\n`,
    );
    await pool.simulator.set(["host", disabled.world.host.ref, "enabled", false]);
    const untouched = pool.hosts.slice(1);
    const states = await Promise.all(untouched.map(liveState));

    const report = await document(well, "disable", "--pool", "--yes", "--timeout", "3");
    expect(report.exitCode).toBe(1);
    expect(statesOf(report)).toEqual({
      "xcp-1": "done 0",
      "xcp-2": "plugin-missing 3",
      "xcp-3": "version-different 3",
      "xcp-4": "unreachable 3",
      "xcp-5": "unreachable 3",
      "xcp-6": "failed 3",
      "xcp-7": "failed 3",
      "xcp-8": "failed 3",
      "xcp-9": "disabled 3",
    });
    const messages = report.hosts.map((row: { message: string }) => row.message);
    expect(messages[2]).toBe(
      "offload 0.0.9 is installed there, and this is 0.1.0; install the same on every host",
    );
    expect(messages[4]).toContain("no answer in 3 seconds");
    expect(messages[5]).toContain("oops");
    expect(messages[6]).toContain("failed to parse plugin output; <html> 1 2 3 ");
    expect(messages[6].length).toBeLessThan(600);
    expect(report.hosts[1].advice).toEqual([`ln -s /usr/local/bin/offload ${PLUGIN}`]);
    // A record is written only where the host has shown that the feature is off.
    const well1 = new Set(
      Object.values(well.world.database.PIF)
        .filter(({ host }) => host === well.world.host.ref)
        .map(({ uuid }) => uuid),
    );
    for (const line of await recordedOff(pool, "PIF"))
      expect([...well1]).toContain(line.slice(0, 36));
    expect(await Promise.all(untouched.map(liveState))).toEqual(states);
    expect(await allStillOn(well)).toEqual([]);

    const verified = await document(well, "verify", "--pool", "--timeout", "3");
    expect(verified.exitCode).toBe(3);
  });

  test("one that dies in the middle is told of, and can put back what it did", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 2, vms: 4 });
    const [home, dying] = [pool.host(0), pool.host(1)];
    const state = await liveState(dying);
    // Killed by the kernel's own hand at a call in the middle of its writes, as strace can have it.
    const strace = Bun.which("strace") ?? "strace";
    await dying.text(["sh", "-c", `cp ${strace} /root/xapi; cp -P ${PLUGIN} ${PLUGIN}-real`]);
    const inject = "-e trace=ioctl -e inject=ioctl:signal=KILL:when=16";
    await pool.replacePlugin(
      dying,
      `#!/bin/sh\nexec /root/xapi -f -qq -o /dev/null ${inject} ${PLUGIN}-real "$@"\n`,
    );
    const report = await document(home, "disable", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "failed 3" });
    expect(await liveState(dying)).not.toBe(state);
    expect(await allStillOn(dying)).not.toEqual([]);
    // What it had begun is in its own journal, and nothing of it was recorded.
    const own = new Set(
      Object.values(dying.world.database.PIF)
        .filter(({ host }) => host === dying.world.host.ref)
        .map(({ uuid }) => uuid),
    );
    expect((await recordedOff(pool, "PIF")).filter((line) => own.has(line.slice(0, 36)))).toEqual(
      [],
    );
    expect((await dying.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await liveState(dying)).toBe(state);
  });

  test("a signal ends the waiting: hosts that answered are told of, the others may still be at work", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    await pool.replacePlugin(pool.host(1), "#!/bin/sh\nexec sleep 600\n");
    const running = pool
      .host(0)
      .spawn(["/usr/local/bin/offload", "disable", "--pool", "--yes", "--json"]);
    for (let wait = 0; wait < 100 && (await recordedOff(pool, "PIF")).length < 6; wait++)
      await Bun.sleep(50);
    await running.signal("SIGINT");
    const { signal, stdout } = await running.exited;
    expect(signal).toBe("SIGINT");
    const report = JSON.parse(stdout);
    expect(report.hosts.map(({ state }: { state: string }) => state)[1]).toBe("unreachable");
    expect(report.hosts[1].message).toContain("it may still be at work");
    expect(await stillOn(pool.host(0), "eth0")).toEqual([]);
  });

  test("a host of its own without the plugin is told so, and works as ever without --pool", async () => {
    await using dom0 = await Dom0.start();
    const report = await document(dom0, "verify", "--pool");
    expect(report.exitCode).toBe(3);
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
  });
});

describe("persist --pool", () => {
  test("installs on every host what that host needs, and takes it away again", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    await pool.host(0).offload("disable", "--pool", "--yes");
    const files = () =>
      Promise.all(
        pool.hosts.map((host) =>
          host.text(["sh", "-c", "cat /etc/rc.d/rc.local; ls /etc/udev/rules.d"]),
        ),
      );
    const before = await files();
    const foretold = await pool.host(1).offload("persist", "--pool", "--dry-run");
    expect(foretold.stdout).toMatch(/^# xcp-1\n# \/etc[\s\S]+\n# xcp-2\n# \/etc/);
    expect(await files()).toEqual(before);
    // What disable --pool has turned off is remembered by each host as its own ALL.
    const report = await document(pool.host(1), "persist", "--pool");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0" });
    for (const { report: own } of report.hosts) {
      expect(own.boot).toMatchObject({
        state: "current",
        covers: { everything: true, devices: ["eth0", "eth1"] },
      });
    }
    for (const host of pool.hosts)
      expect((await host.offload("verify", "--strict")).exitCode).toBe(0);
    const verified = await document(pool.host(0), "verify", "--pool");
    expect(verified.hosts.map((row: { report: { notes: unknown[] } }) => row.report.notes)).toEqual(
      [[], []],
    );
    expect((await document(pool.host(0), "persist", "--pool", "--remove")).exitCode).toBe(0);
    expect(await files()).toEqual(before);
  });

  test("says host by host where there is nothing to persist, and takes ALL for every NIC", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const nothing = await document(pool.host(0), "persist", "--pool");
    expect(statesOf(nothing)).toEqual({ "xcp-1": "failed 3", "xcp-2": "failed 3" });
    expect(nothing.hosts[0].message).toContain("nothing was turned off on this host yet");
    expect((await document(pool.host(0), "persist", "ALL", "--pool")).exitCode).toBe(0);
    for (const host of pool.hosts) expect(await stillOn(host, "eth1")).toEqual([]);
    for (const host of pool.hosts) {
      expect((await host.offload("restore", "--yes")).exitCode).toBe(0);
      expect(await stillOn(host, "eth1")).not.toEqual([]);
    }
  });
});

describe("--rolling", () => {
  test("does one host after the other, its own last", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
    const report = await document(pool.host(0), "disable", "--pool", "--rolling", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    const asked = (await pool.simulator.calls()).filter(
      ({ method, params }) => method === "host.call_plugin" && params[3] === "disable",
    );
    const home = pool.host(0).world.host.ref;
    expect(asked.map(({ params }) => params[1] === home)).toEqual([false, false, true]);
  });

  test("goes no further once a host is not as it should be", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
    await pool.replacePlugin(pool.host(1), "#!/bin/sh\nkill -9 $$\n");
    const report = await document(pool.host(0), "disable", "--pool", "--rolling", "--yes");
    expect(report.exitCode).toBe(3);
    expect(statesOf(report)).toEqual({
      "xcp-1": "not-attempted 3",
      "xcp-2": "failed 3",
      "xcp-3": "not-attempted 3",
    });
    expect(await recordedOff(pool, "PIF")).toEqual([]);
  });

  test("persist goes one host after the other, its own last, and no further than is well", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
    const stopped = await document(pool.host(1), "persist", "--pool", "--rolling");
    expect(statesOf(stopped)).toEqual({
      "xcp-1": "failed 3",
      "xcp-2": "not-attempted 3",
      "xcp-3": "not-attempted 3",
    });
    await pool.simulator.clearCalls();
    const done = await document(pool.host(1), "persist", "ALL", "--pool", "--rolling");
    expect(statesOf(done)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    const asked = (await pool.simulator.calls()).flatMap(({ method, params }) =>
      method === "host.call_plugin" ? [params[1]] : [],
    );
    expect(asked.map((ref) => ref === pool.host(1).world.host.ref)).toEqual([false, false, true]);
  });

  test("puts back one host after the other, each with its records, and goes no further than is well", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
    const [home, second, third] = [pool.host(0), pool.host(1), pool.host(2)];
    const states = await Promise.all(pool.hosts.map(liveState));
    const before = await pool.simulator.database();
    await home.offload("disable", "--pool", "--yes");
    const off = await Promise.all(pool.hosts.map(liveState));
    const recorded = await recordedOff(pool, "PIF");
    // It tells its notes, and breaks when it is to put them back.
    await breakAt(pool, second, "restore", 1);
    const stopped = await document(home, "restore", "--pool", "--rolling", "--yes");
    expect(statesOf(stopped)).toEqual({
      "xcp-1": "not-attempted 3",
      "xcp-2": "failed 1",
      "xcp-3": "not-attempted 3",
    });
    expect(stopped.exitCode).toBe(1);
    expect(stopped.hosts[1].message).toContain(
      "its records were put back; of its features nothing is known: ",
    );
    const layers = stopped.hosts[1].report.changes.map(({ layer }: { layer: string }) => layer);
    expect(new Set(layers)).toEqual(new Set(["recorded"]));
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(off);
    const left = recorded.filter((line) => !line.startsWith(second.world.pif("eth0").record.uuid));
    expect(await recordedOff(pool, "PIF")).toEqual(left);

    await pool.replacePlugin(second, `#!/bin/bash\nexec -a ${PLUGIN} ${OFFLOAD} "$@"\n`);
    await pool.simulator.clearCalls();
    const done = await document(third, "restore", "--pool", "--rolling", "--yes");
    expect(statesOf(done)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
    const asked = (await pool.simulator.calls()).flatMap(({ method, params }) =>
      method === "host.call_plugin" && params[3] === "restore" ? [params[1]] : [],
    );
    expect(asked.at(-1)).toBe(third.world.host.ref);
    expect(asked).toHaveLength(3);
  });
});

describe("a XAPI that goes away in the middle of the records", () => {
  test("leaves every host off and noted, is told, and can be made good by another run", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const states = await Promise.all(pool.hosts.map(liveState));
    const before = await pool.simulator.database();
    const method = "PIF.add_to_other_config";
    // In the records of the host that answered last: twelve are those of the other one's NICs.
    await pool.simulator.fault({ fault: "die", method, after: 17 });
    const report = await document(pool.host(0), "disable", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "partly 1", "xcp-2": "partly 1" });
    const codes = report.hosts.flatMap((row: { report: { problems: { code: string }[] } }) =>
      row.report.problems.map(({ code }) => code),
    );
    expect(codes).toContain("record-not-attempted");
    expect(codes).toContain("records-unknown");
    for (const host of pool.hosts) expect(await allStillOn(host)).toEqual([]);
    await pool.simulator.fault({ fault: "none" });
    expect((await document(pool.host(1), "disable", "--pool", "--yes")).exitCode).toBe(0);
    expect((await document(pool.host(0), "verify", "--pool")).exitCode).toBe(0);
    expect((await document(pool.host(0), "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
  });
});
