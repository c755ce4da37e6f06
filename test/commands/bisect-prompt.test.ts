import { describe, expect, test } from "bun:test";
import { listWrites, readLiveState, readSettings } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Running } from "../dom0/running.ts";

const QUESTION = "Is the problem gone? [y]es / [n]o / [a]gain / [q]uit (about ";

/** Waits until something was asked so many times. */
function waitForQuestion(run: Running, count: number): Promise<void> {
  return run.waitFor(new RegExp(`(?:[^]*?Is the problem gone\\?){${count}}`));
}

function start(dom0: Dom0, ...more: readonly string[]): Running {
  return dom0.spawn([OFFLOAD, "bisect", "eth1", ...more], { tty: true });
}

async function isTsoOff(dom0: Dom0): Promise<boolean> {
  return (await dom0.ethtool("eth1")).get("tx-tcp-segmentation")?.active === false;
}

describe("bisect at a terminal", () => {
  test("asks at each step, with the steps that are left, and then turns the cause off for good", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const run = start(dom0);
    const last = "Run offload disable eth1 --features tso now?";
    for (let count = 1; ; count++) {
      await run.waitFor(new RegExp(`(?:[^]*?Is the problem gone\\?){${count}}|now\\?`));
      if (run.output.includes(last)) break;
      run.write((await isTsoOff(dom0)) ? "yes\r" : "n\r");
    }
    expect(run.output).toContain(`${QUESTION}4 left): `);
    expect(await listWrites(dom0)).toEqual([]);
    run.write("y");
    const { exitCode, stdout } = await run.exited;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Cause found: tso on eth1.");
    const pif = dom0.fixture.pifs.find(({ record }) => record.device === "eth1");
    expect(await readSettings(dom0, "PIF", pif?.ref ?? "")).toMatchObject({ "ethtool-tso": "off" });
    expect(await isTsoOff(dom0)).toBe(true);
  });

  test.each([
    ["q", "q\r"],
    ["the end of input", "\x04"],
  ])("ends with 2 on %s, and restores everything", async (_, input) => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const before = await readLiveState(dom0);
    const run = start(dom0);
    await waitForQuestion(run, 1);
    run.write("no\r");
    await waitForQuestion(run, 2);
    expect(await readLiveState(dom0)).not.toBe(before);
    run.write(input);
    const { exitCode, stdout } = await run.exited;
    expect(exitCode).toBe(2);
    expect(stdout).toContain("cancelled; everything is as it was before");
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("ends by SIGINT on Ctrl-C, and restores everything", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const before = await readLiveState(dom0);
    const run = start(dom0);
    await waitForQuestion(run, 1);
    run.write("n\r");
    await waitForQuestion(run, 2);
    run.write("\x03");
    const ended = await run.exited;
    expect(ended.signal ?? ended.exitCode).toBeOneOf(["SIGINT", 130]);
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("asks once more on a, and on what it does not understand", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const run = start(dom0);
    for (const [index, input] of ["a\r", "perhaps\r", "\r", "q\r"].entries()) {
      await waitForQuestion(run, index + 1);
      run.write(input);
    }
    const { stdout } = await run.exited;
    expect(stdout.match(/step \d+, /g)).toEqual(["step 1, "]);
  });

  test("restores everything and ends with 3 when no answer comes in time", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const before = await readLiveState(dom0);
    const run = start(dom0, "--timeout", "2");
    await waitForQuestion(run, 1);
    run.write("n\r");
    const { exitCode, stdout } = await run.exited;
    expect(exitCode).toBe(3);
    expect(stdout).toContain("no answer came in time; everything is as it was before");
    expect(await readLiveState(dom0)).toBe(before);
  });
});
