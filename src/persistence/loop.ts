import { shellQuoted } from "../offload/by-hand.ts";
import type { Keyword } from "../offload/features.ts";

/** What the loop keeps off, and where. */
export interface LoopPlan {
  readonly keywords: readonly Keyword[];
  /** The devices by name. One that is absent when the loop runs is no failure. */
  readonly devices: readonly string[];
  /** Whether it covers, besides those, every NIC that it finds when it runs. */
  readonly everyNic: boolean;
}

/**
 * What `ethtool -k` calls the features that `ethtool -K` takes by keyword: the long names of ethtool's
 * off_flag_def table, the same in 3.15, 4.19 and 6.x. `-K` of 3.15 and 4.19 does not take them.
 */
const LONG_NAMES = {
  rx: "rx-checksumming",
  tx: "tx-checksumming",
  sg: "scatter-gather",
  tso: "tcp-segmentation-offload",
  ufo: "udp-fragmentation-offload",
  gso: "generic-segmentation-offload",
  gro: "generic-receive-offload",
  lro: "large-receive-offload",
  rxvlan: "rx-vlan-offload",
  txvlan: "tx-vlan-offload",
  rxhash: "receive-hashing",
  ntuple: "ntuple-filters",
} as const satisfies Readonly<Record<Keyword, string>>;

/**
 * The loop as one subshell, from `(` to `)` without a newline after it: nothing of it leaks into the
 * script around it, whose arguments, options, IFS and PATH it does not depend on. Exits with 0 when what
 * can be off is off on every device, with 1 when something is not, with 3 where there is no ethtool.
 * Under `sh -e` that status would end the script around it: an rc.local wants `|| :` after the `)`.
 *
 * NICs are found by what they are. One that still bears a name such as `side-0-eth1` is found by that,
 * and keeps its features when it is renamed; one that is only named here has to have its name by then,
 * which it has after interface-rename.service, thus after network.target and xcp-networkd.service.
 */
export function loopScript(plan: LoopPlan): string {
  return subshell(plan, deviceLines(plan));
}

/**
 * The loop as a script of its own. Arguments, if there are any, name the devices to go through instead
 * of those of the plan.
 */
export function loopFile(plan: LoopPlan): string {
  const lines = deviceLines(plan).map((line) => (line === "" ? "" : `  ${line}`));
  return `#!/bin/sh
# Turns offloads of network devices off. \`offload persist\` wrote this file, to be run at boot and for
# devices that appear later; \`offload persist --remove\` takes it away. It may be run at any time: what
# is off already is left alone. It needs ethtool and nothing else.
#
# Arguments: none, for the devices listed at its end, or the names of others instead of those.
# Exit status: 0 when everything that can be off is off, 1 when something is not, 3 without ethtool.
${subshell(plan, ["if [ $# -eq 0 ]; then", ...lines, "fi"])}
`;
}

function subshell({ keywords }: LoopPlan, devices: readonly string[]): string {
  const names = [...new Set(keywords)].map(
    (keyword) => `        ${LONG_NAMES[keyword]}) feature=${keyword} ;;`,
  );
  return [
    "(",
    PREPARATION,
    "",
    stillOn(names),
    "",
    TURN_OFF,
    "",
    ...indented(devices),
    GO,
    ")",
  ].join("\n");
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line === "" ? "" : `  ${line}`));
}

/** The lines that make the devices the positional parameters. */
function deviceLines({ devices, everyNic }: LoopPlan): readonly string[] {
  const words = [...new Set(devices)].map(shellQuoted);
  const named = ["set --", ...words].join(" ");
  return everyNic ? [named, ...EVERY_NIC.split("\n")] : [named];
}

/** The script around a subshell may have set any of this; `unset IFS` means the default. */
const PREPARATION = `  set +efu
  # shellcheck disable=SC3044 # Known to bash alone, which may take a pattern without a match for an error.
  shopt -u failglob 2> /dev/null || :
  unset IFS
  PATH=\${PATH:+$PATH:}/sbin:/usr/sbin
  status=0

  if ! command -v ethtool > /dev/null; then
    echo 'offload: ethtool is neither in PATH nor in /sbin or /usr/sbin' >&2
    exit 3
  fi`;

