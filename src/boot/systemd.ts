import { copyFileSync, existsSync, lstatSync, mkdirSync, rmSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Result, success, unavailable, usage } from "../core/result.ts";
import { removeLeftoversBeside, replaceFile } from "../fs/file.ts";
import { syncDirectory } from "../fs/path.ts";
import { findProgram, mustRun, runProgram } from "../fs/process.ts";
import { UNIT_NAME, UNIT_PATH } from "./paths.ts";
import { textOf } from "./script-file.ts";
import { compareFile, isSigned } from "./signature.ts";
import { UNIT } from "./unit.ts";

/** Where else a unit of that name could come from (systemd.unit(5)). */
const OTHER_UNITS = [
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
].map((directory) => `${directory}/${UNIT_NAME}`);

const WANTED_LINK = `/etc/systemd/system/multi-user.target.wants/${UNIT_NAME}`;

/** Whether this host was booted by systemd (sd_booted(3)). */
export function isSystemdRunning(): boolean {
  return existsSync("/run/systemd/system");
}

/** Fails where no systemd runs that could start the unit, or another unit has its name. */
export function checkSystemd(): Result<void> {
  if (!isSystemdRunning()) {
    return unavailable("no-systemd", "systemd does not run on this host; use --method rc.local");
  }
  const other = OTHER_UNITS.find((path) => {
    const text = textOf(path);
    return text !== null && !isSigned(text);
  });
  return other === undefined
    ? success(undefined)
    : usage(
        "foreign-file",
        `${other} was not written by offload and has the name of its unit; use --method rc.local`,
      );
}

/**
 * Writes the unit and enables it. It is not started: what it would run is run by whoever installs it, who has
 * the lock that its refreshing of the boot script waits for. Says whether anything had to be changed.
 */
export async function installUnit(): Promise<Result<boolean>> {
  const unit = await replaceFile(UNIT_PATH, new TextEncoder().encode(UNIT), {
    setMode: 0o644,
    check: verifyUnit,
  });
  if (!unit.ok) return unit;
  const enabled = enabledState();
  if (!enabled.ok) return enabled;
  const outdated = isOutdated();
  if (!outdated.ok) return outdated;
  if (!unit.value.changed && enabled.value === "enabled" && !outdated.value) return success(false);
  for (const step of [["daemon-reload"], ["enable", UNIT_NAME]] as const) {
    const ended = mustRun("systemctl", step);
    if (!ended.ok) return ended;
  }
  const after = enabledState();
  if (!after.ok) return after;
  return after.value === "enabled"
    ? success(true)
    : unavailable("unit-not-enabled", `${UNIT_NAME} is ${after.value}, not enabled`);
}

function enabledState(): Result<string> {
  const ended = runProgram("systemctl", ["is-enabled", UNIT_NAME]);
  return ended.ok ? success(ended.value.stdout.trim()) : ended;
}

/** Whether systemd has another unit of this name in its memory than there is on disk, if any. */
function isOutdated(): Result<boolean> {
  const shown = runProgram("systemctl", ["show", UNIT_NAME]);
  return shown.ok
    ? success(!shown.value.stdout.split("\n").includes("NeedDaemonReload=no"))
    : shown;
}

/**
 * systemd-analyze goes by the file's name, so it gets a copy under the real one. It also tells of
 * other units that ours is ordered after; only what it says of ours counts.
 */
function verifyUnit(temporary: string): Result<unknown> {
  if (findProgram("systemd-analyze") === null) return success(undefined);
  const directory = "/run/offload-unit";
  try {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { mode: 0o700 });
    const copy = join(directory, UNIT_NAME);
    copyFileSync(temporary, copy);
    const ended = runProgram("systemd-analyze", ["verify", copy]);
    if (!ended.ok || ended.value.exitCode === 0) return ended;
    const ours = ended.value.stderr.split("\n").find((line) => line.includes(UNIT_NAME));
    return ours === undefined
      ? success(undefined)
      : unavailable("unit-not-verified", `systemd-analyze refuses the unit: ${ours.trim()}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Removes the unit, its link first. Says whether there was one of ours. */
export function removeUnit(): Result<boolean> {
  removeLeftoversBeside(UNIT_PATH);
  const text = textOf(UNIT_PATH);
  if (text !== null && !isSigned(text)) return success(false);
  const isRunning = isSystemdRunning();
  if (text !== null && isRunning) {
    const stopped = mustRun("systemctl", ["stop", UNIT_NAME]);
    if (!stopped.ok) return stopped;
  }
  for (const path of [WANTED_LINK, UNIT_PATH]) {
    const removed = removeEntry(path);
    if (!removed.ok) return removed;
  }
  // Also where a run before was cut short before it told systemd.
  const outdated = isRunning ? isOutdated() : success(false);
  if (!outdated.ok) return outdated;
  if (outdated.value) {
    const reloaded = mustRun("systemctl", ["daemon-reload"]);
    if (!reloaded.ok) return reloaded;
  }
  return success(text !== null);
}

/** How it stands with the unit; `absent` when there is none of ours. */
export function inspectUnit(): "absent" | "current" | "stale" | "edited" | "disabled" {
  const state = compareFile(textOf(UNIT_PATH), UNIT);
  if (state === "absent" || state === "foreign") return "absent";
  return hasEntry(WANTED_LINK) ? state : "disabled";
}

/** Removes a link itself, not what it points to; that it is not there is no failure. */
function removeEntry(path: string): Result<void> {
  if (!hasEntry(path)) return success(undefined);
  try {
    unlinkSync(path);
    syncDirectory(dirname(path));
    return success(undefined);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return unavailable("file-not-removed", `cannot remove ${path}: ${words}`);
  }
}

function hasEntry(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
