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

/** zsh quotes what is chosen by itself, so names are handed over as they are. */
export function generateZshCompletion(): string {
  const commandDescriptions = COMMANDS.map(({ name, summary }) => quoteForShell(`${name}:${summary}`));
  const topicDescriptions = TOPICS.map(({ name, summary }) => quoteForShell(`${name}:${summary}`));
  return `#compdef offload
# zsh completion of offload; made by offload completions zsh

_offload() {
  local curcontext=$curcontext state line
  local -A opt_args
  _arguments -C \\
    '(- *)'{-h,--help}'[show the help]' \\
    '(- *)'{-V,--version}'[show the version]' \\
    '1: :->command' \\
    '*:: :->arguments' && return
  if [[ $state == command ]]; then
    local -a commands
    commands=(
${[...commandDescriptions, quoteForShell("help:Explain a command or a topic")].map((line) => `      ${line}`).join("\n")}
    )
    _describe -t commands command commands
    return
  fi
  curcontext=\${curcontext%:*:*}:offload-$words[1]:
  case $words[1] in
${COMMANDS.map(formatZshCase).join("\n")}
    help)
      local -a subjects
      subjects=(
${[...commandDescriptions, ...topicDescriptions].map((line) => `        ${line}`).join("\n")}
      )
      (( CURRENT == 2 )) && _describe -t subjects 'command or topic' subjects
      ;;
  esac
}

# Names of this host, of one kind; each with what it is.
_offload_names() {
  local line
  local -a names descriptions
  # _arguments puts what compadd wants before the kind.
  for line in \${(f)"$(command offload complete \${@[-1]} 2>/dev/null)"}; do
    names+=("\${line%%$'\\t'*}")
    descriptions+=("\${line/$'\\t'/  -- }")
  done
  compadd "\${@[1,-2]}" -l -d descriptions -a -- names
}

_offload_features() {
  _values -s , feature \\
${FEATURES.map(({ name, meaning }) => `    ${quoteForShell(`${name}[${meaning}]`)}`).join(" \\\n")}
}

if [[ $funcstack[1] == _offload ]]; then
  _offload "$@"
else
  compdef _offload offload
fi
`;
}

function formatZshCase({ name, args }: CommandDefinition): string {
  const specs = Object.entries(args).map(([key, argument]) => formatZshSpec(key, argument));
  return `    ${name})
      _arguments -s -S \\
${specs.map((spec) => `        ${spec}`).join(" \\\n")}
      ;;`;
}

function formatZshSpec(name: string, argument: ArgumentDefinition): string {
  const action = formatZshAction(argument);
  if (argument.type === "positional") {
    return quoteForShell(`${argument.valueKind === "shell" ? "1" : "*"}:${argument.valueKind}:${action}`);
  }
  const long = `--${getLongName(name, argument)}`;
  const meaning = describeArgument(argument).replaceAll(/[[\]:\\]/g, "\\$&");
  const short = getShortName(argument);
  if (argument.type === "boolean") {
    if (short === undefined) return quoteForShell(`${long}[${meaning}]`);
    const exclusions = name === "help" ? "(- *)" : `(-${short} ${long})`;
    return `${quoteForShell(exclusions)}{-${short},${long}}${quoteForShell(`[${meaning}]`)}`;
  }
  const repeatMark = argument.valueKind === "vm" || argument.valueKind === "pif" ? "*" : "";
  return quoteForShell(`${repeatMark}${long}=[${meaning}]:${argument.valueKind ?? "value"}:${action}`);
}

function formatZshAction({ valueKind }: ArgumentDefinition): string {
  switch (valueKind) {
    case "target":
      return "_offload_names targets";
    case "restorable":
      return "_offload_names restorable";
    case "vm":
      return "_offload_names vms";
    case "pif":
      return "_offload_names pifs";
    case "features":
      return "_offload_features";
    case "method":
      return `(${METHOD_CHOICES.join(" ")})`;
    case "shell":
      return `(${SHELLS.join(" ")})`;
    default:
      return " ";
  }
}

/** A word in single quotes, for any shell. */
function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
