import { describe, expect, test } from "bun:test";
import { listFeaturesOn, listWrites, readEtcState, readLiveState, readOtherConfig } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/** In a throwaway dom0 no systemd runs: these are about rc.local. test/lab boots real machines. */
const RC_LOCAL = "/etc/rc.d/rc.local";
const RULE = "/etc/udev/rules.d/zz-offload.rules";
const SCRIPT = "/etc/offload/disable-offloads";
const UNIT = "/etc/systemd/system/offload.service";

/** Boots, as far as offloads go: everything on again, then what rc.local says. */
async function boot(dom0: Dom0): Promise<void> {
  for (const device of ["eth0", "eth1", "eth2", "eth3"]) {
    const all = ["rx", "tx", "sg", "tso", "gso", "gro"].flatMap((feature) => [feature, "on"]);
    await dom0.setFeatures(device, ...all);
  }
  const run = await dom0.run(["sh", "-c", `[ -x ${RC_LOCAL} ] && mkdir -p /var/lock/subsys && exec ${RC_LOCAL}`]);
  expect({ stderr: run.stderr, exitCode: run.exitCode }).toEqual({ stderr: "", exitCode: 0 });
}

describe("persist", () => {
  test("exits 2 and writes nothing when the policy is empty", async () => {
    await using dom0 = await Dom0.start();
    const before = await readEtcState(dom0);
    const run = await dom0.offload("persist");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("the policy of this host is empty");
    expect(await readEtcState(dom0)).toBe(before);
  });

  test("covers every NIC and VIF after disable ALL, and a boot turns all of them off", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const run = await dom0.offload("persist");
    expect(run.exitCode).toBe(0);
    await boot(dom0);
    for (const device of ["eth0", "eth1", "eth2", "eth3"]) {
      expect(await listFeaturesOn(dom0, device)).toEqual([]);
    }
    expect(await dom0.text(["cat", RULE])).toContain('KERNEL=="vif[0-9]*.[0-9]*|tap[0-9]*.[0-9]*"');
  });

  test("finds the policy in XAPI after a reinstallation without /var/lib/offload", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.run(["rm", "-rf", "/var/lib/offload"]);
    const run = await dom0.offload("persist", "--json");
    const all = ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"];
    expect(JSON.parse(run.stdout).boot.covers).toEqual({
      nics: all,
      vifs: all,
      devices: { eth0: all, eth1: all, eth2: all, eth3: all },
      vms: {},
    });
  });

  test("covers the one NIC that was disabled, and no other", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "--features", "tso,gso");
    const run = await dom0.offload("persist", "--json");
    const { boot: layer } = JSON.parse(run.stdout);
    expect(layer.covers).toEqual({
      nics: [],
      vifs: [],
      devices: { eth1: ["tso", "gso"] },
      vms: {},
    });
    await boot(dom0);
    expect((await dom0.ethtool("eth1")).get("tcp-segmentation-offload")?.active).toBe(false);
    expect((await dom0.ethtool("eth0")).get("tcp-segmentation-offload")?.active).toBe(true);
  });

  test("writes nothing in a second run", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("persist");
    const stat = () => dom0.text(["stat", "-c", "%n %i %y", RC_LOCAL, RULE, SCRIPT]);
    const before = await stat();
    expect((await dom0.offload("persist")).exitCode).toBe(0);
    expect(await stat()).toBe(before);
  });

  test("leaves /etc as it was after --remove, modes and links included", async () => {
    await using dom0 = await Dom0.start();
    const before = await readEtcState(dom0);
    await dom0.offload("persist", "ALL", "--yes");
    expect(await readEtcState(dom0)).not.toBe(before);
    const run = await dom0.offload("persist", "--remove");
    expect(run.exitCode).toBe(0);
    expect(await readEtcState(dom0)).toBe(before);
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
  });

  test("prints every file with --dry-run, and changes nothing", async () => {
    await using dom0 = await Dom0.start();
    const before = await readEtcState(dom0);
    const run = await dom0.offload("persist", "ALL", "--dry-run");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain(`# ${RC_LOCAL}\n`);
    expect(run.stdout).toContain(`# ${RULE}\n`);
    expect(run.stdout).toContain(`# ${SCRIPT}\n`);
    expect(await readEtcState(dom0)).toBe(before);
  });

  test("puts its block right after the first line of rc.local, which may end early", async () => {
    await using dom0 = await Dom0.start();
    await dom0.run(["sh", "-c", `printf '#!/bin/sh -e\\nexit 0\\n' > ${RC_LOCAL}`]);
    expect((await dom0.offload("persist", "ALL", "--yes")).exitCode).toBe(0);
    const lines = (await dom0.text(["cat", RC_LOCAL])).split("\n");
    expect(lines.length).toBeLessThanOrEqual(7);
    expect(lines[0]).toBe("#!/bin/sh -e");
    expect(lines.at(-2)).toBe("exit 0");
    await boot(dom0);
    expect(await listFeaturesOn(dom0, "eth0")).toEqual([]);
  });

  test("checks rc.local with its own shell, as bash accepts what sh does not", async () => {
    await using dom0 = await Dom0.start();
    const write = (text: string) => dom0.run(["sh", "-c", `printf '${text}' > ${RC_LOCAL}`]);
    await write("#!/bin/bash\\na=(1 2)\\nread -r b < <(echo 3)\\n");
    expect((await dom0.offload("persist", "ALL", "--yes")).exitCode).toBe(0);
    for (const text of ["#!/bin/bash\\nif\\n", "#!/bin/nosuch/bash\\n:\\n"]) {
      await dom0.offload("persist", "--remove");
      await write(text);
      const before = await readEtcState(dom0);
      const run = await dom0.offload("persist", "ALL", "--yes");
      expect(run.exitCode).toBe(2);
      expect(run.stderr).toContain(RC_LOCAL);
      expect(await readEtcState(dom0)).toBe(before);
    }
  });

  test.each([SCRIPT, RULE, UNIT])("refuses a third-party %s by name, and changes nothing", async (path) => {
    await using dom0 = await Dom0.start();
    const live = await readLiveState(dom0);
    await dom0.run(["sh", "-c", `mkdir -p "$(dirname ${path})"; echo theirs > ${path}`]);
    const before = await readEtcState(dom0);
    const run = await dom0.offload("persist", "ALL", "--yes");
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(path);
    expect((await dom0.offload("persist", "ALL", "--dry-run")).exitCode).toBe(1);
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(1);
    expect(await readEtcState(dom0)).toBe(before);
    expect(await readLiveState(dom0)).toBe(live);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("covers a VM by its UUID", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("persist", "web 1", "--features", "gro", "--json");
    expect(run.exitCode).toBe(0);
    const uuid = dom0.fixture.vm("web 1").record.uuid;
    expect(JSON.parse(run.stdout).boot.covers.vms).toEqual({
      [uuid]: { features: ["gro"], vifs: {} },
    });
  });

  test("refuses an unknown method, --remove with a target, and ALL in small letters", async () => {
    await using dom0 = await Dom0.start();
    const before = await readEtcState(dom0);
    for (const args of [["ALL", "--method", "cron"], ["ALL", "--remove"], ["all"]]) {
      const run = await dom0.offload("persist", ...args);
      expect(run.exitCode).toBe(2);
      expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
    }
    expect(await readEtcState(dom0)).toBe(before);
  });

  test("refuses --method systemd where systemd does not run, and changes nothing", async () => {
    await using dom0 = await Dom0.start();
    const before = await readEtcState(dom0);
    const run = await dom0.offload("persist", "ALL", "--yes", "--method", "systemd");
    expect(run.exitCode).toBe(3);
    expect(await readEtcState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("removes the boot layer without XAPI", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "ALL", "--yes");
    await dom0.killXapi();
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
  });

  test("shows what it will turn off, and asks first", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "--features", "tso");
    await dom0.setFeatures("eth1", "tso", "on");
    const before = await readEtcState(dom0);
    const refused = await dom0.offload("persist");
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("everything in the policy");
    expect(await readEtcState(dom0)).toBe(before);
    const asked = await dom0.run([OFFLOAD, "persist"], {
      tty: true,
      answers: [{ prompt: "Turn these offloads off?", input: "y" }],
    });
    expect(asked.exitCode).toBe(0);
    expect(asked.stdout).toContain("eth1");
    expect((await dom0.ethtool("eth1")).get("tx-tcp-segmentation")?.active).toBe(false);
    // Nothing is on any more: nothing to ask.
    expect((await dom0.offload("persist")).exitCode).toBe(0);
  });

  test("installs the boot layer when a pending change is confirmed, and not before", async () => {
    await using dom0 = await Dom0.start();
    const before = await readEtcState(dom0);
    const pending = dom0.spawn([OFFLOAD, "persist", "eth1", "--confirm-within", "60"]);
    await pending.waitFor("offload confirm");
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    expect(await readEtcState(dom0)).toBe(before);
    const confirmed = await dom0.offload("confirm", "--json");
    expect(confirmed.exitCode).toBe(0);
    expect(JSON.parse(confirmed.stdout).boot.state).toBe("up-to-date");
    await pending.exited;
    expect((await dom0.offload("verify")).exitCode).toBe(0);
  });

  test("follows later changes of the policy: a disable, and the restore of one of two", async () => {
    await using dom0 = await Dom0.start();
    const covered = async () => {
      const { stdout } = await dom0.offload("verify", "--json");
      return JSON.parse(stdout).boot;
    };
    await dom0.offload("persist", "eth1", "--features", "tso");
    await dom0.offload("disable", "eth2", "--features", "gro");
    expect(await covered()).toMatchObject({
      state: "up-to-date",
      covers: { devices: { eth1: ["tso"], eth2: ["gro"] } },
    });
    await dom0.offload("restore", "eth1");
    expect((await covered()).covers.devices).toEqual({ eth2: ["gro"] });
    await dom0.offload("restore", "eth2");
    expect(await covered()).toEqual({ method: null, state: "not-installed", covers: null });
  });
});

test("persist --dry-run changes no device and stores nothing", async () => {
  await using dom0 = await Dom0.start();
  const before = await readLiveState(dom0);
  await dom0.run([OFFLOAD, "persist", "eth1", "--dry-run"]);
  expect(await readLiveState(dom0)).toBe(before);
  expect(await readOtherConfig(dom0, "PIF", dom0.fixture.pif("eth1").ref)).toEqual({});
});
