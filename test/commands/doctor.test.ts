import { describe, expect, test } from "bun:test";
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/** Writes a file inside, with its permissions. */
async function put(dom0: Dom0, path: string, text: string, mode = "644"): Promise<void> {
  const script = 'mkdir -p "$(dirname "$1")" && printf "%s" "$2" > "$1" && chmod "$3" "$1"';
  await dom0.text(["sh", "-c", script, "put", path, text, mode]);
}

async function document(dom0: Dom0, ...flags: readonly string[]) {
  const { stdout, exitCode } = await dom0.offload("doctor", "--json", ...flags);
  const report = JSON.parse(stdout);
  expect(report.exitCode).toBe(exitCode);
  return report;
}

/** Runs doctor where something was done to the file system first, seen by nobody else. */
function doctorAfter(dom0: Dom0, script: string) {
  return dom0.run(["unshare", "--mount", "sh", "-ec", `${script}\nexec ${OFFLOAD} doctor`]);
}

const WITHOUT_ETHTOOL = `
real=$(dirname "$(readlink -f "$(command -v ethtool)")")
mkdir -p /run/upper /run/work
mount -t overlay overlay -o lowerdir=$real,upperdir=/run/upper,workdir=/run/work $real
rm -f $real/ethtool`;

describe("doctor", () => {
  test("describes a host on one page of 80 columns, and changes nothing", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = await dom0.offload("doctor");
    expect(run.exitCode).toBe(1);
    for (const words of ["XCP-ng 8.3.0", "26.1.4", "4.17.5-13", "eth0: veth", '"web 1"']) {
      expect(run.stdout).toContain(words);
    }
    expect(run.stdout).toContain("offload disable ALL");
    const wide = run.stdout.split("\n").filter((line) => Bun.stringWidth(line) > 80);
    // A command stays in one piece, so that it can be copied.
    for (const line of wide) expect(line).toMatch(/^ {4}\S/);
    expect(run.stdout.split("\n").length).toBeLessThan(80);
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
    expect(await dom0.simulator.sessions()).toBe(0);
  });

  test("uses 80 columns at a terminal that does not know its size", async () => {
    await using dom0 = await Dom0.start();
    // A pseudo terminal that script makes without having one itself has no size.
    const run = await dom0.run(["script", "-qc", `${OFFLOAD} doctor --no-color`, "/dev/null"]);
    const sized = await dom0.run([OFFLOAD, "doctor", "--no-color"], { tty: true });
    expect(run.stdout.split("\n").length).toBe(sized.stdout.split("\n").length);
  });

  test("prints one page on a large host", async () => {
    await using dom0 = await Dom0.start({ vms: 100, vifs: 2 });
    const run = await dom0.offload("doctor");
    expect(run.stdout.split("\n").length).toBeLessThan(90);
  });

  test("advises nothing when everything is off, stored and persisted", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("persist", "ALL", "--yes", "--method", "rc.local");
    const { ref } = dom0.fixture.vif("db");
    await dom0.simulator.set(["VIF", ref, "other_config", {}]);
    await dom0.offload("disable", "ALL", "--yes");
    const run = await dom0.offload("doctor");
    expect(run.stdout).toContain("Nothing: everything that can be off is off, and stays off.");
    expect(run.exitCode).toBe(0);
    const { boot, devices, diagnosis } = await document(dom0);
    const eth1 = devices.find(({ device }: { device: string }) => device === "eth1");
    expect(boot.covers.devices.eth1 ?? boot.covers.nics).toContain("gro");
    expect(eth1.features.tso.xapi).toBe("off");
    expect(diagnosis.hooks).toEqual([]);
    const notes = diagnosis.stateFiles.map(({ file }: { file: string }) => file);
    expect(notes).toContain("/var/lib/offload/kernel-bits.json");
  });

  test("advises nothing when the policy is met, and never more than the policy asks for", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "pfSense", "--features", "tx");
    const met = await document(dom0);
    expect(met.exitCode).toBe(0);
    expect(met.problems).toEqual([]);
    await dom0.setFeatures("vif4.0", "tx", "on");
    const { exitCode, advice } = await document(dom0);
    expect(exitCode).toBe(1);
    expect(advice.filter((line: string) => line.startsWith("offload"))).toEqual([
      "offload disable vif4.0 --features tx",
      "offload persist",
    ]);
  });

  test("advises commands that fix what it finds", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["fixed"] });
    const { ref, record } = dom0.fixture.pif("eth1");
    await dom0.simulator.set(["PIF", ref, "other_config", { "ethtool-rx": "off" }]);
    const { advice } = await document(dom0);
    expect(advice).toContain("offload disable ALL");
    expect(advice).toContain("offload persist");
    expect(advice).toContain(`xe pif-param-remove uuid=${record.uuid} param-name=other-config param-key=ethtool-rx`);
    const { uuid } = dom0.fixture.vif("db").record;
    const remove = `xe vif-param-remove uuid=${uuid} param-name=other-config param-key="$k"`;
    expect(advice).toContain(`for k in ethtool-gro ethtoolrx; do ${remove}; done`);
  });

  test("shows the driver and firmware that ethtool -i shows", async () => {
    await using dom0 = await Dom0.start();
    const { diagnosis } = await document(dom0);
    const told = await dom0.text(["ethtool", "-i", "eth0"]);
    const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(told)?.[1] || null;
    expect(diagnosis.nics[0]).toMatchObject({
      device: "eth0",
      driver: field("driver"),
      version: field("version"),
      firmware: field("firmware-version"),
      bus: field("bus-info"),
    });
    expect(diagnosis.nics.map(({ device }: { device: string }) => device)).toEqual(["eth0", "eth1", "eth2", "eth3"]);
  });

  test("finds third-party hooks in every place, and says which of them do not run", async () => {
    await using dom0 = await Dom0.start();
    await put(
      dom0,
      "/etc/rc.d/rc.local",
      "#!/bin/bash\n# ethtool -K eth0 gro off\nethtool -K eth1 tso on\n/opt/fix.sh &\n",
    );
    await put(dom0, "/opt/fix.sh", "#!/bin/sh\nfor n in 0 1; do\n  ethtool \\\n    -K eth$n tx off\ndone\n");
    await put(
      dom0,
      "/etc/udev/rules.d/50-nic.rules",
      'ACTION=="add", SUBSYSTEM=="net", RUN+="/sbin/ethtool -K $name lro off"\n',
    );
    await put(dom0, "/etc/xapi.d/vif-hotplug", "#!/bin/sh\nlogger plugged\n", "755");
    await put(dom0, "/etc/systemd/system/nic.service", "[Service]\nExecStart=/sbin/ethtool -K eth0 sg off\n");
    await put(dom0, "/etc/cron.d/nic", "0 3 * * * root xe pif-param-set uuid=u other-config:ethtool-tx=off\n");
    await put(dom0, "/etc/sysconfig/network-scripts/ifcfg-eth0", 'DEVICE=eth0\nETHTOOL_OPTS="-K eth0 gso off"\n');
    await put(dom0, "/etc/modprobe.d/bnx2x.conf", "options bnx2x disable_tpa=1\n");
    await dom0.offload("persist", "ALL", "--yes", "--method", "systemd");
    const { diagnosis } = await document(dom0);
    const found = diagnosis.hooks.map(
      ({ path, line, type }: { path: string; line: number; type: string }) => `${path}:${line} ${type}`,
    );
    expect(found).toEqual([
      "/etc/rc.d/rc.local:3 rc.local",
      "/opt/fix.sh:3 script",
      "/etc/udev/rules.d/50-nic.rules:1 udev rule",
      "/etc/systemd/system/nic.service:2 systemd unit",
      "/etc/xapi.d/vif-hotplug:0 toolstack hook",
      "/etc/cron.d/nic:1 cron",
      "/etc/sysconfig/network-scripts/ifcfg-eth0:2 network script",
      "/etc/modprobe.d/bnx2x.conf:1 module options",
    ]);
    const [rcLocal, script, rule, unit] = diagnosis.hooks;
    expect(rcLocal).toMatchObject({
      turnsOn: true,
      inactiveReason: expect.stringContaining("executable"),
    });
    expect(script).toMatchObject({
      turnsOn: false,
      inactiveReason: expect.stringContaining("executable"),
    });
    expect(rule).toMatchObject({ inactiveReason: null });
    expect(unit).toMatchObject({ inactiveReason: "it is not enabled" });
    const page = (await dom0.offload("doctor")).stdout;
    expect(page).toContain("vi +3 /etc/rc.d/rc.local");
  });

  test("finds settings on networks, and on PIFs that have no NIC of their own", async () => {
    await using dom0 = await Dom0.start();
    const [ref = ""] = Object.keys((await dom0.simulator.database())["network"] ?? {});
    await dom0.simulator.set(["network", ref, "other_config", { "ethtool-gro": "off" }]);
    const bond = dom0.fixture.pif("bond0");
    await dom0.simulator.set(["PIF", bond.ref, "other_config", { "ethtool-gso": "off" }]);
    const { diagnosis, advice } = await document(dom0);
    expect(diagnosis.networkSettings).toMatchObject([
      { key: "ethtool-gro", reason: expect.stringContaining("not for NICs or VIFs") },
    ]);
    expect(diagnosis.ineffectiveSettings).toContainEqual(
      expect.objectContaining({ name: "bond0", key: "ethtool-gso" }),
    );
    expect(advice.filter((line: string) => line.startsWith("xe network-param-remove"))).toHaveLength(1);
  });

  test("refuses a target", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("doctor", "eth0");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("takes no target");
  });
});

