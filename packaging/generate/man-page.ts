import { COMMANDS } from "../../src/cli/specs/commands.ts";
import { SHARED_ARGS } from "../../src/cli/specs/shared.ts";
import {
  type ArgumentDefinition,
  type CommandDefinition,
  formatValueHint,
  getLongName,
  getShortName,
} from "../../src/cli/specs/spec.ts";
import { AMBIGUITY_NOTE, FEATURE_NOTE, formatSettingObjects, TARGET_DESCRIPTIONS } from "../../src/cli/specs/topics.ts";
import { FEATURES } from "../../src/core/features.ts";
import { wrap } from "../../src/terminal/wrap.ts";
import { ENVIRONMENT, EXITS, FILES, LAYERS, PURPOSE, REVISED } from "./facts.ts";

/** How long a line of the source is before it is escaped, which makes it longer. */
const SOURCE_COLUMNS = 66;

/** Targets that are typed as they stand. */
const WORDS: ReadonlySet<string> = new Set(["ALL", "NICS, VIFS"]);

/** offload.8, in mdoc. */
export function manPage(): string {
  return `${[
    '.\\" made by offload completions man, from the definitions in src/cli/specs; edit those and run scripts/generate',
    `.Dd ${REVISED}`,
    ".Dt OFFLOAD 8",
    ".Os Xen dom0",
    ".Sh NAME",
    ".Nm offload",
    ".Nd turns TCP and NIC offloads off on a Xen dom0",
    ".Sh SYNOPSIS",
    ...COMMANDS.flatMap(synopsis),
    ...[".Nm", ".Cm help", ".Op Ar command | topic"],
    ...[".Nm", ".Fl Fl version"],
    ".Sh DESCRIPTION",
    ...paragraphs(PURPOSE),
    ".Pp",
    "The layers are told apart:",
    ...list(LAYERS.map(([name, text]) => [`Em ${name}`, text])),
    ".Ss Targets",
    ...list(TARGET_DESCRIPTIONS.map(([name, text]) => [WORDS.has(name) ? `Cm ${name}` : `Ar ${name}`, text])),
    ".Pp",
    ...lines(AMBIGUITY_NOTE),
    ".Ss Features",
    ...literal(featureTable()),
    ".Pp",
    ...lines(`Without a list, those from rx to lro are meant. ${FEATURE_NOTE}`),
    ".Sh COMMANDS",
    ...COMMANDS.flatMap(section),
    ".Ss Common options",
    ...lines("Each command takes those of these that it lists as common."),
    ...list(COMMON_OPTIONS.map(([key, one]) => [tagOf(key, one), detailsOf(one)])),
    ".Sh ENVIRONMENT",
    ...list(ENVIRONMENT.map(([name, text]) => [`Ev ${name}`, text])),
    ".Sh FILES",
    ...list(FILES.map(([path, text]) => [`Pa ${path}`, text])),
    ".Sh EXIT STATUS",
    ...list(EXITS.map(([code, text]) => [`Li ${code}`, text])),
    ".Sh SEE ALSO",
    ".Xr systemd 1 ,",
    ".Xr ethtool 8",
  ].join("\n")}\n`;
}

function synopsis({ name, args }: CommandDefinition): readonly string[] {
  const operand = Object.entries(args).find(([, { type }]) => type === "positional");
  const word = operand === undefined ? [] : [`.Op ${tagOf(...operand)}`];
  return [".Nm", `.Cm ${name}`, ".Op Ar option ...", ...word];
}

function section({ name, summary, about, args, examples, effects: touches, exitCodes: exits }: CommandDefinition) {
  const layers = touches.map(({ layer, description: what }) => (layer === "disk" ? what : `${layer}: ${what}`));
  const codes = Object.entries(exits).map(([code, meaning]) => `${code} ${meaning}`);
  return [
    `.Ss offload ${name}`,
    ...lines(`${summary}.`),
    ".Pp",
    ...paragraphs(about),
    ...list(
      Object.entries(args)
        .filter(([key, one]) => !isCommon(key, one))
        .map(([key, one]) => [tagOf(key, one), detailsOf(one)]),
    ),
    ...commonOptionsOf(args),
    ".Pp",
    ...lines(layers.length === 0 ? "It changes nothing." : `It changes ${layers.join("; ")}.`),
    ".Pp",
    ...lines(`Exit codes: ${codes.join("; ")}.`),
    ".Pp",
    "Examples:",
    ".Pp",
    ...literal(examples.flatMap(({ command, meaning }) => [`# ${meaning}`, command])),
  ];
}

/** Options that several commands have, with the same words: said once. */
const COMMON_OPTIONS: readonly (readonly [string, ArgumentDefinition])[] = Object.entries(SHARED_ARGS).filter(
  ([key, one]) =>
    one.type !== "positional" &&
    COMMANDS.filter(({ args }) => Object.entries(args).some(([name, argument]) => name === key && argument === one))
      .length > 2,
);

function isCommon(key: string, argument: ArgumentDefinition): boolean {
  return COMMON_OPTIONS.some(([name, common]) => name === key && common === argument);
}

function commonOptionsOf(args: CommandDefinition["args"]): readonly string[] {
  const names = Object.entries(args)
    .filter(([key, one]) => isCommon(key, one))
    .map(([key, one]) => `--${getLongName(key, one)}`);
  return names.length === 0 ? [] : [".Pp", ...lines(`Common options: ${names.join(", ")}.`)];
}

function tagOf(name: string, argument: ArgumentDefinition): string {
  if (argument.type === "positional") {
    return `Ar ${(argument.valueHint ?? name).replace("...", " ...")}`;
  }
  const short = getShortName(argument);
  const hint = escaped(formatValueHint(argument).toLowerCase()).replaceAll("|", " | ");
  const value = argument.type === "boolean" ? "" : ` Ar ${hint}`;
  return `${short === undefined ? "" : `Fl ${short} , `}Fl Fl ${getLongName(name, argument)}${value}`;
}

function detailsOf({ details, description }: ArgumentDefinition): string {
  return details ?? `${description}.`;
}

function featureTable(): readonly string[] {
  const row = (...[keyword, kernel, meaning, where]: readonly [string, string, string, string]) =>
    `${keyword.padEnd(8)}${kernel.padEnd(25)}${meaning.padEnd(31)}${where}`;
  return [
    row("feature", "in the kernel", "what it does", "setting on"),
    ...FEATURES.map((feature) =>
      row(feature.name, feature.kernelPattern, feature.meaning, formatSettingObjects(feature)),
    ),
  ];
}

function literal(texts: readonly string[]): readonly string[] {
  return [".Bd -literal -compact", ...texts.map(escaped), ".Ed"];
}

function list(items: readonly (readonly [tag: string, text: string])[]): readonly string[] {
  if (items.length === 0) return [];
  return [".Bl -tag -width Ds", ...items.flatMap(([tag, text]) => [`.It ${tag}`, ...lines(text)]), ".El"];
}

function paragraphs(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text, at) => [...(at === 0 ? [] : [".Pp"]), ...lines(text)]);
}

/** A sentence begins a line, so that the formatter can space them. */
function lines(text: string): readonly string[] {
  return text.split(/(?<=[.:]) (?=[A-Z])/).flatMap((sentence) => wrap(sentence, SOURCE_COLUMNS).map(escaped));
}

/** Text of which roff makes exactly those characters. */
function escaped(text: string): string {
  const safe = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/(\p{L})\\-(?=\p{L})/gu, "$1-")
    .replaceAll('"', "\\(dq")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga");
  return safe.startsWith(".") ? `\\&${safe}` : safe;
}
