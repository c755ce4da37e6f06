#!/bin/sh
# Installs offload, one executable, on a Xen dom0; --help says how. Everything is in functions that
# the last line calls: of a script that arrives incomplete nothing runs.
# shellcheck disable=SC2015 # what stands behind || ends the script
set -eu

# What this script installs, filled in by scripts/release. A script without it is one of a checkout.
VERSION=''
COMMIT=''
BASE_URL=''
RAW_NAME=''
RAW_SIZE=''
RAW_SHA256=''
XZ_NAME=''
XZ_SIZE=''
XZ_SHA256=''
# A public key of GnuPG in base64: with it, SHA256SUMS of whatever is fetched has to be signed.
SIGNING_KEY=''

# What the CPU must have, as /proc/cpuinfo calls it: Bun's executable for old CPUs uses all of these,
# and looks for sse4_2 alone by itself. scripts/release puts them into the manifest.
CPU_FLAGS='ssse3 sse4_1 sse4_2 popcnt'

# More bytes than any version of this script has.
MAX_SCRIPT_SIZE=1000000

# Exit codes: as those of offload itself.
FAILED=1
USAGE=2
UNAVAILABLE=3

# Set here, because the environment must have no say in what is removed at the end.
WORK=
MADE=
COMPLETION=
ENDED=
STATE='nothing was changed'

# A full disk or a closed pipe behind standard output must not end the work half-way.
say() (
  trap '' PIPE
  printf '%s\n' "$*" 2>/dev/null || :
)

# The state belongs to every failure: whoever reads it must know what is there now.
die() {
  code=$1
  shift
  ENDED=yes
  printf 'install.sh: %s\ninstall.sh: %s\n' "$*" "$STATE" >&2 || :
  exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }

help() {
  cat <<END
Installs offload${VERSION:+ $VERSION (commit $COMMIT)}: one executable, which turns
NIC offloads off on a Xen dom0.

usage: sh install.sh [OPTION...]
       curl -q --proto '=https' -fsSL ${BASE_URL:-URL}/install.sh | sh -s -- [OPTION...]

  --version VERSION  OFFLOAD_VERSION      the version to install (default: ${VERSION:-the one in dist/});
                                          another is fetched with its own script, which has
                                          its checksums, from the same place
  --dir DIR          OFFLOAD_DIR          where to put it (default: /usr/local/bin)
  --base-url URL     OFFLOAD_BASE_URL     where to fetch it (default: ${BASE_URL:-none})
  --binary FILE      OFFLOAD_BINARY       no network: install this file, the executable or
                                          its compressed form
  --uninstall        OFFLOAD_UNINSTALL=1  undo what "offload persist" installed, then remove
                                          offload
  --force            OFFLOAD_FORCE=1      install although this is no dom0; uninstall although
                                          what persist installed cannot be undone; fetch
                                          another version without TLS
  --help                                  print this

A variable of the environment means the same as its option; the option counts more. It never asks.
A file of the release that lies beside this script is taken from there, without network. With
offload in /usr/local/bin come its completions, for those of bash, zsh and fish that are there, its
manual page, and the link by which XAPI calls it for --pool: /etc/xapi.d/plugins/offload.
Exit codes: 0 done or nothing to do, 1 failed, 2 usage, 3 not possible here.
END
}

usage_error() { die "$USAGE" "$1; --help lists the options"; }

set_value() {
  case $2 in
  '') usage_error "$1 needs a value" ;;
  -*) usage_error "$1 needs a value, and \"$2\" looks like an option" ;;
  esac
  case $1 in
  --version) WANTED=$2 ;;
  --dir) DIR=$2 ;;
  --base-url) URL=$2 ;;
  --binary) BINARY=$2 ;;
  esac
}

# A switch of the environment: 1 or 0 in some common spelling, and nothing else.
switch_of() {
  case $1 in
  '' | 0 | no | false) printf '' ;;
  1 | yes | true) printf yes ;;
  *) return 1 ;;
  esac
}

