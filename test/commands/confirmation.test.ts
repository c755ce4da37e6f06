import { describe, expect, test } from "bun:test";
import { listAllFeaturesOn, listFeaturesOn, listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

const SSH = { SSH_CONNECTION: "192.0.2.7 51000 192.0.2.1 22" };
const WARNING = "you are logged in over SSH, and eth0 carries the management traffic";

describe("what goes beyond VMs, VIFs and NICs that were named one by one", () => {
  test.each([
    [["disable", "ALL"]],
    [["disable", "NICS"]],
    [["disable", "web 1", "VIFS"]],
    [["persist"]],
    [["persist", "ALL"]],
    [["restore"]],
    [["restore", "ALL"]],
    [["restore", "NICS"]],
  ])("is refused without a terminal and --yes, and changes nothing: %j", async (args) => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "web 1", "--features", "tso");
    await dom0.setFeatures("vif1.0", "tso", "on");
    const before = await readLiveState(dom0);
    await dom0.simulator.clearCalls();
    const run = await dom0.offload(...args);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toMatch(/^offload: refusing to [^\n]* without confirmation: [^\n]*; pass --yes\n$/);
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("is shown with the management NIC marked, by restore as by disable", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const answers = [{ prompt: "[y/N]", input: "n" }];
    for (const args of [["restore"], ["restore", "NICS"]]) {
      const run = await dom0.run([OFFLOAD, ...args], { tty: true, answers });
      expect(run.exitCode).toBe(2);
      expect(run.stdout).toMatch(/NICs +eth0 \(management\), eth1/);
      expect(run.stdout).toContain("not confirmed; nothing was changed");
    }
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
  });

  test.each(["persist", "restore"])("asks nothing of %s where there is nothing to do", async (command) => {
    await using dom0 = await Dom0.start({ nics: 1, vms: 1 });
    if (command === "persist") await dom0.offload("persist", "ALL", "--yes");
    const run = await dom0.offload(command, ...(command === "persist" ? ["ALL"] : []));
    expect(run.exitCode).toBe(0);
    expect(run.stderr).not.toContain("without confirmation");
  });
});

describe("over SSH, with a management NIC among the devices,", () => {
  test("the question says so and offers --confirm-within", async () => {
    await using dom0 = await Dom0.start();
    const answers = [{ prompt: "[y/N]", input: "n" }];
    const run = await dom0.run([OFFLOAD, "disable", "NICS"], { tty: true, env: SSH, answers });
    const screen = Bun.stripANSI(run.stdout).replaceAll(/\s+/g, " ");
    expect(screen).toContain(WARNING);
    expect(screen.indexOf("--confirm-within 60")).toBeLessThan(screen.indexOf("[y/N]"));
  });

  test.each(["NICS", "eth0"])("--yes says so on stderr before it changes %s", async (target) => {
    await using dom0 = await Dom0.start();
    const run = await dom0.run([OFFLOAD, "disable", target, "--yes"], { env: SSH });
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toBe(`offload: ${WARNING}: --confirm-within 60 reverts the change unless you confirm it\n`);
    const again = await dom0.run([OFFLOAD, "disable", target, "--yes"], { env: SSH });
    expect(again.stderr).toBe("");
    const restored = await dom0.run([OFFLOAD, "restore", target, "--yes"], { env: SSH });
    expect(restored.stderr).toContain(WARNING);
  });

  test("a change of other devices, and one that is reverted by itself, say nothing", async () => {
    await using dom0 = await Dom0.start();
    expect((await dom0.run([OFFLOAD, "disable", "eth1", "web 1"], { env: SSH })).stderr).toBe("");
    const answers = [{ prompt: "[y/N]", input: "y" }];
    const args = ["disable", "eth0", "--confirm-within", "30"];
    const run = await dom0.run([OFFLOAD, ...args], { tty: true, env: SSH, answers });
    expect(run.exitCode).toBe(0);
    expect(run.stdout).not.toContain("SSH");
  });
});

describe("restore beside a pending change", () => {
  test("leaves one of other devices alone, and refuses where they overlap", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth2", "--features", "tso");
    const pending = dom0.spawn([OFFLOAD, "disable", "eth1", "--confirm-within", "60"]);
    await pending.waitFor("keep this with");
    expect((await dom0.offload("restore", "eth2")).exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "eth2")).toContain("tx-tcp-segmentation");
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    for (const args of [
      ["eth1", "eth2"],
      ["NICS", "--yes"],
      ["eth2", "--confirm-within", "30"],
    ]) {
      const refused = await dom0.offload("restore", ...args);
      expect(refused).toMatchObject({ exitCode: 3, stdout: "" });
      expect(refused.stderr).toMatch(/is pending, and reverted in \d+ seconds; keep it with offload confirm/);
    }
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    expect((await dom0.offload("confirm")).exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    await pending.exited;
  });
});

describe("without XAPI", () => {
  test.each(["ALL", "VIFS"])("disable %s --live-only works on the kernel's own vifs and taps", async (target) => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const before = await readLiveState(dom0);
    const refused = await dom0.offload("disable", target, "--live-only");
    expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
    expect(await readLiveState(dom0)).toBe(before);
    const run = await dom0.offload("disable", target, "--live-only", "--yes");
    expect(run.exitCode).toBe(0);
    for (const device of ["vif1.0", "vif4.1", "tap3.0"]) expect(await listFeaturesOn(dom0, device)).toEqual([]);
    // What XAPI has stored could not be looked at.
    expect((await dom0.offload("restore", target, "--yes")).exitCode).toBe(1);
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("doctor advises no command that needs XAPI", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const { diagnosis } = JSON.parse((await dom0.offload("doctor", "--json")).stdout);
    const commands: readonly string[] = diagnosis.advice.map(({ command }: { command: string }) => command);
    expect(commands).toContain("xe-toolstack-restart");
    expect(commands.filter((command) => /^(?:offload|xe) /.test(command))).toEqual([]);
  });
});
