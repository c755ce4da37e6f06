/** What kind of thing makes a third-party file run, with when that is. */
export const HOOK_EVENTS = {
  "rc.local": "at boot",
  "udev rule": "when a device appears or changes",
  "systemd unit": "when the unit starts",
  cron: "by the clock",
  "toolstack hook": "when the toolstack calls it",
  "network script": "when an interface comes up",
  "module options": "when the driver is loaded",
  "link file": "when udev finds the device",
  script: "when it is run",
} as const;

/** What kind of thing makes a third-party file run. */
export type HookType = keyof typeof HOOK_EVENTS;
