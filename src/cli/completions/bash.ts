import { FEATURE_NAMES } from "../../core/features.ts";
import { COMMANDS } from "../specs/commands.ts";
import { type CommandDefinition, getLongName, getShortName } from "../specs/spec.ts";
import { TOPICS } from "../specs/topics.ts";
import { METHOD_CHOICES, SHELLS } from "../specs/words.ts";

/**
 * Needs bash 4.0 and nothing else: dom0 has 4.2, and not always bash-completion. The line is taken
 * apart here, because bash splits words at colons, which names of VMs contain. What is offered is
 * quoted in the way in which the word was begun.
 */
export function generateBashCompletion(): string {
  return `${READ_LINE}${generateOffers()}${generateLists()}`;
}

/** Takes the line apart, and replies with what was offered. */
const READ_LINE = `# bash completion of offload; made by offload completions bash
_offload() {
  local line=\${COMP_LINE:0:COMP_POINT} word='' quote='' start=0 begun='' char i
  local -a words=()
  for ((i = 0; i < \${#line}; i++)); do
    char=\${line:i:1}
    if [[ $quote == "'" ]]; then
      if [[ $char == "'" ]]; then quote=''; else word+=$char; fi
    elif [[ $char == \\\\ ]]; then
      begun=1
      ((i++))
      if [[ $quote == '"' && \${line:i:1} != [\\"\\\\\\$\\\`] ]]; then word+=\\\\; fi
      word+=\${line:i:1}
    elif [[ $quote == '"' ]]; then
      if [[ $char == '"' ]]; then quote=''; else word+=$char; fi
    elif [[ $char == [\\"\\'] ]]; then
      begun=1 quote=$char start=\${#word}
    elif [[ $char == [[:space:]] ]]; then
      [[ -z $begun ]] || words+=("$word")
      word='' begun='' start=0
    else
      begun=1 word+=$char
      # readline replaces what follows the last of these; the rest of the word stays as it is.
      [[ $COMP_WORDBREAKS != *"$char"* ]] || start=\${#word}
    fi
  done
  COMPREPLY=()
  local given before=''
  local -a offers=()
  _offload_offers
  for given in \${offers[@]+"\${offers[@]}"}; do
    [[ $given != "$word"* ]] || _offload_reply "\${given:start}"
  done
}

# Offers a text, quoted as the word was begun.
_offload_reply() {
  local text=$1 safe='' char i
  case $quote in
    "'") ;;
    # An exclamation mark is looked up in the history, and nothing quotes it here.
    '"') [[ $text != *!* ]] || return 0 ;;
    *)
      [[ -z $text ]] || printf -v text %q "$text"
      # A comma needs no quoting.
      text=\${text//\\\\,/,}
      COMPREPLY+=("$text")
      return ;;
  esac
  # readline takes a quote at the end for the closing one.
  [[ $text != *"$quote" ]] || return 0
  for ((i = 0; i < \${#text}; i++)); do
    char=\${text:i:1}
    if [[ $quote == "'" && $char == "'" ]]; then
      safe+="'\\'"
    elif [[ $quote == '"' && $char == [\\"\\\\\\$\\\`] ]]; then
      safe+=\\\\
    fi
    safe+=$char
  done
  COMPREPLY+=("$safe")
}

`;

function generateOffers(): string {
  return `# What can stand here: into offers, whole words that are not quoted.
_offload_offers() {
  local command=\${words[1]-} option='' value=$word arguments='' ended='' i
  local -a options=()
  if ((\${#words[@]} < 2)); then
    offers=(${COMMANDS.map(({ name }) => name).join(" ")} help --help --version)
    return
  fi
  case $command in
${COMMANDS.map(formatBashCase).join("\n")}
    help)
      offers=(${[...COMMANDS, ...TOPICS].map(({ name }) => name).join(" ")})
      return ;;
    *) return ;;
  esac
  for ((i = 2; i < \${#words[@]}; i++)); do
    [[ \${words[i]} != -- ]] || ended=1
  done
  if [[ -z $ended ]]; then
    if [[ $word == --*=* ]]; then
      option=\${word%%=*} value=\${word#*=} before=$option=
    else
      option=\${words[\${#words[@]}-1]}
    fi
    case $option in
      --vm) _offload_names vms; return ;;
      --pif) _offload_names pifs; return ;;
      --features) _offload_features; return ;;
      --method) _offload_words ${METHOD_CHOICES.join(" ")}; return ;;
${listOptionsWithoutCompletions().join("|")}) return ;;
    esac
    if [[ $word == -* ]]; then
      offers=("\${options[@]}")
      return
    fi
  fi
  case $arguments in
    target) _offload_names targets ;;
    restorable) _offload_names restorable ;;
    shell) _offload_words ${SHELLS.join(" ")} ;;
  esac
}

`;
}

function generateLists(): string {
  return `_offload_words() {
  local one
  for one; do offers+=("$before$one"); done
}

# Names of this host; one that looks like an option is offered where it cannot be taken for one.
_offload_names() {
  local name rest
  while IFS=$'\\t' read -r name rest; do
    [[ $1 == @(targets|restorable) && -z $ended && $name == -* ]] || offers+=("$before$name")
  done < <(command offload complete "$1" 2>/dev/null)
}

# A list: what it has already is not offered again, and more may follow.
_offload_features() {
  local list='' one
  [[ $value != *,* ]] || list=\${value%,*},
  for one in ${FEATURE_NAMES.join(" ")}; do
    [[ ,$list == *",$one,"* ]] || offers+=("$before$list$one")
  done
  compopt -o nospace
}

complete -F _offload offload
`;
}

function formatBashCase({ name, args }: CommandDefinition): string {
  const entries = Object.entries(args);
  const options = entries.flatMap(([key, argument]) => {
    if (argument.type === "positional") return [];
    const short = getShortName(argument);
    return [...(short === undefined ? [] : [`-${short}`]), `--${getLongName(key, argument)}`];
  });
  const positionalKind = entries.find(([, { type }]) => type === "positional")?.[1].valueKind ?? "";
  return `    ${name}) arguments=${positionalKind || "none"} options=(${options.join(" ")}) ;;`;
}

/** Options whose values nobody can offer. */
function listOptionsWithoutCompletions(): readonly string[] {
  const completedKinds = new Set<string>(["vm", "pif", "features", "method"]);
  const names = COMMANDS.flatMap(({ args }) =>
    Object.entries(args).flatMap(([key, { type, valueKind }]) =>
      type === "positional" || valueKind === undefined || completedKinds.has(valueKind) ? [] : [`--${key}`],
    ),
  );
  return [...new Set(names)].map((name, index) => (index === 0 ? `      ${name}` : name));
}
