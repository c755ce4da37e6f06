import { describe, expect, test } from "bun:test";
import {
  listAllFeaturesOn,
  listFeaturesOn,
  listWrites,
  readLiveState,
  readOtherConfig,
  readSettings,
} from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/** What the toolstack reads of a VIF and netback can change. */
const VIF_KEYS = ["tx", "sg", "tso", "gso"].map((key) => `ethtool-${key}`);
const off = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, "off"]));

describe("disable ALL", () => {
  test("turns off everything that can be off, as the real ethtool sees it, and stores it", async () => {
    await using dom0 = await Dom0.start();
    const { fixture } = dom0;
    expect(await listAllFeaturesOn(dom0)).not.toEqual([]);

    const run = await dom0.offload("disable", "ALL", "--yes");

    expect(run.stderr).toBe("");
    expect(run.exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    // veth knows no ufo, and its lro is off and fixed: neither may be stored on a PIF.
    const storable = ["rx", "tx", "sg", "tso", "gso", "gro"].map((key) => `ethtool-${key}`);
    for (const device of ["eth0", "eth1", "eth2", "eth3"]) {
      expect(await readOtherConfig(dom0, "PIF", fixture.pif(device).ref)).toMatchObject(off(storable));
      expect(await readOtherConfig(dom0, "PIF", fixture.pif(device).ref)).not.toContainAnyKeys([
        "ethtool-ufo",
        "ethtool-lro",
      ]);
    }
    for (const name of ["web 1", "db", "backup"]) {
      const config = await readOtherConfig(dom0, "VIF", fixture.vif(name).ref);
      expect(config).toMatchObject(off(VIF_KEYS));
      expect(config).not.toContainAnyKeys(["ethtool-rx", "ethtool-ufo"]);
    }
    expect(await dom0.simulator.sessions()).toBe(0);
  });

  test("leaves templates, snapshots and the control domain alone", async () => {
    await using dom0 = await Dom0.start();
    const before = await dom0.simulator.database();
    await dom0.offload("disable", "ALL", "--yes");
    const after = await dom0.simulator.database();
    const others = dom0.fixture.vms.filter(({ record }) => record.is_a_template || record.is_control_domain);
    const vifs = others.flatMap((vm) => vm.vifs.map(({ ref }) => ref));
    expect(vifs.length).toBeGreaterThan(0);
    for (const ref of vifs) expect(after["VIF"]?.[ref]).toEqual(before["VIF"]?.[ref] ?? {});
  });

  test("replaces Xen Orchestra's ethtool-tx=true and touches no other key", async () => {
    await using dom0 = await Dom0.start();
    const vif = dom0.fixture.vif("pfSense");
    const before = await readOtherConfig(dom0, "VIF", vif.ref);
    expect(before).toMatchObject({ "ethtool-tx": "true" });
    const foreign = Object.entries(before).filter(([key]) => !key.startsWith("ethtool-"));
    expect(foreign.length).toBeGreaterThan(0);
    await dom0.offload("disable", "ALL", "--yes");
    const after = await readOtherConfig(dom0, "VIF", vif.ref);
    expect(after).toMatchObject({ ...Object.fromEntries(foreign), "ethtool-tx": "off" });
  });

  test("keeps the spelling of a setting that already means off", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.vif("db");
    await dom0.simulator.set(["VIF", ref, "other_config", { "ethtool-tx": "false" }]);
    await dom0.offload("disable", "db");
    expect(await readOtherConfig(dom0, "VIF", ref)).toMatchObject({ "ethtool-tx": "false" });
  });

  test("writes nothing in a second run, and says so", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.simulator.clearCalls();
    const second = await dom0.offload("disable", "ALL", "--yes");
    expect(second.exitCode).toBe(0);
    expect(second.stdout).toContain("Nothing had to be changed.");
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("reads a constant number of times, then writes once per setting, interface and running VM", async () => {
    const counts = await Promise.all(
      [20, 40].map(async (vms) => {
        await using dom0 = await Dom0.start({ nics: 1, vms, vifs: 1 });
        const run = await dom0.offload("disable", "ALL", "--yes", "--json");
        const { changes } = JSON.parse(run.stdout);
        const recorded = changes.filter((change: { layer: string }) => change.layer === "xapi");
        const replaced = recorded.filter((change: { from: unknown }) => change.from !== null);
        const calls = await dom0.simulator.calls();
        const written = calls.filter(({ write }) => write).length;
        const injected = calls.filter(({ method }) => method === "event.inject").length;
        // A text with each interface, and the standing rule with the host.
        const texts = new Set(recorded.map(({ uuid }: { uuid: string }) => uuid)).size + 1;
        expect(written).toBe(recorded.length + replaced.length + texts);
        expect(injected).toBe(vms);
        return calls.length - written - injected;
      }),
    );
    expect(counts[0]).toBe(counts[1] ?? Number.NaN);
  });

  test("announces running VMs only to xenopsd, whose copy would be outdated otherwise", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const injected = (await dom0.simulator.calls())
      .filter(({ method }) => method === "event.inject")
      .map(({ params }) => (Array.isArray(params) ? params.at(-1) : undefined));
    const running = dom0.fixture.running.filter((vm) => vm.vifs.length > 0).map(({ ref }) => ref);
    expect(injected.sort()).toEqual(running.sort());
  });
});