read_options() {
  DIR=${OFFLOAD_DIR:-/usr/local/bin}
  URL=${OFFLOAD_BASE_URL:-$BASE_URL}
  WANTED=${OFFLOAD_VERSION:-$VERSION}
  BINARY=${OFFLOAD_BINARY:-}
  UNINSTALL=$(switch_of "${OFFLOAD_UNINSTALL:-}") || usage_error "OFFLOAD_UNINSTALL is 1 or 0"
  FORCE=$(switch_of "${OFFLOAD_FORCE:-}") || usage_error "OFFLOAD_FORCE is 1 or 0"
  while [ "$#" -gt 0 ]; do
    case $1 in
    --version | --dir | --base-url | --binary)
      [ "$#" -ge 2 ] || usage_error "$1 needs a value"
      set_value "$1" "$2"
      shift
      ;;
    --version=* | --dir=* | --base-url=* | --binary=*) set_value "${1%%=*}" "${1#*=}" ;;
    --uninstall) UNINSTALL=yes ;;
    --force) FORCE=yes ;;
    --help | -h)
      help
      exit 0
      ;;
    *) usage_error "\"$1\" is no option of this script" ;;
    esac
    shift
  done
  case $WANTED in
  *[!0-9A-Za-z.+~-]*) usage_error "\"$WANTED\" is no version" ;;
  esac
  case $URL in
  '' | http://* | https://*) ;;
  *) usage_error "\"$URL\" is no address; it begins with https:// or http://" ;;
  esac
  URL=${URL%/}
}

# Everything the executable needs, found out before anything is fetched or written.
check_platform() {
  system=$(uname -s) && machine=$(uname -m) || die "$UNAVAILABLE" "uname does not say what system this is"
  [ "$system" = Linux ] && [ "$machine" = x86_64 ] ||
    die "$UNAVAILABLE" "offload runs on 64-bit x86 Linux only, and this is $system on $machine"
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=$(ldd --version 2>&1 | head -n 1) || libc=
  case $libc in
  *musl*) die "$UNAVAILABLE" "offload needs glibc 2.17 or newer, and this system has musl" ;;
  *' '[0-9]*.[0-9]*)
    libc=${libc##* }
    major=${libc%%.*} minor=${libc#*.}
    minor=${minor%%[!0-9]*}
    [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge 17 ]; } ||
      die "$UNAVAILABLE" "offload needs glibc 2.17 or newer, and this system has $libc; XenServer 7.1 is the oldest that it runs on"
    ;;
  *) ;; # Not told: the trial run decides.
  esac
  flags=$(sed -n '/^flags/{s/^[^:]*:\(.*\)/\1 /p;q;}' /proc/cpuinfo) ||
    die "$UNAVAILABLE" "cannot read from /proc/cpuinfo what this CPU has"
  for flag in $CPU_FLAGS; do
    case $flags in
    *" $flag "*) ;;
    *) die "$UNAVAILABLE" "offload needs a CPU with $flag (Intel since 2008, AMD since 2011), and this one has none" ;;
    esac
  done
  [ -f /etc/xensource-inventory ] || [ -n "$FORCE" ] ||
    die "$UNAVAILABLE" "this is no dom0 of XenServer or XCP-ng: there is no /etc/xensource-inventory; --force installs anyway"
  # dom0 has it. Without it nothing vouches for what was fetched, and root would run it.
  has sha256sum || die "$UNAVAILABLE" "sha256sum is missing: without it the download cannot be verified"
}

