import { describe, expect, test } from "bun:test";
import { formatCommandHelp, formatProgramHelp, formatTopicHelp } from "../../src/cli/help-text.ts";
import { COMMANDS } from "../../src/cli/specs/commands.ts";
import type { CommandDefinition } from "../../src/cli/specs/spec.ts";
import { TOPICS } from "../../src/cli/specs/topics.ts";
import { FEATURES } from "../../src/core/features.ts";
import { createPaint } from "../../src/terminal/text.ts";

/** A console of 80 by 24 shows that many lines and still the prompt below. */
const SCREEN = 23;

/** The most lines that the help of a command may have: one for each option, and few besides. */
const MAX_COMMAND_LINES = 38;

function view(columns = 80) {
  return { paint: createPaint(false), columns };
}

const PAGES: readonly (readonly [string, (columns?: number) => string])[] = [
  ["offload", (columns) => formatProgramHelp("1.2.3", view(columns))],
  ...COMMANDS.map(
    (command) =>
      [`offload help ${command.name}`, (columns?: number) => formatCommandHelp(command, view(columns))] as const,
  ),
  ...TOPICS.map(
    (topic) => [`offload help ${topic.name}`, (columns?: number) => formatTopicHelp(topic, view(columns))] as const,
  ),
];

describe.each(PAGES)("%s", (name, page) => {
  const isCommand = COMMANDS.some((command) => name === `offload help ${command.name}`);

  test("is short enough to be read, and no line is wider than 80 columns", () => {
    const lines = page().split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.length).toBeLessThanOrEqual(isCommand ? MAX_COMMAND_LINES : SCREEN);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("stays the same on a wider terminal, because long lines are hard to read", () => {
    expect(page(200)).toBe(page(80));
  });

  test("contains only ASCII, without trailing blanks", () => {
    expect(page()).toMatch(/^[\n\x20-\x7e]+$/);
    expect(page()).not.toMatch(/ \n/);
  });
});

describe("the help of the program", () => {
  test("names every command and topic, what to run first, and every exit code", () => {
    const page = formatProgramHelp("1.2.3", view());
    for (const { name, summary } of COMMANDS) {
      expect(page).toMatch(new RegExp(`^ {2}${name} +${summary}$`, "m"));
    }
    for (const { name } of TOPICS) expect(page).toContain(`offload help ${name}`);
    expect(page.indexOf("offload status")).toBeLessThan(page.indexOf("Commands:"));
    for (const code of [0, 1, 2, 3, 130, 143]) expect(page).toMatch(new RegExp(`\\b${code}\\b`));
  });
});

describe("the help of a command", () => {
  test.each(COMMANDS.map((command) => [command.name, command] as const))(
    "of %s shows examples first, then options, layers and exit codes",
    (name, command: CommandDefinition) => {
      const page = formatCommandHelp(command, view());
      const first = `\n  ${command.examples[0]?.command ?? "?"} `;
      const places = [first, "\nUsage: ", "-h, --help", "\nTouches: ", "\nExit codes: "];
      const found = places.map((word) => page.indexOf(word));
      expect(found).toEqual([...found].sort((a, b) => a - b));
      expect(Math.min(...found)).toBeGreaterThan(0);
      expect(page).toStartWith(`offload ${name}: `);
      const said = page.replaceAll(/\s+/g, " ");
      for (const { description } of command.effects) expect(said).toContain(description);
      for (const [code, meaning] of Object.entries(command.exitCodes)) {
        expect(said).toContain(`${code} ${meaning}`);
      }
    },
  );

  test("fits a narrow terminal", () => {
    for (const command of COMMANDS) {
      for (const line of formatCommandHelp(command, view(72)).split("\n")) {
        if (!line.startsWith("  offload")) expect(line.length).toBeLessThanOrEqual(72);
      }
    }
  });
});

test('help topic "features" explains each feature with its kernel features', () => {
  const topic = TOPICS.find(({ name }) => name === "features");
  if (topic === undefined) throw new Error("no such topic");
  const page = formatTopicHelp(topic, view());
  for (const { name, kernelPattern, meaning } of FEATURES) {
    const line = page.split("\n").find((one) => one.startsWith(`  ${name} `));
    expect(line).toContain(kernelPattern);
    expect(line).toContain(meaning);
  }
});

test("no search word belongs to two commands", () => {
  const words = COMMANDS.flatMap(({ name, synonyms }) => [name, ...synonyms]);
  expect(words).toEqual([...new Set(words)]);
  expect(words).toEqual(words.map((word) => word.toLowerCase()));
});
