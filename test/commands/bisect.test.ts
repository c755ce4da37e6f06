import { describe, expect, test } from "bun:test";
import Ajv from "ajv";
import schema from "../../schema/report.schema.json" with { type: "json" };
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema);

/** Good when TSO of eth1 is off. */
const TSO_OFF = 'ethtool -k eth1 | grep -q "tx-tcp-segmentation: off"';

/** The features of this dom0 afterwards, what is stored in XAPI and what is left on disk. */
async function readTraces(dom0: Dom0) {
  const { stdout } = await dom0.run(["ls", "/var/lib/offload"]);
  return { live: await readLiveState(dom0), writes: await listWrites(dom0), files: stdout.trim() };
}

/** What a bisection has to leave behind: nothing. */
async function expectUntouched(dom0: Dom0, before: string): Promise<void> {
  expect(await readTraces(dom0)).toEqual({ live: before, writes: [], files: "" });
}

describe("bisect with a check", () => {
  test("names the cause and the command that keeps it off, and leaves everything as it was", async () => {
    await using dom0 = await Dom0.start();
    await dom0.setFeatures("eth1", "gro", "off");
    const before = await readLiveState(dom0);
    const { exitCode, stdout, stderr } = await dom0.offload("bisect", "eth1", "pfSense", "--check", TSO_OFF);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stdout).toStartWith("Cause found: tso on eth1.\n");
    expect(stdout).toContain("\nRun: offload disable eth1 --features tso\n");
    expect(stderr).toContain("step 1, about 8 left; off: nothing\n");
    expect(stderr).toMatch(/step 2: the problem is gone \(\d+\.\d s\)\n/);
    await expectUntouched(dom0, before);
  });

  test("names a VM by the word it was named by, where all its VIFs are the cause", async () => {
    await using dom0 = await Dom0.start();
    const isOff = (device: string) => `ethtool -k ${device} | grep -q "tx-checksumming: off"`;
    const check = `${isOff("vif4.0")} && ${isOff("vif4.1")}`;
    const run = await dom0.offload("bisect", "ALL", "pfSense", "--check", check, "--json");
    const report = JSON.parse(run.stdout);
    expect({ valid: validate(report), errors: validate.errors }).toEqual({ valid: true, errors: null });
    expect(report.advice).toEqual(["offload disable pfSense --features tx"]);
    expect(report.bisect).toMatchObject({
      outcome: "found",
      cause: [
        { device: "vif4.0", features: ["tx"] },
        { device: "vif4.1", features: ["tx"] },
      ],
      repeat: 1,
    });
    expect(report.bisect.steps[0]).toMatchObject({ off: [], outcome: "bad", runs: 1 });
  });

  test("names what only went along", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("bisect", "eth1", "--check", 'ethtool -k eth1 | grep -q "^scatter-gather: off"');
    expect(run.stdout).toStartWith("Cause found: sg on eth1.\n");
    expect(run.stdout).toContain("tso and gso on eth1 only went along");
  });

  test.each([
    ["false", 1, "Offloads are not the cause: "],
    ["true", 2, "The problem is not there now: "],
  ])("says plainly what it means when %s is the check", async (check, exitCode, verdict) => {
    await using dom0 = await Dom0.start({ nics: 1, vms: 1 });
    const before = await readLiveState(dom0);
    const run = await dom0.offload("bisect", "ALL", "--check", check);
    expect(run.exitCode).toBe(exitCode);
    expect(run.stdout).toStartWith(verdict);
    await expectUntouched(dom0, before);
  });

  test.each([
    ["exit 125", "the check could not tell (exit code 125) 3 times in a row"],
    ["no-such-command", "the check failed: there is no such command (exit code 127)"],
    ["/etc/hostname", "the check failed: it cannot be run (exit code 126)"],
    ["kill -TERM $$", "the check failed: it was ended by SIGTERM"],
    ["exit 200", "the check failed: it ended with 200"],
  ])("ends with 3 when the check is %s, and restores everything", async (check, message) => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const before = await readLiveState(dom0);
    // The first step is bad, so that there is something to restore.
    const second = `[ -e /tmp/second ] || { touch /tmp/second; exit 1; }; ${check}`;
    const run = await dom0.offload("bisect", "ALL", "--check", second);
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain(`${message}`);
    expect(run.stderr).toContain("; everything is as it was before\n");
    await expectUntouched(dom0, before);
  });

  test("takes a check that takes too long for bad, and ends all of it", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const hang = "sleep 300 & echo $! >> /tmp/sleepers; wait";
    const run = await dom0.offload("bisect", "eth1", "--timeout", "1", "--check", `${TSO_OFF} || { ${hang}; }`);
    expect(run.stdout).toStartWith("Cause found: tso on eth1.\n");
    const alive = "for p in $(cat /tmp/sleepers); do kill -0 $p 2> /dev/null && echo alive; done; true";
    expect(await dom0.text(["sh", "-c", alive])).toBe("");
  });

  test("finds a problem that comes and goes with --repeat", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    // Of each three runs one shows the problem.
    const count = "n=$(cat /tmp/n 2> /dev/null || echo 0); echo $((n + 1)) > /tmp/n";
    const check = `${count}; ${TSO_OFF} || [ $((n % 3)) -ne 0 ]`;
    const run = await dom0.offload("bisect", "eth1", "--repeat", "3", "--check", check, "--json");
    const { bisect } = JSON.parse(run.stdout);
    expect(bisect).toMatchObject({ outcome: "found", cause: [{ device: "eth1", features: ["tso"] }], repeat: 3 });
    for (const { outcome, runs } of bisect.steps) expect(outcome === "good" ? runs === 3 : runs <= 3).toBe(true);
  });

  test("waits after each change with --settle", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const run = await dom0.offload("bisect", "eth1", "--settle", "1", "--check", "false", "--json");
    const { bisect } = JSON.parse(run.stdout);
    for (const { seconds } of bisect.steps) expect(seconds).toBeWithin(1, 5);
  });

  test("works without XAPI", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const run = await dom0.offload("bisect", "eth1", "--check", TSO_OFF);
    expect(run.stdout).toStartWith("Cause found: tso on eth1.\n");
  });

  test("says over SSH through the management NIC when everything is restored at the latest", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const env = { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22" };
    const argv = [OFFLOAD, "bisect", "NICS", "--timeout", "20", "--check", "false"];
    expect((await dom0.run(argv, { env })).stderr).toMatch(
      /eth0 carries the management traffic: .* within 30 seconds\n/,
    );
    expect((await dom0.run(argv)).stderr).not.toContain("SSH");
  });

  test("ends with 3 where a device is replaced meanwhile, and names it", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const run = dom0.spawn([OFFLOAD, "bisect", "eth1", "--check", "sleep 2; false"]);
    await run.waitFor("step 1, ");
    const nic = dom0.fixture.devices.find(({ name }) => name === "eth1");
    if (nic === undefined) throw new Error("there is no eth1");
    await dom0.link.replace(nic);
    const { exitCode, stderr } = await run.exited;
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr: expect.stringContaining("eth1 is no longer the device that it was"),
    });
  });
});

describe("a command line of bisect", () => {
  test.each([
    [["eth1"], "stdin is not a terminal; pass --check COMMAND"],
    [["--check", "true"], "nothing named to work on"],
    [["nosuch", "eth1", "--check", "false"], '"nosuch"'],
    [["eth1", "--check", " "], "--check: the command is empty"],
    [["eth1", "--check", "true", "--check", "false"], "--check can be given once"],
    [["eth1", "--check", "true", "--repeat", "0"], "--repeat"],
    [["eth1", "--check", "true", "--timeout", "x"], "--timeout"],
    [["eth1", "--check", "true", "--features", "lro"], "nothing to try"],
  ])("is refused with 2 where it is %j, and nothing is touched", async (args, message) => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const before = await readLiveState(dom0);
    const run = await dom0.offload("bisect", ...args);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(message);
    await expectUntouched(dom0, before);
  });
});