locate() {
  case $DIR in
  /*) ;;
  *) DIR=$(pwd)/$DIR ;;
  esac
  TARGET=$DIR/offload
  STATE="nothing was changed: there is no $TARGET"
  [ ! -e "$TARGET" ] || STATE="nothing was changed: $TARGET is what it was"
}

# A directory that is there, or whose parent is.
check_directory() {
  if [ -d "$DIR" ]; then
    [ -w "$DIR" ] || die "$UNAVAILABLE" "cannot write to $DIR; run this as root, or say --dir"
  else
    [ ! -e "$DIR" ] || die "$UNAVAILABLE" "$DIR is no directory; say another --dir"
    [ -d "$(dirname "$DIR")" ] || die "$UNAVAILABLE" "there is no $(dirname "$DIR"); make it first"
  fi
  [ ! -d "$TARGET" ] || die "$UNAVAILABLE" "$TARGET is a directory; move it away"
}

# A package manager that owns the file would find another one there at its next look.
refuse_packaged() {
  [ -e "$TARGET" ] && has rpm || return 0
  owner=$(rpm -qf "$TARGET" 2>/dev/null) || return 0
  die "$UNAVAILABLE" "$TARGET belongs to the package $owner; $1"
}

sha256_of() {
  sum=$(sha256sum <"$1") || sum=
  printf '%s' "${sum%% *}"
}

# Runs an offload without what the environment could make of it: some variables turn it into Bun itself.
run_offload() (
  program=$1
  shift
  unset BUN_BE_BUN BUN_OPTIONS BUN_INSPECT BUN_INSPECT_CONNECT_TO BUN_ENABLE_CRASH_REPORTING \
    BUN_CRASH_REPORT_URL BUN_CONFIG_VERBOSE_FETCH LD_PRELOAD
  "$program" "$@" </dev/null
)

version_of() {
  told=$(run_offload "$1" --version 2>/dev/null) || told=
  case $told in
  '' | *[!0-9A-Za-z.+~-]*) printf 'unknown version' ;;
  *) printf '%s' "$told" ;;
  esac
}

# A signal ends the script here: after what was running, and before the next step.
interrupted() {
  trap '' HUP INT TERM
  ENDED=yes
  printf 'install.sh: interrupted\ninstall.sh: %s\n' "$STATE" >&2 || :
  exit "$1"
}

# A program that fails where no failure is expected ends the script by "set -e", without a word of its own.
cleanup() {
  code=$?
  [ "$code" -eq 0 ] || [ -n "$ENDED" ] ||
    printf 'install.sh: failed: a program that this script needs ended with an error\ninstall.sh: %s\n' "$STATE" >&2 || :
  [ -z "$WORK" ] || rm -rf "$WORK"
  [ -z "$MADE" ] || rmdir "$MADE" 2>/dev/null || :
  [ -z "$COMPLETION" ] || rm -f "$COMPLETION"
}

# In the target directory, so that the last step is a rename in one file system. The name tells the
# process: what a killed run left behind is removed by the next one.
make_temporary() {
  trap 'interrupted 129' HUP
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  umask 022
  if [ ! -d "$DIR" ]; then
    mkdir "$DIR" || die "$UNAVAILABLE" "cannot make the directory $DIR"
    MADE=$DIR
  fi
  for left in "$DIR"/.offload-install.*; do
    [ -d "$left" ] || continue
    process=${left##*/.offload-install.}
    kill -0 "${process%%.*}" 2>/dev/null || rm -rf "$left"
  done
  WORK=$(mktemp -d "$DIR/.offload-install.$$.XXXXXX") ||
    die "$UNAVAILABLE" "cannot write to $DIR; say another --dir"
  printf '#!/bin/sh\nexit 0\n' >"$WORK/probe" && chmod 700 "$WORK/probe" ||
    die "$UNAVAILABLE" "cannot write to $DIR; is it full?"
  "$WORK/probe" 2>/dev/null ||
    die "$UNAVAILABLE" "the file system of $DIR lets nothing run (noexec); say another --dir"
}

# Bytes that have to fit into the target directory at the same time.
check_space() {
  needed=$((($1 + 1023) / 1024 + 1024))
  free=$(df -Pk "$DIR" | sed -n '$s/.*[[:space:]]\([0-9][0-9]*\)[[:space:]][[:space:]]*[0-9][0-9]*%.*/\1/p')
  case $free in
  '') return 0 ;; # A df of another kind: writing will tell.
  esac
  [ "$free" -ge "$needed" ] ||
    die "$UNAVAILABLE" "$DIR has $free kB free, and $needed kB are needed while installing"
}

# Options that wget needs so that it leaves https nowhere: it cannot be told which redirects to follow.
wget_options() {
  case $1 in
  https://*) wget_has max-redirect || die "$UNAVAILABLE" "this wget cannot be kept from leaving https; use curl, or copy the release to this host and say --binary FILE" ;;
  *) wget_has max-redirect || return 0 ;;
  esac
  printf '%s' '--max-redirect=0'
}

wget_has() { wget --help 2>&1 | grep -q -e "--$1"; }

# Runs a download that may not write more than so many bytes, nor take more than an hour. The size of a
# block is 512 or 1024 bytes, as the shell likes.
bounded() (
  ulimit -f $(($1 / 512 + 1))
  shift
  if has timeout; then exec timeout 3600 "$@"; else exec "$@"; fi
)

