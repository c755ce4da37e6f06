# bash completion of offload; made by offload completions bash
_offload() {
  local line=${COMP_LINE:0:COMP_POINT} word='' quote='' start=0 begun='' char i
  local -a words=()
  for ((i = 0; i < ${#line}; i++)); do
    char=${line:i:1}
    if [[ $quote == "'" ]]; then
      if [[ $char == "'" ]]; then quote=''; else word+=$char; fi
    elif [[ $char == \\ ]]; then
      begun=1
      ((i++))
      if [[ $quote == '"' && ${line:i:1} != [\"\\\$\`] ]]; then word+=\\; fi
      word+=${line:i:1}
    elif [[ $quote == '"' ]]; then
      if [[ $char == '"' ]]; then quote=''; else word+=$char; fi
    elif [[ $char == [\"\'] ]]; then
      begun=1 quote=$char start=${#word}
    elif [[ $char == [[:space:]] ]]; then
      [[ -z $begun ]] || words+=("$word")
      word='' begun='' start=0
    else
      begun=1 word+=$char
      # readline replaces what follows the last of these; the rest of the word stays as it is.
      [[ $COMP_WORDBREAKS != *"$char"* ]] || start=${#word}
    fi
  done
  COMPREPLY=()
  local given before=''
  local -a offers=()
  _offload_offers
  for given in ${offers[@]+"${offers[@]}"}; do
    [[ $given != "$word"* ]] || _offload_reply "${given:start}"
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
      text=${text//\\,/,}
      COMPREPLY+=("$text")
      return ;;
  esac
  # readline takes a quote at the end for the closing one.
  [[ $text != *"$quote" ]] || return 0
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    if [[ $quote == "'" && $char == "'" ]]; then
      safe+="'\'"
    elif [[ $quote == '"' && $char == [\"\\\$\`] ]]; then
      safe+=\\
    fi
    safe+=$char
  done
  COMPREPLY+=("$safe")
}

# What can stand here: into offers, whole words that are not quoted.
_offload_offers() {
  local command=${words[1]-} option='' value=$word arguments='' ended='' i
  local -a options=()
  if ((${#words[@]} < 2)); then
    offers=(status disable enable verify persist restore confirm bisect doctor completions help --help --version)
    return
  fi
  case $command in
    status) arguments=target options=(--features --vm --pif --host --all --pool --timeout --json --no-color -h --help) ;;
    disable) arguments=target options=(--features --vm --pif --host --pick -y --yes --dry-run --live-only --confirm-within --pool --rolling --timeout --wait -v --verbose --json --no-color -h --help) ;;
    enable) arguments=target options=(--features --vm --pif --host -y --yes --dry-run --live-only --confirm-within --no-replug --pool --rolling --timeout --wait -v --verbose --json --no-color -h --help) ;;
    verify) arguments=target options=(--features --vm --pif --host --strict --nagios --prometheus -v --verbose --pool --timeout --json --no-color -h --help) ;;
    persist) arguments=target options=(--features --vm --pif --host --method -y --yes --confirm-within --dry-run --remove --pool --rolling --timeout --wait --json --no-color -h --help) ;;
    restore) arguments=restorable options=(--features --vm --pif --host --pick -y --yes --confirm-within --dry-run --no-replug --force --pool --rolling --timeout --wait -v --verbose --json --no-color -h --help) ;;
    confirm) arguments=none options=(-v --verbose --json --no-color -h --help) ;;
    bisect) arguments=target options=(--features --vm --pif --host --check --repeat --settle --timeout --wait --json --no-color -h --help) ;;
    doctor) arguments=none options=(--redact --pool --timeout --json --no-color -h --help) ;;
    completions) arguments=shell options=(-h --help) ;;
    help)
      offers=(status disable enable verify persist restore confirm bisect doctor completions targets features)
      return ;;
    *) return ;;
  esac
  for ((i = 2; i < ${#words[@]}; i++)); do
    [[ ${words[i]} != -- ]] || ended=1
  done
  if [[ -z $ended ]]; then
    if [[ $word == --*=* ]]; then
      option=${word%%=*} value=${word#*=} before=$option=
    else
      option=${words[${#words[@]}-1]}
    fi
    case $option in
      --vm) _offload_names vms; return ;;
      --pif) _offload_names pifs; return ;;
      --features) _offload_features; return ;;
      --method) _offload_words auto systemd rc.local; return ;;
      --timeout|--confirm-within|--wait|--check|--repeat|--settle) return ;;
    esac
    if [[ $word == -* ]]; then
      offers=("${options[@]}")
      return
    fi
  fi
  case $arguments in
    target) _offload_names targets ;;
    restorable) _offload_names restorable ;;
    shell) _offload_words bash zsh fish ;;
  esac
}

_offload_words() {
  local one
  for one; do offers+=("$before$one"); done
}

# Names of this host; one that looks like an option is offered where it cannot be taken for one.
_offload_names() {
  local name rest
  while IFS=$'\t' read -r name rest; do
    [[ $1 == @(targets|restorable) && -z $ended && $name == -* ]] || offers+=("$before$name")
  done < <(command offload complete "$1" 2>/dev/null)
}

# A list: what it has already is not offered again, and more may follow.
_offload_features() {
  local list='' one
  [[ $value != *,* ]] || list=${value%,*},
  for one in rx tx sg tso ufo gso gro lro rxvlan txvlan rxhash ntuple; do
    [[ ,$list == *",$one,"* ]] || offers+=("$before$list$one")
  done
  compopt -o nospace
}

complete -F _offload offload
