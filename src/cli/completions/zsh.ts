import { FEATURES } from "../../core/features.ts";
import { COMMANDS } from "../specs/commands.ts";
import {
  type ArgumentDefinition,
  type CommandDefinition,
  describe,
  longName,
  shortName,
} from "../specs/spec.ts";
import { TOPICS } from "../specs/topics.ts";
import { METHODS, SHELLS } from "../specs/words.ts";

/** zsh quotes what is chosen by itself, so names are handed over as they are. */
export function zshCompletion(): string {
  const described = COMMANDS.map(({ name, summary }) => quoted(`${name}:${summary}`));
  const topics = TOPICS.map(({ name, summary }) => quoted(`${name}:${summary}`));
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
${[...described, quoted("help:Explain a command or a topic")].map((line) => `      ${line}`).join("\n")}
    )
    _describe -t commands command commands
    return
  fi
  curcontext=\${curcontext%:*:*}:offload-$words[1]:
  case $words[1] in
${COMMANDS.map(caseOf).join("\n")}
    help)
      local -a subjects
      subjects=(
${[...described, ...topics].map((line) => `        ${line}`).join("\n")}
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
${FEATURES.map(({ keyword, meaning }) => `    ${quoted(`${keyword}[${meaning}]`)}`).join(" \\\n")}
}

if [[ $funcstack[1] == _offload ]]; then
  _offload "$@"
else
  compdef _offload offload
fi
`;
}

function caseOf({ name, args }: CommandDefinition): string {
  const specs = Object.entries(args).map(([key, argument]) => specOf(key, argument));
  return `    ${name})
      _arguments -s -S \\
${specs.map((spec) => `        ${spec}`).join(" \\\n")}
      ;;`;
}

function specOf(name: string, argument: ArgumentDefinition): string {
  const action = actionOf(argument);
  if (argument.type === "positional") {
    return quoted(`${argument.value === "target" ? "*" : "1"}:${argument.value}:${action}`);
  }
  const long = `--${longName(name, argument)}`;
  const meaning = describe(argument).replaceAll(/[[\]:\\]/g, "\\$&");
  const short = shortName(argument);
  if (argument.type === "boolean") {
    if (short === undefined) return quoted(`${long}[${meaning}]`);
    const others = name === "help" ? "(- *)" : `(-${short} ${long})`;
    return `${quoted(others)}{-${short},${long}}${quoted(`[${meaning}]`)}`;
  }
  const again = argument.value === "vm" || argument.value === "pif" ? "*" : "";
  return quoted(`${again}${long}=[${meaning}]:${argument.value ?? "value"}:${action}`);
}

function actionOf({ value }: ArgumentDefinition): string {
  switch (value) {
    case "target":
      return "_offload_names targets";
    case "vm":
      return "_offload_names vms";
    case "pif":
      return "_offload_names pifs";
    case "features":
      return "_offload_features";
    case "method":
      return `(${METHODS.join(" ")})`;
    case "shell":
      return `(${SHELLS.join(" ")})`;
    default:
      return " ";
  }
}

/** A word in single quotes, for any shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
