import { describe, expect, test } from "bun:test";
import { COMMANDS } from "../../src/cli/specs/commands.ts";
import { getLongName } from "../../src/cli/specs/spec.ts";
import { TOPICS } from "../../src/cli/specs/topics.ts";
import { OFFLOAD } from "../dom0/dom0.ts";

/** None of this needs a dom0, or root. */
async function offload(...args: readonly string[]) {
  const child = Bun.spawn([OFFLOAD, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: {},
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, exitCode };
}

describe("a request for help", () => {
  test("without a command is a usage error: exits 2 and writes to stderr", async () => {
    const run = await offload();
    expect([run.exitCode, run.stdout]).toEqual([2, ""]);
    expect(run.stderr).toContain("offload disable ALL");
  });

  test.each(["help", "--help", "-h", "help --no-color", "help help"])("is recognized in offload %s", async (line) => {
    const run = await offload(...line.split(" "));
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toBe((await offload()).stderr);
  });

  const names = COMMANDS.map(({ name }) => name);
  test.each(names)("of %s is the same before and after the command", async (name) => {
    const run = await offload("help", name);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toStartWith(`offload ${name}: `);
    for (const flag of ["--help", "-h"]) expect(await offload(name, flag)).toEqual(run);
  });

  test.each([...TOPICS])("is recognized for $name", async ({ name, summary }) => {
    const run = await offload("help", name);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toStartWith(`${summary}\n`);
  });

  test("is not recognized after --, where help is a target", async () => {
    expect((await offload("disable", "--", "--help")).stdout).toBe("");
  });
});

describe("the parser and the help agree", () => {
  const everyName = new Set(
    COMMANDS.flatMap(({ args }) =>
      Object.entries(args).flatMap(([name, argument]) =>
        argument.type === "positional" ? [] : [getLongName(name, argument)],
      ),
    ),
  );

  test.each(COMMANDS.map(({ name }) => name))("%s takes every option of its help, and no other", async (name) => {
    const page = (await offload(name, "--help")).stdout;
    const rows = page.split("\n").filter((line) => /^ {2}-/.test(line));
    const shown = new Map(
      rows.flatMap((row) =>
        [...row.matchAll(/--([a-z-]+)( [A-Za-z][^ ,]*)?(?=,| {2}|$)/g)].map(
          ([, option = "", value]) => [option, value !== undefined] as const,
        ),
      ),
    );
    expect(shown.has("help")).toBe(true);
    for (const option of everyName) {
      const word = shown.get(option) === true ? `--${option}=1` : `--${option}`;
      // --help ends the parsing of everything else.
      if (option === "help") continue;
      const { stdout, stderr, exitCode } = await offload(name, word, "--no-such-flag");
      const refused = shown.has(option) ? "--no-such-flag" : `--${option}`;
      // A monitoring plugin tells of a wrong command line where and how it tells of all else.
      const plugin = option === "nagios" && shown.has(option);
      const words = plugin ? stdout : stderr;
      expect({ option, exitCode, words: words.trim() }).toMatchObject({
        option,
        exitCode: plugin ? 3 : 2,
        words: expect.stringContaining(`"${refused}" is not a flag`),
      });
    }
  });
});

describe("an unknown command", () => {
  test.each([
    [["disabel"], "did you mean disable?"],
    [["stat"], "did you mean status?"],
    [["VERIFY"], "did you mean verify?"],
    [["on"], "did you mean enable?"],
    [["undo"], "did you mean restore?"],
    [["check"], "did you mean verify?"],
    [["show"], "did you mean status?"],
    [["ALL"], "did you mean disable?"],
    [["help", "disabel"], "did you mean disable?"],
    [["help", "feature"], "did you mean features?"],
    [["--verison"], "did you mean --version?"],
    [["--hepl"], "did you mean --help?"],
    [["version"], "did you mean --version?"],
    [["pikc"], "commands are"],
    [["--json", "status"], "the command comes first"],
    [["xyzzy"], "commands are status, disable"],
    [["guard", "--help"], "commands are"],
    [[""], "commands are"],
  ])("is answered in one line with the closest command: %j", async (words, message) => {
    const run = await offload(...words);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
    expect(run.stderr).toContain(message);
  });
});