# Fetches an address into a file, of at most so many bytes; from https it never goes to http, which
# anybody on the way could answer. Only options that curl 7.29 and wget 1.14 have. Neither reads its
# configuration: that of a dom0's root may pin ciphers which the other side does not have, or anything else.
fetch() {
  say "fetching $1${4:+ ($((($3 + 999999) / 1000000)) MB)}"
  protocols='=http,https'
  case $1 in https://*) protocols='=https' ;; esac
  code=0
  if has curl; then
    bounded "$3" curl -q -fsSL --proto "$protocols" --proto-redir "$protocols" --retry 2 --connect-timeout 20 \
      --speed-limit 1000 --speed-time 60 -o "$2" "$1" || code=$?
  elif has wget; then
    options=$(wget_options "$1") || {
      code=$? ENDED=yes
      exit "$code"
    }
    if wget_has no-config; then options="--no-config -nv -t 3 -T 60 $options"; else options="-q $options"; fi
    # shellcheck disable=SC2086 # one word each
    bounded "$3" wget $options -O "$2" "$1" || code=$?
  else
    die "$UNAVAILABLE" "neither curl nor wget is here; copy the release to this host and say --binary FILE"
  fi
  [ "$code" -eq 0 ] && return 0
  [ ! -f "$2" ] || [ "$(wc -c <"$2")" -le "$3" ] ||
    die "$FAILED" "$1 is larger than the $3 bytes that it may have: it is another file"
  return 1
}

# A checksum that does not match has a plainer reason most of the time.
verify() {
  [ "$(sha256_of "$1")" != "$3" ] || return 0
  size=$(wc -c <"$1")
  case $(head -c 512 "$1" | tr -d '\000' | tr '[:upper:]' '[:lower:]') in
  *'<!doctype'* | *'<html'*) die "$FAILED" "$4 is a web page, not the file; is the address right?" ;;
  esac
  [ "$size" -eq "$2" ] || die "$FAILED" "$4 has $((size)) bytes instead of $2: it is incomplete or another file"
  die "$FAILED" "$4 has the wrong SHA-256: it is damaged, or not the file that was released"
}

# The checksums in this script vouch for its own version, and nothing but the connection for the script of another.
# A key vouches for both, whoever serves the files.
check_signature() {
  [ -n "$SIGNING_KEY" ] || return 0
  for tool in gpgv base64; do
    has "$tool" || die "$UNAVAILABLE" "$tool is missing, so the signature of the release cannot be verified; copy the release to this host and say --binary FILE"
  done
  for file in SHA256SUMS SHA256SUMS.sig; do
    fetch "$URL/$file" "$WORK/$file" "$MAX_SCRIPT_SIZE" || die "$FAILED" "cannot fetch $URL/$file, so the signature of the release cannot be verified"
  done
  printf '%s' "$SIGNING_KEY" | base64 -d >"$WORK/key.gpg" || die "$FAILED" "cannot write to $DIR; is it full?"
  gpgv --homedir "$WORK" --keyring "$WORK/key.gpg" "$WORK/SHA256SUMS.sig" "$WORK/SHA256SUMS" >/dev/null 2>&1 ||
    die "$FAILED" "$URL/SHA256SUMS is not signed with the key of this script"
  grep -qxF "$(sha256_of "$2")  $1" "$WORK/SHA256SUMS" ||
    die "$FAILED" "$URL/$1 is not the file that the signed SHA256SUMS names"
}

unpack() {
  xz -dc <"$1" >"$WORK/offload" || die "$FAILED" "cannot unpack $1; is $DIR full?"
}

take() {
  cat <"$1" >"$WORK/offload" || die "$FAILED" "cannot copy $1; is $DIR full?"
}

# A file of this release by what is in it, whatever it is called.
take_local() {
  [ -f "$1" ] && [ -r "$1" ] || die "$USAGE" "cannot read $1"
  if [ -z "$VERSION" ]; then
    check_space "$(wc -c <"$1")"
    case $1 in
    *.xz) unpack "$1" ;;
    *) take "$1" ;;
    esac
    return 0
  fi
  case $(sha256_of "$1") in
  "$RAW_SHA256")
    check_space "$RAW_SIZE"
    take "$1"
    ;;
  "$XZ_SHA256")
    has xz || die "$UNAVAILABLE" "xz is missing, so $1 cannot be unpacked; take $RAW_NAME instead"
    check_space "$RAW_SIZE"
    unpack "$1"
    ;;
  *) die "$FAILED" "$1 is no file of offload $VERSION: its SHA-256 is neither that of $XZ_NAME nor that of $RAW_NAME" ;;
  esac
}

