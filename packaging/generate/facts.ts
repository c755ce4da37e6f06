/** When the words of the man page last changed. */
export const REVISED = "November 22, 2026";

/** What the program is for, as the man page and the reference say it. */
export const PURPOSE = [
  "Checksum, segmentation and receive offloads corrupt or slow down traffic for some NICs and guests of a Xen dom0. This program turns them off on XenServer and XCP-ng with one command, says what is true afterwards, keeps it true, and puts back exactly what was there.",
] as const;

/** The layers in which an offload can be on or off. */
export const LAYERS: readonly (readonly [string, string])[] = [
  ["live", "The features of the network device in the kernel, now."],
  [
    "recorded",
    "other-config:ethtool-* of the PIF or VIF in XAPI. It survives reboots and upgrades, and the toolstack applies it when it plugs the interface.",
  ],
  ["boot", "What offload persist has installed on this host."],
];

/** What is read and written where. */
export const FILES: readonly (readonly [string, string])[] = [
  ["/var/lib/offload", "What was there before the first change, and what was turned off."],
  ["/etc/offload/loop", "The loop that persist installs; plain sh."],
  ["/etc/systemd/system/offload.service", "The unit that runs the loop at boot."],
  ["/etc/rc.d/rc.local", "One marked block, where systemd does not run the loop."],
  ["/etc/udev/rules.d/95-offload.rules", "The rule for interfaces that appear later."],
  ["/var/lib/xcp/xapi", "The socket of XAPI."],
  ["/etc/xensource-inventory", "Read: it names this host."],
];

/** What the environment has a say in. */
export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "With any value, even an empty one: no colour."],
  ["TERM", "With dumb: no colour, and nothing that moves. With dumb or linux: ASCII only."],
  ["OFFLOAD_DEBUG", "With 1: an internal error shows where it came from."],
];

/** The exit codes of every command. */
export const EXITS: readonly (readonly [string, string])[] = [
  ["0", "Done, or all that was asked for is off."],
  [
    "1",
    "Partly: something that could be off is on, or a record or boot piece is missing or wrong.",
  ],
  ["2", "Usage: a wrong flag, a bad or ambiguous target, or not confirmed. Nothing was touched."],
  [
    "3",
    "Could not be determined, or is not possible here: not root, no dom0, XAPI does not answer.",
  ],
  ["130, 143", "Ended by that signal."],
];
