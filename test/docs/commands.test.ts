import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { isScenario, type Scenario } from "../dom0/fixture/scenarios.ts";
import { type Block, blocksOf, type Directive, inlineCommands } from "./blocks.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** Pages whose commands are run elsewhere, or that tell of runs in the past. */
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** Words at the beginning of a line that make it a command, so that its block has to be run. */
const COMMAND = /^\s*(?:#.*\n)?(?:\$ )?(?:offload|ethtool|xe|systemctl|sh|ssh|scp|curl|rpm)\s(?!.*\[OPTION)/m;

const ALL_OFF: Directive = { kind: "after", command: "offload persist ALL --yes" };

/** What is to be done before the examples of a page that is made from the definitions of the commands. */
const GENERATED: ReadonlyMap<string, readonly Directive[]> = new Map([
  ["offload verify", [ALL_OFF]],
  ["offload enable", [ALL_OFF]],
  ["offload persist", [ALL_OFF]],
  ["offload restore", [ALL_OFF]],
  ["offload doctor", [ALL_OFF, { kind: "after", command: "offload persist ALL" }]],
  [
    "offload confirm",
    [
      {
        kind: "not run",
        reason: "it is for two terminals: test/commands/pending-change.test.ts has both",
      },
    ],
  ],
  [
    "offload bisect",
    [{ kind: "not run", reason: "each line asks, or needs a problem: test/commands/bisect.test.ts has both" }],
  ],
  [
    "offload completions",
    [{ kind: "not run", reason: "each line is for another shell: completions.test.ts has each" }],
  ],
]);

/** The blocks of a page, with what has to be known to test them. */
function blocksOfPage(page: string): readonly Block[] {
  const blocks = blocksOf(pageText(page));
  if (page !== "docs/commands.md") return blocks;
  return blocks.map((block) => ({
    ...block,
    directives: [...block.directives, ...(GENERATED.get(block.heading) ?? [])],
  }));
}

function pageText(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

function the<K extends Directive["kind"]>(block: Block, kind: K) {
  return block.directives.filter((one): one is Extract<Directive, { kind: K }> => one.kind === kind);
}

/**
 * A dom0 in which what the pages name is where it is on a host: offload and xe in the PATH, the files of
 * examples/ below the working directory; ssh to any host runs the command here.
 */
async function host(scenarios: readonly Scenario[]): Promise<Dom0> {
  const dom0 = await Dom0.start({ scenarios });
  const bun = process.execPath;
  const script = `
    mkdir -p /opt/xensource/bin
    ln -s ${OFFLOAD} /usr/local/bin/offload
    printf '#!/bin/sh\\nexec %s %s "$@"\\n' ${bun} ${ROOT}/test/docs/xe.ts > /opt/xensource/bin/xe
    printf '#!/bin/sh\\nwhile [ "\${1#-}" != "$1" ]; do shift; done; shift; exec sh -c "$*"\\n' > /usr/local/bin/ssh
    chmod 755 /opt/xensource/bin/xe /usr/local/bin/ssh
    ln -s /opt/xensource/bin/xe /usr/local/bin/xe
    cp -r ${ROOT}/examples /root/`;
  await dom0.text(["sh", "-ec", script]);
  return dom0;
}

/** As many answers as a block could need: people at a terminal say yes. */
const YES = Array.from({ length: 12 }, () => ({
  prompt: /Run offload [^?]* now\?|Turn these offloads (?:off|on)\?|Restore \d[^?]*\?|Keep these changes/,
  input: "y",
}));

/** What a person does who picks: the first of the list, the features as they are, and yes. */
const PICKED = [
  { prompt: "Turn off offloads of which NICs and VMs?", input: " \r" },
  { prompt: "Which features?", input: "\r" },
  { prompt: "Turn these offloads off?", input: "y" },
];

/** A block as it is typed: all at once, or line by line where somebody has to pick in between. */
function piecesOf({ text }: Block): readonly string[] {
  return text.includes("--pick") ? text.trimEnd().split("\n") : [text];
}

/** The dom0 that a block is for, with everything done that has to be done before. */
async function hostOf(block: Block): Promise<Dom0> {
  const scenarios = the(block, "dom0").flatMap((one) => one.scenarios);
  const dom0 = await host(scenarios.filter(isScenario));
  for (const { command } of the(block, "after")) {
    await dom0.run(["sh", "-c", command], { cwd: "/root" });
  }
  return dom0;
}

async function runBlock(block: Block): Promise<void> {
  await using dom0 = await hostOf(block);
  const [expected] = the(block, "ends with");
  for (const piece of piecesOf(block)) {
    const argv = ["sh", "-exc", piece];
    const answers = piece.includes("--pick") ? PICKED : YES;
    const run = await dom0.run(argv, { tty: true, answers, cwd: "/root" });
    const told = { exitCode: run.exitCode, output: run.stdout.slice(-1500) };
    expect(told).toMatchObject({ exitCode: expected?.exitCode ?? 0 });
  }
}

for (const page of PAGES) {
  describe(page, () => {
    const blocks = blocksOfPage(page);

    for (const block of blocks.filter(({ language }) => language === "sh")) {
      const [left] = the(block, "not run");
      const first = block.text.split("\n")[0] ?? "";
      if (left !== undefined) continue;
      test(`line ${block.line} runs: ${first}`, () => runBlock(block), 60_000);
    }

    for (const block of blocks) {
      for (const { command } of the(block, "printed by")) {
        test(`line ${block.line} shows what ${command} prints`, async () => {
          await using dom0 = await hostOf(block);
          expect((await dom0.run(["sh", "-c", command])).stdout).toBe(block.text);
        });
      }
    }

    test("marks every block, and hides no command from this test", () => {
      for (const { line, language, text } of blocks) {
        expect({ line, language }).toEqual({ line, language: expect.stringMatching(/./) });
        if (language === "text") {
          expect({ line, command: COMMAND.test(text) }).toEqual({ line, command: false });
        }
      }
    });

    test("names only existing scenarios", () => {
      for (const block of blocks) {
        for (const { scenarios } of the(block, "dom0")) {
          expect(scenarios.filter((name) => !isScenario(name))).toEqual([]);
        }
      }
    });
  });
}

test("every command in running text exists, with every flag that it is shown with", async () => {
  await using dom0 = await Dom0.start();
  const helps = new Map<string, string>();
  const help = async (command: string) => {
    const known = helps.get(command);
    if (known !== undefined) return known;
    const run = await dom0.offload(command, "--help");
    expect({ command, exitCode: run.exitCode }).toEqual({ command, exitCode: 0 });
    helps.set(command, run.stdout);
    return run.stdout;
  };
  for (const page of PAGES) {
    for (const line of inlineCommands(pageText(page))) {
      const [, command = "", ...words] = line.split(/\s+/);
      if (command === "help") continue;
      const text = await help(command);
      for (const word of words.filter((one) => one.startsWith("--"))) {
        const flag = word.replace(/=.*/, "");
        expect({ page, line, flag, known: text.includes(flag) }).toEqual({
          ...{ page, line, flag, known: true },
        });
      }
    }
  }
});
