import { describe, expect, test } from "bun:test";
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

describe("the state on disk", () => {
  const FILE = "/var/lib/offload/kernel-bits.json";

  test("is readable by root alone, and contains no session", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const modes = await dom0.text(["stat", "-c", "%a", "/var/lib/offload", FILE]);
    expect(modes).toBe("700\n600\n");
    expect(await dom0.text(["cat", FILE])).not.toContain("OpaqueRef");
  });

  const damages: readonly (readonly [string, string, string])[] = [
    ["is damaged", `echo '{"version":1,' > ${FILE}`, "is damaged"],
    ["is of a newer version", `echo '{"version":2}' > ${FILE}`, "newer version"],
    ["is a link", `mv ${FILE} /tmp/j; ln -s /tmp/j ${FILE}`, "symbolic link"],
  ];
  for (const [what, command, words] of damages) {
    test(`makes disable and restore exit 3 and change nothing when it ${what}`, async () => {
      await using dom0 = await Dom0.start();
      await dom0.offload("disable", "eth1");
      const before = await readLiveState(dom0);
      await dom0.simulator.clearCalls();
      await dom0.run(["sh", "-c", command]);
      for (const args of [
        ["disable", "eth0"],
        ["restore", "--yes"],
      ] as const) {
        const run = await dom0.offload(...args);
        expect(run.exitCode).toBe(3);
        expect(run.stderr).toContain(words);
      }
      expect(await readLiveState(dom0)).toBe(before);
      expect(await listWrites(dom0)).toEqual([]);
    });
  }

  test("has restore announce what a run that was cut short did not, though nothing is left to restore", async () => {
    await using dom0 = await Dom0.start();
    const { uuid } = dom0.fixture.vm("web 1").record;
    const mark = JSON.stringify({ version: 1, vms: [uuid] });
    const path = "/var/lib/offload/announce.json";
    await dom0.run(["sh", "-c", `mkdir -m 700 /var/lib/offload; umask 077; echo '${mark}' > ${path}`]);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    const injected = (await dom0.simulator.calls()).filter(({ method }) => method === "event.inject");
    expect(injected).toHaveLength(1);
    expect((await dom0.run(["test", "-e", path])).exitCode).toBe(1);
  });

  test("is never written through a symbolic link", async () => {
    for (const name of ["kernel-bits.json", "pending.json", "announce.json"]) {
      await using dom0 = await Dom0.start();
      const link = `mkdir -m 700 /var/lib/offload; echo mine > /root/victim; ln -s /root/victim /var/lib/offload/${name}`;
      await dom0.run(["sh", "-c", link]);
      for (const args of [
        ["disable", "eth0"],
        ["restore", "--yes"],
        ["persist", "eth0"],
        ["disable", "web 1"],
        ["disable", "eth1", "--confirm-within", "5"],
        ["confirm"],
      ]) {
        await dom0.offload(...args);
        expect(await dom0.text(["cat", "/root/victim"]), `${name}: ${args.join(" ")}`).toBe("mine\n");
        expect(await dom0.text(["readlink", `/var/lib/offload/${name}`])).toBe("/root/victim\n");
      }
    }
  }, 60_000);

  test("lets one run work at a time, whatever is removed from it", async () => {
    await using dom0 = await Dom0.start();
    const hold = "mkdir -m 700 /var/lib/offload; exec 9< /var/lib/offload; flock 9; echo held; exec sleep 600";
    const holder = dom0.spawn(["sh", "-c", hold]);
    await holder.waitFor("held");
    await dom0.text(["sh", "-c", "rm -rf /var/lib/offload/* /var/lib/offload/lock"]);
    const refused = await dom0.offload("disable", "eth0");
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toMatch(/another offload is at work \(process \d+: /);
    const waiting = dom0.offload("disable", "eth0", "--wait", "20");
    await Bun.sleep(500);
    await holder.signal("SIGKILL");
    expect((await waiting).exitCode).toBe(0);
  });

  test("ends a restore with 1 and its report where it cannot be written, after everything was put back", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    await dom0.offload("disable", "eth1");
    const readOnly = "cd /var/lib; mount --bind offload offload; mount -o remount,ro,bind offload";
    await dom0.text(["sh", "-c", readOnly]);
    const run = await dom0.offload("restore", "eth1", "--json");
    expect(run.exitCode).toBe(1);
    expect(await readLiveState(dom0)).toBe(before);
    const { problems, changes } = JSON.parse(run.stdout);
    expect(changes.length).toBeGreaterThan(0);
    expect(problems).toHaveLength(1);
    expect(problems[0].message).toContain("its file system is read-only");
    await dom0.text(["umount", "/var/lib/offload"]);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
  });

  test("prevents every change when it cannot be written: full disk, read-only /var", async () => {
    for (const mount of ["mount -t tmpfs -o size=4k,nr_inodes=1 t", "mount -t tmpfs -o ro t"]) {
      await using dom0 = await Dom0.start();
      const before = await readLiveState(dom0);
      await dom0.run([
        "sh",
        "-c",
        `mkdir -p -m 700 /var/lib/offload && ${mount} /var/lib/offload && chmod 700 /var/lib/offload; true`,
      ]);
      const run = await dom0.offload("disable", "ALL", "--yes");
      expect(run.exitCode).toBe(3);
      expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
      expect(await readLiveState(dom0)).toBe(before);
      expect(await listWrites(dom0)).toEqual([]);
    }
  });
});

describe("the lock", () => {
  test("makes a second run exit 3 and name the holder, or wait with --wait", async () => {
    await using dom0 = await Dom0.start({ vms: 30, vifs: 2 });
    await dom0.simulator.fault({ fault: "slow", ms: 15 });
    const first = dom0.spawn([OFFLOAD, "disable", "ALL", "--yes"]);
    while ((await listWrites(dom0)).length < 5) await Bun.sleep(10);
    const second = await dom0.offload("disable", "eth1");
    expect(second.exitCode).toBe(3);
    expect(second.stderr).toMatch(/another offload is at work \(process \d+: offload disable ALL\)/);
    const waiting = dom0.spawn([OFFLOAD, "disable", "eth1", "--wait", "60"]);
    await dom0.simulator.fault({ fault: "none" });
    expect((await first.exited).exitCode).toBe(0);
    expect((await waiting.exited).exitCode).toBe(0);
  });

  test("is not needed for reading, and is free after its holder was killed", async () => {
    await using dom0 = await Dom0.start({ vms: 30, vifs: 2 });
    await dom0.simulator.fault({ fault: "slow", ms: 15 });
    const first = dom0.spawn([OFFLOAD, "disable", "ALL", "--yes"]);
    while ((await listWrites(dom0)).length < 5) await Bun.sleep(10);
    expect((await dom0.offload("status")).exitCode).toBe(0);
    await first.signal("SIGKILL");
    await first.exited;
    await dom0.simulator.fault({ fault: "none" });
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
  });
});