describe("the confirmation of ALL", () => {
  test("is refused without a terminal and without --yes, and nothing changes", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = await dom0.offload("disable", "ALL");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("--yes");
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  const question = "Turn these offloads off?";

  test("names host, management NIC, VMs, features and changes, and takes Enter for No", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const argv = [OFFLOAD, "disable", "ALL"];
    const run = await dom0.run(argv, { tty: true, answers: [{ prompt: question, input: "\r" }] });
    expect(run.exitCode).toBe(2);
    for (const text of ["xcp-1", "eth0 (management)", "web 1", "VIFs", "tso", "65 in the kernel"]) {
      expect(run.stdout).toContain(text);
    }
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("changes nothing on Ctrl-C, and ends by SIGINT", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const argv = [OFFLOAD, "disable", "ALL"];
    const run = await dom0.run(argv, { tty: true, answers: [{ prompt: question, input: "\x03" }] });
    // A parent that ignores SIGINT hands that on; the code then says what the signal cannot.
    expect(run.signal ?? run.exitCode).toBeOneOf(["SIGINT", 130]);
    expect(await readLiveState(dom0)).toBe(before);
    expect(await dom0.simulator.sessions()).toBe(0);
  });

  test.each([
    ["Esc", "\x1b"],
    ["Ctrl-D", "\x04"],
  ])("is cancelled by %s, says so, and changes nothing", async (_, input) => {
    await using dom0 = await Dom0.start({ nics: 1, vms: 1 });
    const before = await readLiveState(dom0);
    const run = await dom0.run([OFFLOAD, "disable", "ALL"], { tty: true, answers: [{ prompt: question, input }] });
    expect(run.exitCode).toBe(2);
    const screen = Bun.stripANSI(run.stdout);
    expect(screen).toMatch(/\[y\/N\] cancelled\r?\n/);
    expect(screen).toContain("offload: cancelled; nothing was changed");
    expect(screen).not.toMatch(/yes/i);
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("ignores arrow keys, whose first character is Esc", async () => {
    await using dom0 = await Dom0.start({ nics: 1, vms: 1 });
    const answers = [{ prompt: question, input: "\x1b[A\x1bOB\x1b[1;5Cn" }];
    const run = await dom0.run([OFFLOAD, "disable", "ALL"], { tty: true, answers });
    expect(run.exitCode).toBe(2);
    expect(run.stdout).toContain("not confirmed; nothing was changed");
  });

  test("continues after y", async () => {
    await using dom0 = await Dom0.start();
    const argv = [OFFLOAD, "disable", "ALL"];
    const run = await dom0.run(argv, { tty: true, answers: [{ prompt: question, input: "y" }] });
    expect(run.exitCode).toBe(0);
    // Bright black cannot be read on some backgrounds.
    expect(run.stdout).not.toContain("\x1b[90m");
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
  });

  test("is skipped for a single VM", async () => {
    await using dom0 = await Dom0.start();
    expect((await dom0.offload("disable", "web 1")).exitCode).toBe(0);
  });
});

describe("targets", () => {
  const bare = { rx: "off", tx: "off", sg: "off", tso: "off", gso: "off", gro: "off" };
  const pifSettings = off(Object.keys(bare).map((key) => `ethtool-${key}`));

  test("a VM means its own vifs only", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "web 1");
    expect(await listFeaturesOn(dom0, "vif1.0")).toEqual([]);
    expect(await listFeaturesOn(dom0, "vif1.1")).toEqual([]);
    expect(await listFeaturesOn(dom0, "vif2.0")).not.toEqual([]);
    expect(await listFeaturesOn(dom0, "eth0")).not.toEqual([]);
  });

  test("a vif includes its tap", async () => {
    await using dom0 = await Dom0.start();
    expect(await listFeaturesOn(dom0, "tap3.0")).not.toEqual([]);
    await dom0.offload("disable", "mail é");
    expect(await listFeaturesOn(dom0, "tap3.0")).toEqual([]);
  });

  test("a bond means its slaves, each with its own settings", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("disable", "bond0");
    expect(run.exitCode).toBe(0);
    for (const slave of ["eth2", "eth3"]) {
      expect(await listFeaturesOn(dom0, slave)).toEqual([]);
      const { ref } = dom0.fixture.pif(slave);
      expect(await readOtherConfig(dom0, "PIF", ref)).toMatchObject(pifSettings);
    }
    expect(await readOtherConfig(dom0, "PIF", dom0.fixture.pif("bond0").ref)).toEqual({});
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
  });

  test("a VLAN means the NIC under it", async () => {
    await using dom0 = await Dom0.start();
    const vlan = dom0.fixture.pifs.find(({ record }) => record.VLAN === 100);
    await dom0.offload("disable", vlan?.record.uuid ?? "");
    expect(await listFeaturesOn(dom0, "eth0")).toEqual([]);
    expect(await readOtherConfig(dom0, "PIF", dom0.fixture.pif("eth0").ref)).toMatchObject(pifSettings);
    expect(await readOtherConfig(dom0, "PIF", vlan?.ref ?? "")).toEqual({});
  });

  test("accepts the UUIDs of a PIF and of a VIF together", async () => {
    await using dom0 = await Dom0.start();
    const pif = dom0.fixture.pif("eth1").record.uuid;
    const vif = dom0.fixture.vif("pfSense", 1).record.uuid;
    const run = await dom0.offload("disable", pif, vif);
    expect(run.exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    expect(await listFeaturesOn(dom0, "vif4.1")).toEqual([]);
    expect(await listFeaturesOn(dom0, "vif4.0")).not.toEqual([]);
  });

  test("stores the settings of a VM on another host, and changes no local device with its domid", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["coordinator", "elsewhere"] });
    const { fixture } = dom0;
    const away = fixture.vms.find(
      ({ record }) => record.resident_on === fixture.other?.ref && !record.is_control_domain && record.VIFs.length > 0,
    );
    const before = await readLiveState(dom0);
    const run = await dom0.offload("disable", "--vm", away?.record.name_label ?? "");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain('live on the host "xcp-2"');
    expect(await readLiveState(dom0)).toBe(before);
    const vif = away?.vifs[0]?.ref ?? "";
    expect(await readOtherConfig(dom0, "VIF", vif)).toMatchObject(off(VIF_KEYS));
  });

  test("ALL counts the VMs on other hosts that it leaves out, and stores nothing on them", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["coordinator"] });
    const { fixture } = dom0;
    const run = await dom0.offload("disable", "ALL", "--yes");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/\d VMs? left out, which runs? on "xcp-2"/);
    const away = fixture.vms.filter(({ record }) => record.resident_on === fixture.other?.ref);
    for (const { ref } of away.flatMap((vm) => vm.vifs)) {
      expect(await readOtherConfig(dom0, "VIF", ref)).not.toContainAnyKeys(VIF_KEYS);
    }
  });

  test("stores the settings of a VM that is not running, and says when they take effect", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("disable", "backup");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("take effect when the VM is started");
  });

  test("writes no setting for a VIF on an SR-IOV network, which has no netback device", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["sriov"] });
    const run = await dom0.offload("disable", "ALL", "--yes");
    expect(run.exitCode).toBe(0);
    const networks = Object.values(dom0.fixture.database.PIF)
      .filter((pif) => pif.sriov_logical_PIF_of.length > 0)
      .map((pif) => pif.network);
    const vifs = dom0.fixture.vms.flatMap((vm) => vm.vifs).filter(({ record }) => networks.includes(record.network));
    expect(vifs.length).toBeGreaterThan(0);
    for (const { ref } of vifs) {
      expect(await readOtherConfig(dom0, "VIF", ref)).not.toContainAnyKeys(VIF_KEYS);
    }
  });

  test("finds NICs by the device name of their PIF, whatever that is", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["predictable"] });
    await dom0.offload("disable", "eno12429np0");
    expect(await listFeaturesOn(dom0, "eno12429np0")).toEqual([]);
  });
});

