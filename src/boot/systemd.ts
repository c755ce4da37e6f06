import { existsSync } from "node:fs";
import { refusedError, unavailableError } from "../core/command-error.ts";
import { OwnLink } from "../fs/own-file.ts";
import { runProgram, runProgramOrFail } from "../fs/process.ts";
import {
  BOOT_SCRIPT_PATH,
  OTHER_UNIT_PATHS,
  SYSTEMD_RUN_DIRECTORY,
  UNIT_ENABLED_LINK,
  UNIT_NAME,
  UNIT_PATH,
} from "../paths.ts";
import { compareFile, createSignedFile, HEADER } from "./signed-file.ts";

/**
 * The unit: after networkd, which sets receive offloads of its own at every plug, and after XAPI's
 * start of day; before VMs are started by themselves (xapi-domains.service). Ordering after a unit
 * that does not exist is no error. Only directives that systemd 219 knows.
 *
 * VMs wait for it, so all of it is bounded in time. The boot script is first rewritten from the policy in
 * XAPI; where that fails, or offload is gone, the one that is there does.
 */
export const UNIT = `${HEADER}
[Unit]
Description=Network offloads off
After=network.target systemd-udev-settle.service xcp-networkd.service xapi-init-complete.target
Before=xapi-domains.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=90
TimeoutStopSec=10
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStartPre=-/bin/sh -c "! command -v offload > /dev/null || exec timeout -k 5 30 offload refresh-boot-script"
ExecStart=/bin/sh ${BOOT_SCRIPT_PATH}

[Install]
WantedBy=multi-user.target
`;

/** The unit on disk. */
export const unitFile = createSignedFile(UNIT_PATH, 0o644);

/** The link that enables it. */
export const unitLink = new OwnLink(UNIT_ENABLED_LINK, UNIT_PATH);

/** Whether this host was booted by systemd (sd_booted(3)). */
export function isSystemdRunning(): boolean {
  return existsSync(SYSTEMD_RUN_DIRECTORY);
}

/** Fails where no systemd runs that could start the unit, or another unit has its name. */
export function checkSystemd(): void {
  if (!isSystemdRunning()) {
    throw unavailableError("no-systemd", "systemd does not run on this host; use --method rc.local");
  }
  const conflictingPath = OTHER_UNIT_PATHS.find(
    (path) => createSignedFile(path, 0o644).inspect().state === "third-party",
  );
  if (conflictingPath !== undefined) {
    throw refusedError(
      "third-party-file",
      `${conflictingPath} was not written by offload and has the name of its unit; use --method rc.local`,
    );
  }
}

/**
 * Writes the unit and enables it. It is not started: what it would run is run by whoever installs it, who has
 * the lock that its refreshing of the boot script waits for. Says whether anything had to be changed.
 */
export async function installUnit(): Promise<boolean> {
  const changed = await unitFile.write(UNIT);
  const enabled = await readEnabledState();
  const reloadNeeded = await needsDaemonReload();
  if (!changed && enabled === "enabled" && !reloadNeeded) return false;
  for (const step of [["daemon-reload"], ["enable", UNIT_NAME]] as const) {
    await runProgramOrFail("systemctl", step);
  }
  const after = await readEnabledState();
  if (after !== "enabled") throw unavailableError("unit-not-enabled", `${UNIT_NAME} is ${after}, not enabled`);
  return true;
}

async function readEnabledState(): Promise<string> {
  const result = await runProgram("systemctl", ["is-enabled", UNIT_NAME]);
  return result.stdout.trim();
}

/** Whether systemd has another unit of this name in its memory than there is on disk, if any. */
async function needsDaemonReload(): Promise<boolean> {
  const result = await runProgram("systemctl", ["show", UNIT_NAME]);
  return !result.stdout.split("\n").includes("NeedDaemonReload=no");
}

/** Removes the unit, its link first. Says whether there was one of ours. */
export async function removeUnit(): Promise<boolean> {
  const { state } = unitFile.inspect();
  if (state === "third-party") return false;
  const isRunning = isSystemdRunning();
  if (state === "own" && isRunning) await runProgramOrFail("systemctl", ["stop", UNIT_NAME]);
  unitLink.remove();
  unitFile.remove();
  // Also where a run before was cut short before it reloaded systemd.
  if (isRunning && (await needsDaemonReload())) await runProgramOrFail("systemctl", ["daemon-reload"]);
  return state === "own";
}

/** The state of the unit; `missing` when there is none of ours. */
export function inspectUnit(): "missing" | "up-to-date" | "outdated" | "modified" | "disabled" {
  const state = compareFile(unitFile.inspect(), UNIT);
  if (state === "missing" || state === "third-party") return "missing";
  return unitLink.inspect().state === "own" ? state : "disabled";
}
