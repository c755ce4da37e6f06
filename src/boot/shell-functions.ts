import type { Feature } from "../core/features.ts";

/**
 * What `ethtool -k` calls the features that `ethtool -K` takes by name: the long names of ethtool's
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
} as const satisfies Readonly<Record<Feature, string>>;

/**
 * Looks for ethtool, and bounds every call of a program in time: a driver may hang, and VMs start only when the
 * script has ended. That of busybox has no `-k`, or other arguments, so it is probed.
 */
export const PREPARATION = `PATH=\${PATH:+$PATH:}/sbin:/usr/sbin:/bin:/usr/bin:/usr/local/bin
export PATH
status=0

if ! command -v ethtool > /dev/null; then
  echo 'offload: ethtool is neither in PATH nor in /sbin or /usr/sbin' >&2
  exit 3
fi

if timeout -k 5 10 true 2> /dev/null; then
  bounded() { timeout -k 5 10 "$@"; }
elif timeout 10 true 2> /dev/null; then
  bounded() { timeout 10 "$@"; }
else
  bounded() { "$@"; }
fi`;

/**
 * The reader. A line such as `tx-checksumming: on` is followed by its parts, indented, where the kernel
 * knows several features under that name, and by none where it knows just one (dump_features in ethtool).
 * Only plain sh: neither awk nor a here-document, which bash writes to a file that a full disk refuses.
 */
export const STILL_ON = `# Prints those of $features that device $1 has on and that can be off. "[fixed]" cannot be off;
# "off [requested on]" is going to come on by itself. Fails where the device cannot be read.
still_on() {
  text=$(bounded ethtool -k "$1" 2> /dev/null) || return 1
  case $text in
  *': on'* | *': off'*) ;;
  *) return 1 ;; # Not what ethtool prints.
  esac
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
${Object.entries(LONG_NAMES)
  .map(([feature, name]) => `      ${name}) feature=${feature} ;;`)
  .join("\n")}
      *) feature='' ;;
      esac
      ;;
    esac
    case " $features " in
    *" $feature "*) ;;
    *) continue ;;
    esac
    case $line in
    *'[fixed]') ;;
    *': on'* | *'[requested on]') on=yes ;;
    esac
  done
}`;

/**
 * The writer. It names only what has to change: a name that this ethtool or this kernel does not know
 * never gets into the call, of which 4.19 would refuse the whole for one unknown word. The exit status
 * of `ethtool -K` is no verdict: 3.15 and 4.19 have 0 when any bit changed, whether the wanted one or not, and when
 * all were as wanted before; 1 only when nothing changed and a feature is not as wanted, so that the same call ends
 * with 0 the first time and with 1 the second (do_sfeatures in ethtool; measured on kernels 4.4 and 4.19).
 */
export const TURN_OFF = `# Sets \`left\` to what is still on. Fails where that cannot be read: a device that is gone is no
# failure of the whole, one that is there is.
read_left() {
  left=$(still_on "$1") && return 0
  if [ -e "/sys/class/net/$1/ifindex" ] || [ ! -d /sys/class/net ]; then
    printf 'offload: %s: its features cannot be read\\n' "$1" >&2
    status=1
  else
    printf 'offload: %s: no such device\\n' "$1"
  fi
  return 1
}

# Turns $features of device $1 off. Decides by reading back: the exit status of ethtool -K does not
# tell what is on.
turn_off() {
  device=$1
  read_left "$device" || return 0
  [ -n "$left" ] || return 0
  # Everything in one call: a NIC that resets on a change resets once.
  hangs=no
  set --
  for feature in $left; do set -- "$@" "$feature" off; done
  bounded ethtool -K "$device" "$@" > /dev/null 2>&1 || case $? in
  124 | 137 | 143) hangs=yes ;; # Ended by timeout.
  esac
  read_left "$device" || return 0
  # What is left may have been refused along with something else, or by a busy driver: each by itself.
  # Not of a driver that hangs: each call would take as long, and VMs wait.
  if [ -n "$left" ] && [ $hangs = no ]; then
    for feature in $left; do bounded ethtool -K "$device" "$feature" off > /dev/null 2>&1 || :; done
    read_left "$device" || return 0
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
export const IS_NIC = `# Whether $1 is a NIC of this host.
is_nic() {
  [ -e "/sys/class/net/$1/device" ] || return 1          # Nothing behind it: lo, bridge, bond, VLAN, tap.
  [ ! -e "/sys/class/net/$1/device/physfn" ] || return 1 # A virtual function (SR-IOV), which is for a guest.
  case $(cd "/sys/class/net/$1/device/subsystem" 2> /dev/null && pwd -P) in
  */xen-backend) return 1 ;;                             # The vif of a guest.
  esac
}`;

/** The keys are those of every dom0; a host without xenstore has no guests that could be told apart. */
export const READ_XENSTORE = `read_xenstore() { bounded xenstore-read "$1" 2> /dev/null; }`;

/** xenopsd writes the key when it makes the domain, before there are interfaces (xenopsd domain.ml make). */
export const VM_OF = `# Prints the UUID of the VM that the vif or tap $1 belongs to.
vm_of() {
  domid=\${1#???}
  vm=$(read_xenstore "/local/domain/\${domid%%.*}/vm") || return 1
  printf '%s\\n' "\${vm#/vm/}"
}`;

/**
 * vif-real applies XAPI's settings of the VIF, such as the ethtool-tx=true of Xen Orchestra, and then writes
 * hotplug-status. Where udev runs it, that is done when udev runs this script; where xenopsd does
 * (run_hotplug_scripts), it is perhaps still to come. To be waited for in the event `online` only: vif-real is
 * started after the event `add` of the device has been dealt with.
 */
export const WAIT_FOR_TOOLSTACK = `# Waits until the toolstack has set up interface $2 of domain $1, for a few seconds at most.
wait_for_toolstack() {
  command -v xenstore-read > /dev/null || return 0
  for attempt in 1 2 3 4 5; do
    [ "$(read_xenstore "/local/domain/0/backend/vif/$1/$2/hotplug-status")" = connected ] && return 0
    [ "$attempt" = 5 ] || sleep 1
  done
}`;
