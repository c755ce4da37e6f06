import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { GENERATED } from "../../packaging/generate/files.ts";
import { COMMANDS } from "../../src/cli/specs/commands.ts";
import { formatOptionLabel, getLongName } from "../../src/cli/specs/spec.ts";

const ROOT = join(import.meta.dir, "../..");
const MAN_PAGE = join(ROOT, "packaging/offload.8");

/** What a command says on standard error and output together; a formatter that is content says nothing. */
async function complaints(...argv: readonly string[]): Promise<string> {
  const run = Bun.spawn([...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  return `${stdout}${stderr}`;
}

test.each(Object.entries(GENERATED))("%s equals the output of scripts/generate", async (path, make) => {
  expect(await Bun.file(join(ROOT, path)).text()).toBe(make());
});

describe("the man page", () => {
  test("is accepted by mandoc and by groff", async () => {
    expect(await complaints("mandoc", "-T", "lint", "-W", "warning", MAN_PAGE)).toBe("");
    expect(await complaints("groff", "-ww", "-z", "-mdoc", "-Tutf8", MAN_PAGE)).toBe("");
  });

  test("contains every command, option, example and exit code, in 80 columns", async () => {
    const argv = ["mandoc", "-T", "ascii", "-O", "width=78", MAN_PAGE];
    // What is struck over itself is bold or underlined.
    const page = (await complaints(...argv)).replaceAll(/.\x08/g, "");
    for (const line of page.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const said = page.replaceAll(/\s+/g, " ");
    for (const { name, args, examples, exitCodes } of COMMANDS) {
      expect(said).toContain(` offload ${name} `);
      for (const [key, argument] of Object.entries(args)) {
        if (argument.type !== "positional") expect(said).toContain(`--${getLongName(key, argument)}`);
      }
      for (const { command } of examples) expect(said).toContain(command);
      for (const [code, meaning] of Object.entries(exitCodes)) expect(said).toContain(`${code} ${meaning}`);
    }
  });
});

test("the command reference contains every command, option, example and exit code", async () => {
  const page = await Bun.file(join(ROOT, "docs/commands.md")).text();
  for (const { name, summary, args, examples, exitCodes } of COMMANDS) {
    const start = page.indexOf(`## offload ${name}\n`);
    const section = page.slice(start, page.indexOf("\n## ", start + 1));
    expect(section).toContain(summary);
    for (const [key, argument] of Object.entries(args)) {
      expect(section).toContain(`| \`${formatOptionLabel(key, argument).replaceAll("|", "\\|")}\` |`);
    }
    for (const { command } of examples) expect(section).toContain(command);
    for (const [code, meaning] of Object.entries(exitCodes)) {
      expect(section).toContain(`| ${code} | ${meaning} |`);
    }
  }
});

describe("the completions", () => {
  test.each([
    ["bash", "packaging/completions/offload.bash"],
    ["zsh", "packaging/completions/_offload"],
    ["fish", "packaging/completions/offload.fish"],
  ])("are valid %s in %s", async (shell, path) => {
    expect(await complaints(shell, "-n", join(ROOT, path))).toBe("");
  });

  test("pass shellcheck in bash", async () => {
    const path = join(ROOT, "packaging/completions/offload.bash");
    expect(await complaints("shellcheck", "-s", "bash", path)).toBe("");
  });
});
