import { describe, expect, test } from "bun:test";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { allStillOn, liveState, otherConfig, stillOn, writes } from "./truth.ts";

/** Every record of every PIF and VIF, to see that nothing of them changed. */
async function records(dom0: Dom0): Promise<unknown> {
  const { PIF, VIF } = await dom0.simulator.database();
  return { PIF, VIF };
}

async function fileNames(dom0: Dom0): Promise<string[]> {
  const { stdout } = await dom0.run(["ls", "-A", "/var/lib/offload"]);
  return stdout.split("\n").filter((name) => name !== "" && name !== "lock");
}

describe("restore", () => {
  test("after disable ALL kernel and XAPI are as before, bit for bit, and the journal is empty", async () => {
    await using dom0 = await Dom0.start();
    const [live, recorded] = [await liveState(dom0), await records(dom0)];
    await dom0.offload("disable", "ALL", "--yes");
    expect(await liveState(dom0)).not.toBe(live);
    const run = await dom0.offload("restore", "--yes");
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(await liveState(dom0)).toBe(live);
    expect(await records(dom0)).toEqual(recorded);
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("first touch wins: what a second disable finds is not taken for the original", async () => {
    await using dom0 = await Dom0.start();
    const live = await liveState(dom0);
    await dom0.offload("disable", "ALL", "--yes", "--features", "tso");
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("restore", "--yes");
    expect(await liveState(dom0)).toBe(live);
  });

  test("what was latent or off before is latent or off again", async () => {
    await using dom0 = await Dom0.start();
    await dom0.setFeatures("vif1.0", "sg", "off");
    await dom0.setFeatures("eth1", "gro", "off", "rx", "off");
    const live = await liveState(dom0);
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("restore", "--yes");
    expect(await liveState(dom0)).toBe(live);
  });

  test("only the targets that are named; the rest stays in the journal", async () => {
    await using dom0 = await Dom0.start();
    const live = await liveState(dom0);
    await dom0.offload("disable", "ALL", "--yes");
    expect((await dom0.offload("restore", "eth1", "web 1")).exitCode).toBe(0);
    expect(await stillOn(dom0, "eth1")).not.toEqual([]);
    expect(await stillOn(dom0, "vif1.0")).not.toEqual([]);
    expect(await stillOn(dom0, "eth0")).toEqual([]);
    await dom0.offload("restore", "--yes");
    expect(await liveState(dom0)).toBe(live);
  });

  test("everything is asked for first; without a terminal and without --yes it is refused", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const run = await dom0.offload("restore");
    expect(run.exitCode).toBe(2);
    expect(await allStillOn(dom0)).toEqual([]);
    const asked = await dom0.run([OFFLOAD, "restore"], {
      tty: true,
      answers: [{ when: "as they were?", say: "y" }],
    });
    expect(asked.exitCode).toBe(0);
    expect(await allStillOn(dom0)).not.toEqual([]);
  });

  test("--dry-run prints commands that do the same, and touches nothing", async () => {
    await using dom0 = await Dom0.start();
    const live = await liveState(dom0);
    await dom0.offload("disable", "eth1", "--no-record");
    const { stdout } = await dom0.offload("restore", "--dry-run");
    expect(await stillOn(dom0, "eth1")).toEqual([]);
    expect((await dom0.run(["sh", "-e"], { stdin: stdout })).exitCode).toBe(0);
    expect(await liveState(dom0)).toBe(live);
  });

  test("a record that somebody changed since is a conflict, named, and put back with --force only", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    const { ref } = dom0.world.pif("eth1");
    const config = await otherConfig(dom0, "PIF", ref);
    await dom0.simulator.set(["PIF", ref, "other_config", { ...config, "ethtool-tso": "on" }]);
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain(
      'eth1: ethtool-tso was absent before, and somebody has made it "on" since',
    );
    expect(await otherConfig(dom0, "PIF", ref)).toEqual({ "ethtool-tso": "on" });
    expect((await dom0.offload("restore", "--yes", "--force")).exitCode).toBe(0);
    expect(await otherConfig(dom0, "PIF", ref)).toEqual({});
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("a VIF that was deleted: told of, and forgotten", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "web 1");
    await dom0.simulator.remove(["VIF", dom0.world.vif("web 1", 1).ref]);
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("does not exist any more");
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("a VM that was rebooted: its new device is as its old one was before", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "db");
    const vm = dom0.world.vm("db");
    await dom0.link.remove("vif2.0");
    await dom0.link.add("vif77.0");
    // As the hotplug script leaves it, which applies our records.
    await dom0.setFeatures("vif77.0", "tx", "off", "sg", "off", "tso", "off", "gso", "off");
    await dom0.simulator.set(["VM", vm.ref, "domid", 77]);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    const features = await dom0.ethtool("vif77.0");
    expect(features.get("tcp-segmentation-offload")?.active).toBe(true);
    expect(features.get("scatter-gather")?.active).toBe(true);
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("a VM that has migrated away: its records are put back, and its devices are not ours any more", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["coordinator"] });
    const { world } = dom0;
    const before = await otherConfig(dom0, "VIF", world.vif("web 1").ref);
    await dom0.offload("disable", "web 1");
    await dom0.simulator.set(["VM", world.vm("web 1").ref, "resident_on", world.other?.ref ?? ""]);
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("its VM runs on xcp-2 now");
    expect(await otherConfig(dom0, "VIF", world.vif("web 1").ref)).toEqual(before);
    expect(await stillOn(dom0, "vif1.0")).toEqual([]);
  });

  test("with nothing to put back it says so: exit code 0, no write", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("Nothing had to be changed.");
    expect(await writes(dom0)).toEqual([]);
  });

  test("what was changed without XAPI is put back without XAPI", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const live = await liveState(dom0);
    await dom0.offload("disable", "eth1", "--no-record");
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await liveState(dom0)).toBe(live);
  });

  test("XAPI that dies on the way leaves the rest in the journal; the next run completes it", async () => {
    await using dom0 = await Dom0.start();
    const [live, recorded] = [await liveState(dom0), await records(dom0)];
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.simulator.fault({ fault: "die", method: "VIF.remove_from_other_config", after: 5 });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(1);
    await dom0.simulator.fault({ fault: "none" });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await liveState(dom0)).toBe(live);
    expect(await records(dom0)).toEqual(recorded);
    expect(await fileNames(dom0)).toEqual([]);
  });
});