/**
 * The reader. A line such as `tx-checksumming: on` is followed by its parts, indented, where the kernel
 * knows several features under that name, and by none where it knows just one (dump_features in ethtool).
 * Only plain sh: neither awk nor a here-document, which bash writes to a file that a full disk refuses.
 */
function stillOn(names: readonly string[]): string {
  return `  # Prints the features of device $1 that can be off and are not. "[fixed]" cannot be off;
  # "off [requested on]" is going to come on by itself. Fails where the device cannot be read.
  still_on() {
    text=$(ethtool -k "$1" 2> /dev/null) || return 1
    feature='' on=no parts=no
    # A feature is printed when the next line that is not indented comes; the dot is the last such line.
    printf '%s\\n' "$text" . | while IFS= read -r line; do
      case $line in
      [[:blank:]]*) # Parts of the feature: they count, and the line above that sums them up does not.
        [ $parts = yes ] || on=no
        parts=yes
        ;;
      *)
        [ $on = no ] || echo "$feature"
        on=no parts=no
        case \${line%%:*} in
${names.join("\n")}${names.length > 0 ? "\n" : ""}        *) feature='' ;;
        esac
        ;;
      esac
      [ -n "$feature" ] || continue
      case $line in
      *'[fixed]') ;;
      *': on'* | *'[requested on]') on=yes ;;
      esac
    done
  }`;
}

/**
 * The writer. It names only what has to change: a keyword that this ethtool or this kernel does not know
 * never gets into the call, of which 4.19 would refuse the whole for one unknown word. The exit status
 * of `ethtool -K` says nothing: 4.19 has 0 when any bit changed, whether the wanted one or not, and 1
 * when none changed though all are as wanted (do_sfeatures in ethtool).
 */
const TURN_OFF = `  # Sets \`left\` to what is still on. Fails where that cannot be read: a device that is gone is no
  # failure of the whole, one that is there is.
  look() {
    left=$(still_on "$1") && return 0
    if [ -e "/sys/class/net/$1/ifindex" ] || [ ! -d /sys/class/net ]; then
      printf 'offload: %s: its features cannot be read\\n' "$1" >&2
      status=1
    else
      printf 'offload: %s: no such device\\n' "$1"
    fi
    return 1
  }

  # Judges by reading back: the exit status of ethtool -K does not tell what is on.
  turn_off() {
    device=$1
    look "$device" || return 0
    [ -n "$left" ] || return 0
    # Everything in one call: a NIC that resets on a change resets once.
    set --
    for feature in $left; do set -- "$@" "$feature" off; done
    ethtool -K "$device" "$@" > /dev/null 2>&1 || :
    look "$device" || return 0
    # What is left may have been refused along with something else, or by a busy driver: each by itself.
    if [ -n "$left" ]; then
      for feature in $left; do ethtool -K "$device" "$feature" off > /dev/null 2>&1 || :; done
      look "$device" || return 0
    fi
    for feature in $left; do
      printf 'offload: %s: %s could not be turned off\\n' "$device" "$feature" >&2
      status=1
    done
  }`;

/**
 * Finds NICs. Only a device with hardware, real or virtual, behind it has the link `device`: the kernel
 * gives none to lo, bridges, bonds, VLANs, taps and tunnels. netback's vifs have one, to the bus
 * xen-backend (xenbus_probe_backend.c).
 */
const EVERY_NIC = `# And every other NIC that is there now, whatever its name: if it is renamed later, it keeps its features.
for nic in /sys/class/net/*; do
  [ -e "$nic/device" ] || continue        # Nothing behind it: lo, bridge, bond, VLAN, tap.
  [ -e "$nic/device/physfn" ] && continue # A virtual function (SR-IOV), which is for a guest.
  case $(cd "$nic/device/subsystem" 2> /dev/null && pwd -P) in
  */xen-backend) continue ;;              # The vif of a guest.
  esac
  for device in "$@"; do
    [ "$device" = "\${nic##*/}" ] && continue 2
  done
  set -- "$@" "\${nic##*/}"
done`;

const GO = `  for device in "$@"; do turn_off "$device"; done
  exit $status`;
