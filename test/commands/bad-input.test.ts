import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/**
 * One dom0 for all: none of these may change anything, which is looked at after each. It holds two
 * VMs of one name, VMs called `eth0` and `ALL`, and VMs whose names were chosen to do harm.
 */
let dom0: Dom0;
let before: string;

beforeAll(async () => {
  dom0 = await Dom0.start({
    scenarios: ["coordinator", "duplicates", "hostile", "tunnel", "sriov"],
  });
  before = await readLiveState(dom0);
});
afterAll(() => dom0.stop());

async function refused(args: readonly string[], code = 2): Promise<string> {
  await dom0.simulator.clearCalls();
  const run = await dom0.run([OFFLOAD, ...args]);
  expect({ args, exitCode: run.exitCode, stderr: run.stderr.slice(0, 300) }).toMatchObject({
    exitCode: code,
  });
  expect(run.stdout).toBe("");
  expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
  expect(run.stderr).not.toMatch(/[^\P{C}\n]/u);
  expect(run.stderr.length).toBeLessThan(700);
  expect(await listWrites(dom0)).toEqual([]);
  expect(await dom0.simulator.sessions()).toBe(0);
  return run.stderr;
}

describe("a bad command line exits 2 with one line that says what is wrong, and writes nothing", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["disable"], "ALL for the whole host"],
    [["disable", "all"], "in capital letters"],
    [["disable", "All", "--yes"], "in capital letters"],
    [["disable", "nics"], "in capital letters"],
    [["disable", "Vifs", "--yes"], "in capital letters"],
    [["disable", ""], "empty"],
    [["disable", "   "], "empty"],
    [["disable", "ALL", "--dry-rnu"], "did you mean --dry-run?"],
    [["disable", "ALL", "--frobnicate"], '"--frobnicate" is not a flag'],
    [["disable", "ALL", "-x"], '"-x" is not a flag'],
    [["disable", "ALL", "--features", "--dry-run"], "--features needs a value"],
    [["disable", "ALL", "--features", "sgo"], "did you mean sg?"],
    [["disable", "ALL", "--features", ""], "not a feature"],
    [["disable", "ALL", "--features=tso,,gso"], "not a feature"],
    [["disable", "eth1", "tx"], "pass --features tx"],
    [["disable", "eth1,eth2"], "separated by blanks: eth1 eth2"],
    [["disable", "eth[1-2]*"], "patterns are not read"],
    [["disable", "xenbr1"], "is the bridge of eth1; name eth1"],
    [["disable", "bond9"], "its bonds are bond0"],
    [["disable", "--host", "xcp-2"], "run offload there, or pass --pool"],
    [["disable", "--host=xcp-2"], "--host takes no value; it means: this whole host"],
    [["disable", "ALL", "--yes=no"], "--yes takes no value"],
    [["disable", "ALL", "--no-yes"], "not a flag"],
    [["disable", "ALL", "--no-record"], '"--no-record" is not a flag'],
    [["disable", "eth1", "--live-only", "--confirm-within", "60"], "exclude each other"],
    [["persist", "--features", "tso"], "--features requires a target"],
    [["persist", "--remove", "eth1"], "name no target with it"],
    [["confirm", "eth1"], "confirm takes no target"],
    [["guard"], '"guard" is not a command'],
    [["disable", "--vm"], "--vm needs a value"],
    [["toString"], '"toString" is not a command'],
    [["constructor"], '"constructor" is not a command'],
    [["__proto__"], '"__proto__" is not a command'],
    [["disabel", "ALL"], "did you mean disable?"],
    [["--yes", "disable", "ALL"], "the command comes first"],
    [["verify", "--stricct"], "did you mean --strict?"],
    [["status", "--toString"], "not a flag"],
  ];
  for (const [args, words] of cases) {
    test(`offload ${args.map((arg) => JSON.stringify(arg)).join(" ")}`, async () => {
      expect(await refused(args)).toContain(words);
    });
  }
});

