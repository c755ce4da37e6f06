import { formatUsage } from "../../src/cli/help-text.ts";
import { COMMANDS } from "../../src/cli/specs/commands.ts";
import { type ArgumentDefinition, type CommandDefinition, formatOptionLabel } from "../../src/cli/specs/spec.ts";
import { AMBIGUITY_NOTE, FEATURE_NOTE, formatSettingObjects, TARGET_DESCRIPTIONS } from "../../src/cli/specs/topics.ts";
import { FEATURES } from "../../src/core/features.ts";
import { ENVIRONMENT, EXITS, FILES } from "./facts.ts";

/** docs/commands.md: the same as the man page, for those who read in a browser. */
export function commandReference(): string {
  const names = COMMANDS.map(({ name }) => `[${name}](#offload-${name})`).join(", ");
  return `${[
    "<!-- Made by scripts/generate from the definitions in src/cli/specs; edit those. -->",
    "# Commands",
    `${names}; [targets](#targets), [features](#features), [exit codes](#exit-codes), [files](#files), [environment](#environment). The same is in the man page \`offload(8)\`, and in short in \`offload COMMAND --help\`.`,
    ...COMMANDS.map(section),
    "## Targets",
    table(
      ["target", "meaning"],
      TARGET_DESCRIPTIONS.map(([name, text]) => [name, text]),
    ),
    AMBIGUITY_NOTE,
    "## Features",
    table(
      ["feature", "in the kernel", "what it does", "setting on", "by default"],
      FEATURES.map((feature) => [
        code(feature.name),
        code(feature.kernelPattern),
        feature.meaning,
        formatSettingObjects(feature),
        feature.byDefault ? "yes" : "when named",
      ]),
    ),
    FEATURE_NOTE,
    "## Exit codes",
    table(["code", "meaning"], EXITS),
    "## Files",
    table(
      ["file", "meaning"],
      FILES.map(([path, text]) => [code(path), text]),
    ),
    "## Environment",
    table(
      ["variable", "meaning"],
      ENVIRONMENT.map(([name, text]) => [code(name), text]),
    ),
  ].join("\n\n")}\n`;
}

function section(command: CommandDefinition): string {
  const { name, summary, about, args, examples, effects: touches, exitCodes: exits } = command;
  const changes =
    touches.length === 0
      ? "It changes nothing."
      : `It changes:\n\n${touches.map(({ layer, description: what }) => `* ${layer === "disk" ? "" : `**${layer}**: `}${what}`).join("\n")}`;
  return [
    `## offload ${name}`,
    `${summary}.`,
    `\`\`\`text\n${formatUsage(command)}\n\`\`\``,
    ...about,
    table(
      ["argument", "meaning"],
      Object.entries(args).map(([key, one]) => [code(formatOptionLabel(key, one)), detailsOf(one)]),
    ),
    changes,
    table(["exit code", "meaning"], Object.entries(exits)),
    `\`\`\`sh\n${examples.map(({ command: line, meaning }) => `${line}  # ${meaning}`).join("\n")}\n\`\`\``,
  ].join("\n\n");
}

function detailsOf({ details, description }: ArgumentDefinition): string {
  return details ?? `${description}.`;
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heading), `|${"---|".repeat(heading.length)}`, ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