describe("doctor on a damaged host", () => {
  test("shows the kernel's view without XAPI: exits 1 when it finds a problem there, else 3", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const run = await dom0.offload("doctor");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("XCP-ng 8.3.0");
    expect(run.stdout).toContain("eth0: veth");
    expect(run.stdout).toContain("XAPI does not answer");
    expect(run.stdout).toContain("xe-toolstack-restart");
    for (const { name } of dom0.fixture.devices) {
      await dom0.text(["sh", "-c", `ethtool -K ${name} rx off tx off sg off tso off gso off gro off || :`]);
    }
    expect((await dom0.offload("doctor")).exitCode).toBe(3);
  });

  test("shows everything else when XAPI fails halfway", async () => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault({ fault: "http500", method: "network.get_all_records" });
    const report = await document(dom0);
    expect(report.diagnosis.unreadable).toHaveLength(1);
    expect(report.devices.length).toBeGreaterThan(8);
  });

  test("warns when ethtool is missing, which others need", async () => {
    await using dom0 = await Dom0.start();
    const run = await doctorAfter(dom0, WITHOUT_ETHTOOL);
    expect(run.stdout).toMatch(/ethtool +not known/);
    expect(run.stdout).toContain("yum install ethtool");
    const broken = "mount --bind /dev/null $(readlink -f $(command -v ethtool))";
    expect((await doctorAfter(dom0, broken)).stdout).toMatch(/ethtool +not known/);
  });

  test("names unreadable files, and reads the others", async () => {
    await using dom0 = await Dom0.start();
    await dom0.text(["sh", "-c", "rm -f /etc/rc.d/rc.local && mkdir /etc/rc.d/rc.local"]);
    await dom0.text(["sh", "-c", "mkdir -p /etc/cron.d && ln -s loop /etc/cron.d/loop"]);
    await put(dom0, "/etc/cron.d/nic", "0 3 * * * root ethtool -K eth0 tx off\n");
    const report = await document(dom0);
    const what = report.diagnosis.unreadable.map((one: { path: string }) => one.path);
    expect(report.boot.state).toBe("not-installed");
    expect(what).toContain("/etc/cron.d/loop");
    expect(report.diagnosis.hooks).toHaveLength(1);
  });

  test("describes a machine that is not a dom0, says so, and exits 3", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["not-dom0"] });
    const run = await dom0.offload("doctor");
    expect(run.stdout).toContain("this is no XenServer or XCP-ng dom0");
    expect(run.stdout).toContain("eth0: veth");
    expect([1, 3]).toContain(run.exitCode ?? -1);
  });

  test("shows the versions without /sys, names what it could not read, and exits 3", async () => {
    await using dom0 = await Dom0.start();
    const run = await doctorAfter(dom0, "mount -t tmpfs tmpfs /sys");
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toContain("XCP-ng 8.3.0");
    expect(run.stdout).toContain("is /sys mounted?");
  });
});