take_remote() {
  [ -n "$URL" ] || die "$USAGE" "say where to fetch from, --base-url URL, or what to install, --binary FILE"
  if has xz; then
    check_space $((RAW_SIZE + XZ_SIZE))
    fetch "$URL/$XZ_NAME" "$WORK/download" "$XZ_SIZE" MB || die "$FAILED" "cannot fetch $URL/$XZ_NAME"
    verify "$WORK/download" "$XZ_SIZE" "$XZ_SHA256" "$URL/$XZ_NAME"
    check_signature "$XZ_NAME" "$WORK/download"
    unpack "$WORK/download"
    rm -f "$WORK/download"
  else
    check_space "$RAW_SIZE"
    fetch "$URL/$RAW_NAME" "$WORK/offload" "$RAW_SIZE" MB || die "$FAILED" "cannot fetch $URL/$RAW_NAME"
    verify "$WORK/offload" "$RAW_SIZE" "$RAW_SHA256" "$URL/$RAW_NAME"
    check_signature "$RAW_NAME" "$WORK/offload"
  fi
  verify "$WORK/offload" "$RAW_SIZE" "$RAW_SHA256" "$URL/$RAW_NAME"
}

# Where this script is a file, the release or the checkout may lie around it.
beside() {
  case ${0##*/} in
  install*.sh) [ -f "$0" ] || return 0 ;;
  *) return 0 ;;
  esac
  here=$(dirname "$0")
  for file in ${VERSION:+"$here/$XZ_NAME"} ${VERSION:+"$here/$RAW_NAME"} "$here/dist/offload"; do
    [ -f "$file" ] || continue
    case $file in
    "$here/$XZ_NAME") has xz || continue ;;
    "$here/dist/offload") [ -z "$VERSION" ] || continue ;;
    esac
    printf '%s' "$file"
    return 0
  done
}

# The script of another release vouches for it, with the checksums in it; nothing vouches for that
# script but the connection, as nothing else vouched for this one, unless there is a key. Where each version
# has a folder of its own, as on GitHub, that of the other one is meant.
install_other_version() {
  [ -z "$BINARY" ] || die "$USAGE" "this script is of offload ${VERSION:-without a release}, and cannot tell whether $BINARY is $WANTED"
  [ -n "$URL" ] || die "$USAGE" "this script installs offload ${VERSION:-of a checkout}; for $WANTED say where it is: --base-url URL"
  case $URL in
  https://*) ;;
  *) [ -n "$FORCE" ] || die "$UNAVAILABLE" "the script of offload $WANTED would be fetched without TLS and run; take https, or its own install.sh, or --force" ;;
  esac
  case $URL in
  */v"${VERSION:-none}") URL=${URL%"$VERSION"}$WANTED ;;
  esac
  make_temporary
  script=$URL/install-$WANTED.sh
  fetch "$script" "$WORK/install.sh" "$MAX_SCRIPT_SIZE" || die "$FAILED" "cannot fetch $script; is there an offload $WANTED?"
  # shellcheck disable=SC2016 # the line itself
  [ "$(tail -n 1 "$WORK/install.sh")" = 'main "$@"' ] && grep -qxF "VERSION='$WANTED'" "$WORK/install.sh" ||
    die "$FAILED" "$script is not the whole install script of offload $WANTED"
  check_signature "install-$WANTED.sh" "$WORK/install.sh"
  code=0
  sh "$WORK/install.sh" --version "$WANTED" --dir "$DIR" --base-url "$URL" ${FORCE:+--force} </dev/null || code=$?
  [ ! -e "$TARGET" ] || MADE=
  exit "$code"
}

# To disk before its name is: after a power cut there is the old file or the new one, not an empty one.
to_disk() {
  dd if=/dev/null of="$1" conv=notrunc,fsync 2>/dev/null || die "$FAILED" "cannot write to $DIR"
}

# Where the shells of a dom0 look for the completion of a command, and man for its page.
completion_file() {
  case $1 in
  bash) printf /usr/share/bash-completion/completions/offload ;;
  zsh) printf /usr/share/zsh/site-functions/_offload ;;
  fish) printf /usr/share/fish/vendor_completions.d/offload.fish ;;
  man) printf /usr/share/man/man8/offload.8 ;;
  esac
}