describe("a target that cannot be changed", () => {
  test("refuses an unknown name with the closest ones", async () => {
    expect(await refused(["disable", "web1"])).toContain('the closest: "web 1"');
    expect(await refused(["disable", "eth9"])).toContain('"eth1"');
    expect(await refused(["disable", "no such thing at all"])).toContain("offload status");
  });

  test("refuses all targets when one is bad", async () => {
    expect(await refused(["disable", "web 1", "eth1", "nosuch"])).toContain('"nosuch"');
  });

  test("refuses a name that two VMs share, and lists their UUIDs, power states and hosts", async () => {
    const names = dom0.fixture.vms.map(({ record }) => record.name_label);
    const twice = names.find((name, index) => names.indexOf(name) !== index) ?? "";
    const message = await refused(["disable", twice]);
    const both = dom0.fixture.vms.filter(({ record }) => record.name_label === twice);
    expect(both).toHaveLength(2);
    for (const { record } of both) expect(message).toContain(record.uuid);
    expect(message).toMatch(/running on xcp-1|halted/);
  });

  test("refuses a name that is both a VM and a device, and suggests --vm and --pif", async () => {
    const message = await refused(["disable", "eth0"]);
    expect(message).toContain("--vm eth0");
    expect(message).toContain("--pif eth0");
  });

  test("refuses ALL when a VM has that name", async () => {
    const message = await refused(["disable", "ALL", "--yes"]);
    expect(message).toContain("--vm ALL");
    expect(message).toContain("--host");
  });

  test("refuses a template, by name and by UUID", async () => {
    const template = dom0.fixture.vms.find(({ record }) => record.is_a_template && !record.is_a_snapshot);
    expect(await refused(["disable", template?.record.name_label ?? ""])).toContain("template");
    expect(await refused(["disable", template?.record.uuid ?? ""])).toContain("template");
  });

  test("refuses the control domain", async () => {
    const control = dom0.fixture.vms.find(({ record }) => record.is_control_domain);
    expect(await refused(["disable", control?.record.uuid ?? ""])).toContain("control domain");
  });

  test("refuses a PIF of another host, and names the host", async () => {
    const theirs = dom0.fixture.pifs.find(({ record }) => record.host === dom0.fixture.other?.ref);
    expect(await refused(["disable", theirs?.record.uuid ?? ""])).toContain('host "xcp-2"');
  });

  test("refuses a tunnel and an SR-IOV logical PIF, and says why", async () => {
    const { pifs, host } = dom0.fixture;
    const mine = pifs.filter(({ record }) => record.host === host.ref);
    const tunnel = mine.find(({ record }) => record.tunnel_access_PIF_of.length > 0);
    expect(await refused(["disable", tunnel?.record.uuid ?? ""])).toContain("is a tunnel");
    const sriov = mine.find(({ record }) => record.sriov_logical_PIF_of.length > 0);
    expect(await refused(["disable", sriov?.record.uuid ?? ""])).toContain("SR-IOV");
  });

  test("refuses a snapshot", async () => {
    const snapshot = dom0.fixture.vms.find(({ record }) => record.is_a_snapshot);
    await refused(["disable", snapshot?.record.uuid ?? ""]);
  });
});

describe("names with two meanings", () => {
  test("refuses a VM named like a VIF's device, and ignores a VM named like a VIF's UUID", async () => {
    await using own = await Dom0.start();
    const { ref } = own.fixture.vm("backup");
    await own.simulator.set(["VM", ref, "name_label", "vif1.0"]);
    const both = await own.offload("disable", "vif1.0", "--dry-run");
    expect(both.exitCode).toBe(2);
    expect(both.stderr).toContain("both a VM and a device");
    const { uuid } = own.fixture.vif("web 1").record;
    await own.simulator.set(["VM", ref, "name_label", uuid]);
    const run = await own.offload("disable", uuid, "--dry-run", "--json");
    expect(JSON.parse(run.stdout).devices.map(({ device }: { device: string }) => device)).toEqual(["vif1.0"]);
  });

  test("ignores templates named ALL or eth0", async () => {
    await using own = await Dom0.start();
    const template = own.fixture.vms.find(({ record }) => record.is_a_template && !record.is_a_snapshot);
    for (const name of ["ALL", "eth0"]) {
      await own.simulator.set(["VM", template?.ref ?? "", "name_label", name]);
      expect((await own.offload("disable", name, "--dry-run")).exitCode).toBe(0);
    }
  });
});