describe("safety", () => {
  test("neither stores a feature that is fixed on nor counts it as a failure", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["fixed"] });
    const run = await dom0.offload("disable", "ALL", "--yes");
    expect(run.exitCode).toBe(0);
    const config = await readOtherConfig(dom0, "PIF", dom0.fixture.pif("eth1").ref);
    expect(config).toMatchObject({ "ethtool-gso": "off", "ethtool-gro": "off" });
    expect(config).not.toContainAnyKeys(["ethtool-rx", "ethtool-tx", "ethtool-sg"]);
  });

  test("clears requested-on features too, so that none turns itself on later", async () => {
    await using dom0 = await Dom0.start();
    // Without scatter-gather the kernel holds tso and gso back: off, requested on.
    await dom0.setFeatures("vif1.0", "sg", "off");
    expect((await dom0.ethtool("vif1.0")).get("tx-tcp-segmentation")).toMatchObject({
      active: false,
      requested: true,
    });
    await dom0.offload("disable", "web 1");
    await dom0.setFeatures("vif1.0", "sg", "on");
    expect((await dom0.ethtool("vif1.0")).get("tx-tcp-segmentation")?.active).toBe(false);
    expect((await dom0.ethtool("vif1.0")).get("generic-segmentation-offload")?.active).toBe(false);
  });

  test("reports an interface that disappears between plan and write, and continues with the others", async () => {
    await using dom0 = await Dom0.start();
    // Between the plan and the writes the exact bits go to disk, which here takes a while.
    await dom0.run(["install", "-d", "-m", "700", "/var/lib/offload"]);
    const slow = ["strace", "-f", "-qq", "-e", "inject=fsync:delay_enter=3000000:when=1"];
    const log = "/run/dom0/strace.log";
    const command = dom0.spawn([...slow, "-e", "trace=fsync", "-o", log, OFFLOAD, "disable", "ALL", "--yes"]);
    while (!(await dom0.run(["cat", log])).stdout.includes("fsync(")) await Bun.sleep(20);
    await dom0.link.remove("vif2.0");
    const run = await command.exited;
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("vif2.0 (db): vanished before it was changed");
    expect(await listFeaturesOn(dom0, "vif3.0")).toEqual([]);
    expect(await listFeaturesOn(dom0, "vif4.1")).toEqual([]);
  });

  test("plans again after the confirmation: a VM that started meanwhile is changed too", async () => {
    await using dom0 = await Dom0.start();
    const command = dom0.spawn([OFFLOAD, "disable", "ALL"], { tty: true });
    await command.waitFor("Turn these offloads off?");
    const { ref } = dom0.fixture.vm("backup");
    await dom0.link.add("vif99.0");
    await dom0.simulator.set(
      ["VM", ref, "power_state", "Running"],
      ["VM", ref, "domid", 99],
      ["VM", ref, "resident_on", dom0.fixture.host.ref],
      ["VIF", dom0.fixture.vif("backup").ref, "currently_attached", true],
    );
    command.write("y");
    expect((await command.exited).exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "vif99.0")).toEqual([]);
  });

  test("--features limits the live change and the settings to the named features", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "--features", "gro,tso");
    const config = await readSettings(dom0, "PIF", dom0.fixture.pif("eth1").ref);
    expect(config).toEqual({ "ethtool-gro": "off", "ethtool-tso": "off" });
    const features = await dom0.ethtool("eth1");
    expect(features.get("tcp-segmentation-offload")?.active).toBe(false);
    expect(features.get("rx-checksumming")?.active).toBe(true);
  });

  test("changes an unmanaged PIF live, and stores no setting that nothing would read", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["unmanaged"] });
    await dom0.offload("disable", "ALL", "--yes");
    const unmanaged = dom0.fixture.pifs.find(({ record }) => !record.managed);
    expect(await listFeaturesOn(dom0, unmanaged?.record.device ?? "")).toEqual([]);
    expect(await readSettings(dom0, "PIF", unmanaged?.ref ?? "")).toEqual({});
  });
});

