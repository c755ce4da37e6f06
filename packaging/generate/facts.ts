/** When the words of the man page last changed. */
export const REVISED = "November 28, 2026";

/** What the program is for, as the man page and the reference say it. */
export const PURPOSE = [
  "Checksum, segmentation and receive offloads corrupt or slow down traffic for some NICs and guests of a Xen dom0. This program turns them off on XenServer and XCP-ng with one command, says what is true afterwards, keeps it true, and restores exactly what was there.",
] as const;

/** The layers in which an offload can be on or off. */
export const LAYERS: readonly (readonly [string, string])[] = [
  ["live", "The features of the network device in the kernel, now."],
  [
    "xapi",
    "Settings in other-config:ethtool-* of the PIF or VIF. They survive reboots and upgrades, and the toolstack applies them when it plugs the interface. Policy and originals are stored beside them, in keys that begin with offload-.",
  ],
  ["boot", "What offload persist has installed on this host."],
];

/** What is read and written where. */
export const FILES: readonly (readonly [string, string])[] = [
  [
    "/var/lib/offload",
    "What belongs to this boot: exact features before the first change, the pending change; the lock is on the directory itself.",
  ],
  ["/etc/offload/disable-offloads", "The boot script that persist installs; plain sh."],
  ["/etc/systemd/system/offload.service", "The unit that runs the boot script."],
  ["/etc/rc.d/rc.local", "One marked block, where systemd does not run the boot script."],
  ["/etc/udev/rules.d/zz-offload.rules", "The rule that runs it for interfaces that appear later."],
  ["/var/lib/xcp/xapi", "The socket of XAPI."],
  ["/var/lib/xcp/networkd.db", "Read: what networkd applies when it starts."],
  ["/etc/xensource-inventory", "Read: it names this host."],
];

/** What the environment has a say in. */
export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "With any value, even an empty one: no color."],
  ["TERM", "With dumb: no color, and nothing that moves. With dumb or linux: ASCII only."],
  ["OFFLOAD_DEBUG", "With 1: an internal error shows where it came from."],
];

/** The exit codes of every command. */
export const EXITS: readonly (readonly [string, string])[] = [
  ["0", "Done; of verify: off now, and nothing known will turn it on again."],
  ["1", "Partly: something that could be off is on or will come back, or a setting or boot piece is missing or wrong."],
  ["2", "Usage: a wrong flag, a bad or ambiguous target, or not confirmed. Nothing was changed."],
  ["3", "Could not be determined, or is not possible here: not root, no dom0, XAPI does not answer."],
  ["130, 143", "Ended by that signal."],
];