describe("the journal", () => {
  const JOURNAL = "/var/lib/offload/journal.json";

  test("its directory is 0700, its file 0600, and no session or secret is in it", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const modes = await dom0.text(["stat", "-c", "%a", "/var/lib/offload", JOURNAL]);
    expect(modes).toBe("700\n600\n");
    expect(await dom0.text(["cat", JOURNAL])).not.toContain("OpaqueRef");
  });

  const damages: readonly (readonly [string, string, string])[] = [
    ["damaged", `echo '{"version":1,' > ${JOURNAL}`, "was damaged and is now"],
    ["of a newer version", `echo '{"version":2}' > ${JOURNAL}`, "newer version"],
    ["a link", `mv ${JOURNAL} /tmp/j; ln -s /tmp/j ${JOURNAL}`, "symbolic link"],
  ];
  for (const [what, command, words] of damages) {
    test(`${what}: disable and restore end with 3, and nothing is touched`, async () => {
      await using dom0 = await Dom0.start();
      await dom0.offload("disable", "eth1");
      const before = await liveState(dom0);
      await dom0.simulator.clearCalls();
      for (const args of [
        ["disable", "eth0"],
        ["restore", "--yes"],
      ] as const) {
        await dom0.run(["sh", "-c", command]);
        const run = await dom0.offload(...args);
        expect(run.exitCode).toBe(3);
        expect(run.stderr).toContain(words);
      }
      expect(await liveState(dom0)).toBe(before);
      expect(await writes(dom0)).toEqual([]);
    });
  }

  test("links in place of its files are followed by nobody: what they lead to stays as it is", async () => {
    for (const name of ["journal.json", "disabled.json", "trial.json", "lock"]) {
      await using dom0 = await Dom0.start();
      const link = `mkdir -m 700 /var/lib/offload; echo mine > /root/victim; ln -s /root/victim /var/lib/offload/${name}`;
      await dom0.run(["sh", "-c", link]);
      for (const args of [
        ["disable", "eth0"],
        ["restore", "--yes"],
        ["persist", "eth0"],
        ["disable", "eth1", "--confirm-within", "5"],
        ["confirm"],
      ]) {
        await dom0.offload(...args);
        expect(await dom0.text(["cat", "/root/victim"]), `${name}: ${args.join(" ")}`).toBe(
          "mine\n",
        );
        expect(await dom0.text(["readlink", `/var/lib/offload/${name}`])).toBe("/root/victim\n");
      }
    }
  }, 60_000);

  test("where nothing can be noted nothing is changed: a full disk, a read-only /var", async () => {
    for (const mount of ["mount -t tmpfs -o size=4k,nr_inodes=2 t", "mount -t tmpfs -o ro t"]) {
      await using dom0 = await Dom0.start();
      const before = await liveState(dom0);
      await dom0.run([
        "sh",
        "-c",
        `mkdir -p -m 700 /var/lib/offload && ${mount} /var/lib/offload && chmod 700 /var/lib/offload; true`,
      ]);
      const run = await dom0.offload("disable", "ALL", "--yes");
      expect(run.exitCode).toBe(3);
      expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
      expect(await liveState(dom0)).toBe(before);
      expect(await writes(dom0)).toEqual([]);
    }
  });
});

describe("one at a time", () => {
  test("a second run says who is at work and ends with 3; with --wait it waits", async () => {
    await using dom0 = await Dom0.start({ vms: 30, vifs: 2 });
    await dom0.simulator.fault({ fault: "slow", ms: 15 });
    const first = dom0.spawn([OFFLOAD, "disable", "ALL", "--yes"]);
    while ((await writes(dom0)).length < 5) await Bun.sleep(10);
    const second = await dom0.offload("disable", "eth1");
    expect(second.exitCode).toBe(3);
    expect(second.stderr).toMatch(
      /another offload is at work \(process \d+: offload disable ALL\)/,
    );
    const waiting = dom0.spawn([OFFLOAD, "disable", "eth1", "--wait", "60"]);
    await dom0.simulator.fault({ fault: "none" });
    expect((await first.exited).exitCode).toBe(0);
    expect((await waiting.exited).exitCode).toBe(0);
  });

  test("the lock dies with its holder, and readers need none", async () => {
    await using dom0 = await Dom0.start({ vms: 30, vifs: 2 });
    await dom0.simulator.fault({ fault: "slow", ms: 15 });
    const first = dom0.spawn([OFFLOAD, "disable", "ALL", "--yes"]);
    while ((await writes(dom0)).length < 5) await Bun.sleep(10);
    expect((await dom0.offload("status")).exitCode).toBe(0);
    await first.signal("SIGKILL");
    await first.exited;
    await dom0.simulator.fault({ fault: "none" });
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
  });
});
