import { copyFileSync, existsSync, lstatSync, mkdirSync, rmSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Result, success, unavailableFailure, usageFailure } from "../core/result.ts";
import { removeStaleTemporaryFilesBeside, replaceFile } from "../fs/file.ts";
import { syncDirectory } from "../fs/path.ts";
import { findProgram, runProgram, runProgramOrFail } from "../fs/process.ts";
import {
  OTHER_UNIT_PATHS,
  SYSTEMD_RUN_DIRECTORY,
  UNIT_CHECK_DIRECTORY,
  UNIT_ENABLED_LINK,
  UNIT_NAME,
  UNIT_PATH,
} from "../paths.ts";
import { readTextFile } from "./boot-script-file.ts";
import { compareFile, isSigned } from "./signature.ts";
import { UNIT } from "./systemd-unit.ts";

/** Whether this host was booted by systemd (sd_booted(3)). */
export function isSystemdRunning(): boolean {
  return existsSync(SYSTEMD_RUN_DIRECTORY);
}

/** Fails where no systemd runs that could start the unit, or another unit has its name. */
export function checkSystemd(): Result<void> {
  if (!isSystemdRunning()) {
    return unavailableFailure("no-systemd", "systemd does not run on this host; use --method rc.local");
  }
  const conflictingPath = OTHER_UNIT_PATHS.find((path) => {
    const text = readTextFile(path);
    return text !== null && !isSigned(text);
  });
  return conflictingPath === undefined
    ? success(undefined)
    : usageFailure(
        "third-party-file",
        `${conflictingPath} was not written by offload and has the name of its unit; use --method rc.local`,
      );
}

/**
 * Writes the unit and enables it. It is not started: what it would run is run by whoever installs it, who has
 * the lock that its refreshing of the boot script waits for. Says whether anything had to be changed.
 */
export async function installUnit(): Promise<Result<boolean>> {
  const unit = await replaceFile(UNIT_PATH, new TextEncoder().encode(UNIT), {
    setMode: 0o644,
    validate: verifyUnit,
  });
  if (!unit.ok) return unit;
  const enabled = readEnabledState();
  if (!enabled.ok) return enabled;
  const reloadNeeded = needsDaemonReload();
  if (!reloadNeeded.ok) return reloadNeeded;
  if (!unit.value.changed && enabled.value === "enabled" && !reloadNeeded.value) return success(false);
  for (const step of [["daemon-reload"], ["enable", UNIT_NAME]] as const) {
    const result = runProgramOrFail("systemctl", step);
    if (!result.ok) return result;
  }
  const after = readEnabledState();
  if (!after.ok) return after;
  return after.value === "enabled"
    ? success(true)
    : unavailableFailure("unit-not-enabled", `${UNIT_NAME} is ${after.value}, not enabled`);
}

function readEnabledState(): Result<string> {
  const result = runProgram("systemctl", ["is-enabled", UNIT_NAME]);
  return result.ok ? success(result.value.stdout.trim()) : result;
}

/** Whether systemd has another unit of this name in its memory than there is on disk, if any. */
function needsDaemonReload(): Result<boolean> {
  const result = runProgram("systemctl", ["show", UNIT_NAME]);
  return result.ok ? success(!result.value.stdout.split("\n").includes("NeedDaemonReload=no")) : result;
}

/**
 * systemd-analyze goes by the file's name, so it gets a copy under the real one. It also tells of
 * other units that ours is ordered after; only what it says of ours counts.
 */
function verifyUnit(temporary: string): Result<unknown> {
  if (findProgram("systemd-analyze") === null) return success(undefined);
  try {
    rmSync(UNIT_CHECK_DIRECTORY, { recursive: true, force: true });
    mkdirSync(UNIT_CHECK_DIRECTORY, { mode: 0o700 });
    const copyPath = join(UNIT_CHECK_DIRECTORY, UNIT_NAME);
    copyFileSync(temporary, copyPath);
    const result = runProgram("systemd-analyze", ["verify", copyPath]);
    if (!result.ok || result.value.exitCode === 0) return result;
    const unitError = result.value.stderr.split("\n").find((line) => line.includes(UNIT_NAME));
    return unitError === undefined
      ? success(undefined)
      : unavailableFailure("unit-not-verified", `systemd-analyze refuses the unit: ${unitError.trim()}`);
  } finally {
    rmSync(UNIT_CHECK_DIRECTORY, { recursive: true, force: true });
  }
}

/** Removes the unit, its link first. Says whether there was one of ours. */
export function removeUnit(): Result<boolean> {
  removeStaleTemporaryFilesBeside(UNIT_PATH);
  const text = readTextFile(UNIT_PATH);
  if (text !== null && !isSigned(text)) return success(false);
  const isRunning = isSystemdRunning();
  if (text !== null && isRunning) {
    const stopped = runProgramOrFail("systemctl", ["stop", UNIT_NAME]);
    if (!stopped.ok) return stopped;
  }
  for (const path of [UNIT_ENABLED_LINK, UNIT_PATH]) {
    const removed = removeIfPresent(path);
    if (!removed.ok) return removed;
  }
  // Also where a run before was cut short before it told systemd.
  const reloadNeeded = isRunning ? needsDaemonReload() : success(false);
  if (!reloadNeeded.ok) return reloadNeeded;
  if (reloadNeeded.value) {
    const reloaded = runProgramOrFail("systemctl", ["daemon-reload"]);
    if (!reloaded.ok) return reloaded;
  }
  return success(text !== null);
}

/** How it stands with the unit; `absent` when there is none of ours. */
export function inspectUnit(): "missing" | "up-to-date" | "outdated" | "modified" | "disabled" {
  const state = compareFile(readTextFile(UNIT_PATH), UNIT);
  if (state === "missing" || state === "third-party") return "missing";
  return pathExists(UNIT_ENABLED_LINK) ? state : "disabled";
}

/** Removes a link itself, not what it points to; that it is not there is no failure. */
function removeIfPresent(path: string): Result<void> {
  if (!pathExists(path)) return success(undefined);
  try {
    unlinkSync(path);
    syncDirectory(dirname(path));
    return success(undefined);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return unavailableFailure("file-not-removed", `cannot remove ${path}: ${message}`);
  }
}

function pathExists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