# A link, a file that a package owns, or that says nothing of offload, is someone else's.
own_completion() {
  [ -f "$1" ] && [ ! -L "$1" ] || return 1
  head -n 2 "$1" 2>/dev/null | grep -q "made by offload completions $2" || return 1
  ! has rpm || ! rpm -qf "$1" >/dev/null 2>&1
}

# Completions and the manual page are for the command that everybody finds, and for the shells and the man that
# are there. They are an extra: where one cannot be written, offload is installed all the same.
for_everybody() {
  case $DIR in
  /usr/local/bin | /usr/local/sbin | /usr/bin | /usr/sbin) ;;
  *) return 1 ;;
  esac
}

completion_name() { if [ "$1" = man ]; then printf 'manual page'; else printf 'completions of %s' "$1"; fi; }

install_completions() {
  for_everybody || return 0
  for shell in bash zsh fish man; do
    file=$(completion_file "$shell")
    [ -d "${file%/*}" ] || continue
    { [ ! -e "$file" ] && [ ! -L "$file" ]; } || own_completion "$file" "$shell" || continue
    COMPLETION=$(mktemp "${file%/*}/.offload.XXXXXX" 2>/dev/null) || {
      say "$(completion_name "$shell") not installed: cannot write to ${file%/*}"
      continue
    }
    if run_offload "$TARGET" completions "$shell" >"$COMPLETION" 2>/dev/null &&
      chmod 644 "$COMPLETION" && mv -f "$COMPLETION" "$file"; then
      say "$(completion_name "$shell"): $file"
    else
      # Another version may have none, and then has no use for those of the one before.
      rm -f "$COMPLETION" "$file"
    fi
    COMPLETION=
  done
}

remove_completions() {
  for_everybody || return 0
  for shell in bash zsh fish man; do
    file=$(completion_file "$shell")
    [ -f "$file" ] && own_completion "$file" "$shell" || continue
    if rm -f "$file"; then say "removed: $file"; else say "cannot remove $file"; fi
  done
}

# Where XAPI looks for plugins (xapi_globs.ml): "offload ... --pool" is done by each host itself, which
# XAPI calls by this link. Where there is no such directory there is no XAPI to call it.
PLUGIN=/etc/xapi.d/plugins/offload

own_plugin() { [ -L "$PLUGIN" ] && [ "$(readlink "$PLUGIN")" = "$TARGET" ]; }

# Tells what it did; nothing where there was nothing to do. Whatever else has that name stays.
install_plugin() {
  for_everybody && [ -d "${PLUGIN%/*}" ] && ! own_plugin || return 0
  if [ -e "$PLUGIN" ] || [ -L "$PLUGIN" ]; then
    say "$PLUGIN is there already and is not this offload: it was left alone, and what it is answers to --pool"
  elif ln -s "$TARGET" "$PLUGIN" 2>/dev/null; then
    say "plugin of XAPI, for --pool: $PLUGIN"
  else
    say "not a plugin of XAPI, and so without --pool: cannot write to ${PLUGIN%/*}"
  fi
}

remove_plugin() {
  for_everybody && own_plugin || return 0
  if rm -f "$PLUGIN"; then say "removed: $PLUGIN"; else say "cannot remove $PLUGIN"; fi
}

# The command that removes what this run has installed.
removal() {
  words="--uninstall"
  [ "$DIR" = /usr/local/bin ] || words="$words --dir $DIR"
  case ${0##*/} in
  install*.sh) printf 'sh %s %s' "$0" "$words" ;;
  *)
    if [ -n "$URL" ] && [ -z "$source" ]; then
      protocol=
      case $URL in https://*) protocol=" --proto '=https'" ;; esac
      printf 'curl -q%s -fsSL %s/install.sh | sh -s -- %s' "$protocol" "$URL" "$words"
    else
      printf 'this script with %s' "$words"
    fi
    ;;
  esac
}

