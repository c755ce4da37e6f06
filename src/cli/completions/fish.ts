import { FEATURES } from "../../core/features.ts";
import { COMMANDS } from "../specs/commands.ts";
import {
  type ArgumentDefinition,
  type CommandDefinition,
  describeArgument,
  getLongName,
  getShortName,
} from "../specs/spec.ts";
import { TOPICS } from "../specs/topics.ts";
import { METHOD_CHOICES, SHELLS } from "../specs/words.ts";

/** fish quotes what is chosen by itself, so names are handed over as they are. */
export function generateFishCompletion(): string {
  const commands = COMMANDS.map(
    ({ name, summary }) => `complete -c offload -n __offload_first -a ${name} -d ${quoteForFish(summary)}`,
  );
  const helpTopics = [...COMMANDS, ...TOPICS].map(
    ({ name, summary }) => `complete -c offload -n '__offload_is help' -a ${name} -d ${quoteForFish(summary)}`,
  );
  return `# fish completion of offload; made by offload completions fish

# Whether the command is still to be named.
function __offload_first
    test (count (commandline -opc)) -eq 1
end

# Whether that command has been named. Later words may be called like one.
function __offload_is
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"
end

# Names of this host, of one kind; each with what it is.
function __offload_names
    command offload complete $argv[1] 2>/dev/null
end

# A list: what it has already is not offered again.
function __offload_features
    set -l token (commandline -ct | string replace -r '^--features=' '')
    set -l before (string match -r '^.*,' -- $token)
    set -l had (string split , -- $token)
${FEATURES.map(
  ({ name, meaning }) =>
    `    contains ${name} $had[1..-2]; or printf '%s%s\\t%s\\n' "$before" ${name} ${quoteForFish(meaning)}`,
).join("\n")}
end

complete -c offload -f
complete -c offload -n __offload_first -s h -l help -d 'Show the help'
complete -c offload -n __offload_first -s V -l version -d 'Show the version'
${commands.join("\n")}
complete -c offload -n __offload_first -a help -d 'Explain a command or a topic'
${helpTopics.join("\n")}
${COMMANDS.map(formatFishOptions).join("\n")}
`;
}

function formatFishOptions({ name, args }: CommandDefinition): string {
  return Object.entries(args)
    .map(([key, argument]) => {
      const prefix = `complete -c offload -n '__offload_is ${name}'`;
      const completions = formatFishCompletions(argument);
      if (argument.type === "positional") return `${prefix} -a ${quoteForFish(completions)}`;
      const short = getShortName(argument);
      const names = `${short === undefined ? "" : ` -s ${short}`} -l ${getLongName(key, argument)}`;
      const value =
        argument.type === "boolean" ? "" : ` -x${completions === "" ? "" : ` -a ${quoteForFish(completions)}`}`;
      return `${prefix}${names}${value} -d ${quoteForFish(describeArgument(argument))}`;
    })
    .join("\n");
}

function formatFishCompletions({ valueKind }: ArgumentDefinition): string {
  switch (valueKind) {
    case "target":
      return "(__offload_names targets)";
    case "restorable":
      return "(__offload_names restorable)";
    case "vm":
      return "(__offload_names vms)";
    case "pif":
      return "(__offload_names pifs)";
    case "features":
      return "(__offload_features)";
    case "method":
      return METHOD_CHOICES.join(" ");
    case "shell":
      return SHELLS.join(" ");
    default:
      return "";
  }
}

/** A word in single quotes, as fish reads them. */
function quoteForFish(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