describe("--dry-run", () => {
  test("changes nothing", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = await dom0.offload("disable", "ALL", "--dry-run");
    expect(run.exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("prints ethtool commands that have the same live effect when a shell runs them", async () => {
    await using dom0 = await Dom0.start();
    const { stdout } = await dom0.offload("disable", "ALL", "--dry-run", "--live-only");
    const run = await dom0.run(["sh", "-e"], { stdin: stdout });
    expect(run.exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
  });

  test("prints xe commands for every setting that the real run writes", async () => {
    await using dom0 = await Dom0.start();
    const { stdout } = await dom0.offload("disable", "ALL", "--dry-run");
    const previewed = stdout.split("\n").flatMap((line) => {
      const [, uuid = "", settings = ""] = /^xe [pv]if-param-set uuid=(\S+) (.*) {2}# /.exec(line) ?? [];
      return settings.split(" ").flatMap((word) => {
        const key = /^other-config:(\S+)=off$/.exec(word)?.[1];
        return key === undefined ? [] : [uuid, key];
      });
    });
    const real = await dom0.offload("disable", "ALL", "--yes", "--json");
    const written = JSON.parse(real.stdout)
      .changes.filter((change: { layer: string }) => change.layer === "xapi")
      .flatMap((change: { uuid: string; feature: string }) => [change.uuid, `ethtool-${change.feature}`]);
    expect(previewed).toEqual(written);
  });
});

describe("--dry-run with nothing to do", () => {
  test("says so, and prints the same commands as JSON otherwise", async () => {
    await using dom0 = await Dom0.start();
    const dryRun = ["disable", "ALL", "--dry-run"] as const;
    const { commands } = JSON.parse((await dom0.offload(...dryRun, "--json")).stdout);
    expect((await dom0.offload(...dryRun)).stdout).toBe(`${commands.join("\n")}\n`);
    await dom0.offload("disable", "ALL", "--yes");
    expect((await dom0.offload(...dryRun)).stdout).toBe("# nothing to change\n");
    await dom0.offload("restore", "--yes");
    expect((await dom0.offload("restore", "--dry-run")).stdout).toBe("# nothing to change\n");
  });
});

describe("--live-only", () => {
  test("changes the kernel and writes nothing to XAPI", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("disable", "ALL", "--yes", "--live-only");
    expect(run.exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("changes devices when XAPI is down", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const run = await dom0.offload("disable", "eth0", "vif1.0", "--live-only");
    expect(run.exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "eth0")).toEqual([]);
    expect(await listFeaturesOn(dom0, "vif1.0")).toEqual([]);
  });

  test("cannot find a VM when XAPI is down", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const run = await dom0.offload("disable", "web 1", "--live-only");
    expect(run.exitCode).toBe(3);
  });
});