install_offload() {
  locate
  check_platform
  check_directory
  refuse_packaged "update it with rpm -U, or say another --dir"
  [ "$WANTED" = "$VERSION" ] || install_other_version

  source=$BINARY
  [ -n "$source" ] || source=$(beside)
  [ -n "$source" ] || [ -n "$VERSION" ] ||
    die "$USAGE" "this script is not of a release and has no checksums: build first (scripts/build), say --binary FILE, or take the install.sh of a release"
  wanted=$RAW_SHA256
  if [ -z "$VERSION" ] && [ -f "$source" ]; then
    case $source in
    *.xz) ;;
    *) wanted=$(sha256_of "$source") ;;
    esac
  fi
  if [ -n "$wanted" ] && [ -f "$TARGET" ] && [ -x "$TARGET" ] && [ "$(sha256_of "$TARGET")" = "$wanted" ]; then
    linked=$(install_plugin)
    say "offload ${VERSION:-of this checkout} is installed already: $TARGET; ${linked:-nothing was changed}"
    return 0
  fi

  make_temporary
  if [ -n "$source" ]; then take_local "$source"; else take_remote; fi
  [ -z "$RAW_SHA256" ] || verify "$WORK/offload" "$RAW_SIZE" "$RAW_SHA256" "${source:-$URL/$RAW_NAME}"
  chmod 755 "$WORK/offload"
  told=$(cd "$WORK" && run_offload ./offload --version) ||
    die "$FAILED" "offload does not run on this system"
  [ -z "$VERSION" ] || [ "$told" = "$VERSION" ] ||
    die "$FAILED" "what was fetched calls itself \"$told\" instead of $VERSION"
  to_disk "$WORK/offload"

  before=
  [ ! -e "$TARGET" ] || before=$(version_of "$TARGET")
  unmoved=$STATE
  STATE="there is no $TARGET, or the new one, whole"
  [ -z "$before" ] || STATE="$TARGET is the old one or the new one, whole"
  # A rename: whoever runs the old one keeps it to its end.
  mv -f "$WORK/offload" "$TARGET" || {
    STATE=$unmoved
    die "$FAILED" "cannot move offload to $TARGET"
  }
  MADE=
  STATE="offload $told is installed: $TARGET"
  say "offload $told is installed: $TARGET${before:+ (was: $before)}"
  install_completions
  install_plugin
  found=$(command -v offload 2>/dev/null) || found=
  case $found in
  "$TARGET") ;;
  '') say "$DIR is not in PATH: call it as $TARGET" ;;
  *) say "\"offload\" means $found in this shell, not $TARGET" ;;
  esac
  say "next: offload status; offload disable ALL"
  say "to remove it: $(removal)"
}

uninstall_offload() {
  locate
  check_directory
  if [ ! -e "$TARGET" ] && [ ! -L "$TARGET" ]; then
    gone=$(remove_completions && remove_plugin)
    if [ -n "$gone" ]; then say "$gone"; else say "there is no $TARGET; nothing was changed"; fi
    return 0
  fi
  refuse_packaged "remove it with rpm -e"
  say "offloads that were turned off stay off; to have back what was there before, run offload restore before --uninstall"
  STATE="$TARGET is still there, and so is what it installed for boot"
  # Only offload itself knows what it wrote for boot; without it that would stay for ever.
  if ! run_offload "$TARGET" persist --remove; then
    [ -n "$FORCE" ] ||
      die "$FAILED" "\"offload persist --remove\" failed; fix that, or pass --force to leave behind what runs at boot"
    say "left behind: what \"offload persist\" installed for boot"
  fi
  STATE="$TARGET is still there; what it installed for boot is gone"
  remove_plugin
  rm -f "$TARGET" || die "$FAILED" "cannot remove $TARGET"
  say "removed: $TARGET"
  remove_completions
  [ ! -d /var/lib/offload ] ||
    say "kept: /var/lib/offload, with the exact state of devices before this boot's changes; remove it by hand"
  say "offloads that were turned off stay off, now and by the settings in XAPI; to restore what was there before, install offload again and run: offload restore"
}

main() {
  # Cut in its last line, the script would run without the options that it was given.
  [ "$#" -eq "$GIVEN" ] || die "$FAILED" "this script arrived incomplete"
  LC_ALL=C
  export LC_ALL
  # What the environment can set for every bash that starts.
  set +fC
  [ -z "${BASH_VERSION:-}" ] || eval 'shopt -u failglob nullglob nocasematch'
  # With standard output closed, the pipe of a $(...) would take its place.
  [ -e /proc/self/fd/1 ] || exec >/dev/null
  trap cleanup EXIT
  read_options "$@"
  if [ -n "$UNINSTALL" ]; then uninstall_offload; else install_offload; fi
}

GIVEN=$#
main "$@"