describe("hostile names", () => {
  const nasty = [
    "'",
    '"; touch /tmp/owned #',
    "$(touch /tmp/owned)",
    "`touch /tmp/owned`",
    "a\nb",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202eevil",
    "x".repeat(10_000),
    "../../etc/passwd",
    "eth0\0",
    "-rf",
  ];
  for (const name of nasty) {
    test(`refuses the unknown target ${JSON.stringify(name.slice(0, 30))}`, async () => {
      // No argument of a process can hold a NUL.
      const target = name.replaceAll("\0", "");
      await refused(["disable", "--", `${target} `]);
    });
  }

  test("shows and changes VMs with such names, and executes none of them", async () => {
    await using own = await Dom0.start({ scenarios: ["hostile"] });
    const status = await own.offload("status");
    expect(status.exitCode).toBe(0);
    expect(status.stdout).not.toMatch(/[^\P{C}\n]/u);
    for (const { record } of own.fixture.running) {
      // An empty target is refused, and one of more than 1,024 characters: such a VM has its UUID.
      const isUsable = record.name_label.trim() !== "" && record.name_label.length <= 1024;
      const name = isUsable ? record.name_label : record.uuid;
      const run = await own.offload("disable", `--vm=${name}`, "--dry-run");
      expect(run.exitCode).toBe(0);
      expect(run.stdout).not.toMatch(/[^\P{C}\n]/u);
    }
    const done = await own.offload("disable", "ALL", "--yes");
    expect(done.exitCode).toBe(0);
    expect(done.stdout).not.toMatch(/[^\P{C}\n]/u);
    expect((await own.run(["ls", "/tmp/owned"])).exitCode).not.toBe(0);
  });
});

test("a dry run shows no previous value and no NIC's name raw, and its commands can be pasted", async () => {
  await using own = await Dom0.start({ nics: 2, vms: 1, vifs: 1 });
  const { ref, record } = own.fixture.vif("web 1");
  const value = "on \x1b]0;owned\x07\u202eno'; touch /tmp/owned #";
  await own.simulator.set(["VIF", ref, "other_config", { "ethtool-tx": value }]);
  await own.offload("disable", `${record.uuid}`, "--features", "tx");
  const { stdout } = await own.offload("restore", `${record.uuid}`, "--dry-run");
  expect(stdout).not.toMatch(/[^\P{C}\n]/u);
  const pasted = await own.run(["sh", "-c", `xe() { printf '%s\\n' "$3"; }\nethtool() { :; }\n${stdout}`]);
  expect(pasted.stdout).toContain(`other-config:ethtool-tx=${value}\n`);
  expect((await own.run(["ls", "/tmp/owned"])).exitCode).not.toBe(0);
  const device = "e\x1b[2J\u202eh";
  await own.text(["sh", "-c", 'ip link set eth1 down && ip link set eth1 name "$1"', "sh", device]);
  await own.simulator.set(["PIF", own.fixture.pif("eth1").ref, "device", device]);
  const persist = await own.offload("persist", "NICS", "--dry-run");
  expect(persist.stdout).not.toMatch(/[^\P{C}\n\t]/u);
  expect(persist.stdout).toContain("\\u{1b}");
});

test("the kernel is unchanged after all of these tests", async () => {
  expect(await readLiveState(dom0)).toBe(before);
});
