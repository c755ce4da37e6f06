import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { listAllFeaturesOn, listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Answer } from "../dom0/running.ts";

const TAKES_UNICODE = { LANG: "C.UTF-8" };
const COLOR = /\x1b\[[0-9;]*m/;

/** Commands that only look, and what a person sees of each. */
const READ_ONLY_COMMANDS: readonly (readonly string[])[] = [
  ["help"],
  ["help", "disable"],
  ["help", "features"],
  ["status"],
  ["verify"],
  ["doctor"],
  ["disable", "ALL", "--dry-run"],
  ["disable", "nonsense"],
];

let dom0: Dom0;
beforeAll(async () => {
  dom0 = await Dom0.start({ scenarios: ["hostile"] });
});
afterAll(() => dom0.stop());

function at(env: Readonly<Record<string, string>>, args: readonly string[], answers: readonly Answer[] = []) {
  return dom0.run([OFFLOAD, ...args], { tty: true, env, answers });
}

describe.each(READ_ONLY_COMMANDS.map((words) => [words.join(" "), words] as const))("%s", (_, args) => {
  test("prints no escape sequence with TERM=dumb", async () => {
    expect((await at({ TERM: "dumb" }, args)).stdout).not.toContain("\x1b");
  });

  test.each(["", "1", "0"])("prints no color with NO_COLOR=%p", async (value) => {
    const run = await at({ TERM: "xterm-256color", NO_COLOR: value }, args);
    expect(run.stdout).not.toMatch(COLOR);
  });

  test.each([
    ["the physical console", { TERM: "linux", ...TAKES_UNICODE }],
    ["a locale that is not UTF-8", { TERM: "xterm", LANG: "", LC_ALL: "C" }],
  ])("prints only ASCII on %s, except for names", async (_name, env) => {
    const { stdout } = await at(env, args);
    expect(stdout).not.toContain("…");
    const names = /[\u{1f680}\u{1f469}\u{1f467}ワイド漢字é]/gu;
    expect(stdout.replaceAll(names, "")).toMatch(/^[\x00-\x7f]*$/);
  });

  test("prints into a pipe the text of a terminal without color, and no escape sequence", async () => {
    const { stdout, stderr } = await dom0.run([OFFLOAD, ...args]);
    expect(`${stdout}${stderr}`).not.toContain("\x1b");
    expect(`${stdout}${stderr}`).not.toMatch(/[^\P{C}\n]/u);
  });

  test("prints no line wider than 80 columns at such a terminal, except commands to copy", async () => {
    const { stdout } = await at({}, args);
    for (const line of Bun.stripANSI(stdout).replaceAll("\r", "").split("\n")) {
      if (/\b(?:xe|ethtool|offload) [-a-z]/.test(line) || line.startsWith("offload: ")) continue;
      expect({ line, fits: Bun.stringWidth(line) <= 80 }).toEqual({ line, fits: true });
    }
  });
});

test("script(1) gets the output and the exit code of a terminal", async () => {
  const run = await dom0.run(["script", "-qec", `${OFFLOAD} verify eth1`, "/dev/null"], {
    tty: true,
  });
  expect(run.exitCode).toBe(1);
  expect(run.stdout).toContain("Run: ");
});

test("a terminal that reports no columns gets 80", async () => {
  const run = await dom0.run([OFFLOAD, "help", "disable"], { tty: { cols: 0, rows: 0 } });
  expect(Bun.stripANSI(run.stdout).replaceAll("\r", "")).toBe((await dom0.offload("help", "disable")).stdout);
});

describe("the confirmation at a terminal that cannot move its cursor", () => {
  const question = "Turn these offloads off? [y/N] ";

  test.each([
    ["an empty line", "\r"],
    ["no", "n\r"],
    ["something else", "yikes\r"],
  ])("takes %s for No", async (_, input) => {
    const before = await readLiveState(dom0);
    const run = await at({ TERM: "dumb" }, ["disable", "ALL"], [{ prompt: question, input }]);
    expect(run.exitCode).toBe(2);
    expect(run.stdout).toContain("not confirmed; nothing was changed");
    expect(run.stdout).not.toContain("\x1b");
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("is cancelled by the end of input", async () => {
    const run = await at({ TERM: "dumb" }, ["disable", "ALL"], [{ prompt: question, input: "\x04" }]);
    expect(run.exitCode).toBe(2);
    expect(run.stdout).toContain("offload: cancelled; nothing was changed");
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("ends by SIGINT on Ctrl-C", async () => {
    const answers = [{ prompt: question, input: "\x03" }];
    const run = await at({ TERM: "dumb" }, ["disable", "ALL"], answers);
    expect(run.signal ?? run.exitCode).toBeOneOf(["SIGINT", 130]);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test.each(["y\r", "YES\r"])("takes %p for yes", async (input) => {
    await using own = await Dom0.start({ nics: 1, vms: 1 });
    const run = await own.run([OFFLOAD, "disable", "ALL"], {
      tty: true,
      env: { TERM: "dumb" },
      answers: [{ prompt: question, input }],
    });
    expect(run.exitCode).toBe(0);
    expect(await listAllFeaturesOn(own)).toEqual([]);
  });
});
