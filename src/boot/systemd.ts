import { copyFileSync, existsSync, lstatSync, mkdirSync, rmSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { unavailableError, usageError } from "../core/command-error.ts";
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
export function checkSystemd(): void {
  if (!isSystemdRunning()) {
    throw unavailableError("no-systemd", "systemd does not run on this host; use --method rc.local");
  }
  const conflictingPath = OTHER_UNIT_PATHS.find((path) => {
    const text = readTextFile(path);
    return text !== null && !isSigned(text);
  });
  if (conflictingPath !== undefined) {
    throw usageError(
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
  const unit = await replaceFile(UNIT_PATH, new TextEncoder().encode(UNIT), {
    setMode: 0o644,
    validate: verifyUnit,
  });
  const enabled = readEnabledState();
  const reloadNeeded = needsDaemonReload();
  if (!unit.changed && enabled === "enabled" && !reloadNeeded) return false;
  for (const step of [["daemon-reload"], ["enable", UNIT_NAME]] as const) {
    runProgramOrFail("systemctl", step);
  }
  const after = readEnabledState();
  if (after !== "enabled") throw unavailableError("unit-not-enabled", `${UNIT_NAME} is ${after}, not enabled`);
  return true;
}

function readEnabledState(): string {
  const result = runProgram("systemctl", ["is-enabled", UNIT_NAME]);
  return result.stdout.trim();
}

/** Whether systemd has another unit of this name in its memory than there is on disk, if any. */
function needsDaemonReload(): boolean {
  const result = runProgram("systemctl", ["show", UNIT_NAME]);
  return !result.stdout.split("\n").includes("NeedDaemonReload=no");
}

/**
 * systemd-analyze goes by the file's name, so it gets a copy under the real one. It also tells of
 * other units that ours is ordered after; only what it says of ours counts.
 */
function verifyUnit(temporary: string): void {
  if (findProgram("systemd-analyze") === null) return;
  try {
    rmSync(UNIT_CHECK_DIRECTORY, { recursive: true, force: true });
    mkdirSync(UNIT_CHECK_DIRECTORY, { mode: 0o700 });
    const copyPath = join(UNIT_CHECK_DIRECTORY, UNIT_NAME);
    copyFileSync(temporary, copyPath);
    const result = runProgram("systemd-analyze", ["verify", copyPath]);
    if (result.exitCode === 0) return;
    const unitError = result.stderr.split("\n").find((line) => line.includes(UNIT_NAME));
    if (unitError !== undefined) {
      throw unavailableError("unit-not-verified", `systemd-analyze refuses the unit: ${unitError.trim()}`);
    }
    return;
  } finally {
    rmSync(UNIT_CHECK_DIRECTORY, { recursive: true, force: true });
  }
}

/** Removes the unit, its link first. Says whether there was one of ours. */
export function removeUnit(): boolean {
  removeStaleTemporaryFilesBeside(UNIT_PATH);
  const text = readTextFile(UNIT_PATH);
  if (text !== null && !isSigned(text)) return false;
  const isRunning = isSystemdRunning();
  if (text !== null && isRunning) {
    runProgramOrFail("systemctl", ["stop", UNIT_NAME]);
  }
  for (const path of [UNIT_ENABLED_LINK, UNIT_PATH]) {
    removeIfPresent(path);
  }
  // Also where a run before was cut short before it told systemd.
  const reloadNeeded = isRunning && needsDaemonReload();
  if (reloadNeeded) {
    runProgramOrFail("systemctl", ["daemon-reload"]);
  }
  return text !== null;
}

/** How it stands with the unit; `absent` when there is none of ours. */
export function inspectUnit(): "missing" | "up-to-date" | "outdated" | "modified" | "disabled" {
  const state = compareFile(readTextFile(UNIT_PATH), UNIT);
  if (state === "missing" || state === "third-party") return "missing";
  return pathExists(UNIT_ENABLED_LINK) ? state : "disabled";
}

/** Removes a link itself, not what it points to; that it is not there is no failure. */
function removeIfPresent(path: string): void {
  if (!pathExists(path)) return;
  try {
    unlinkSync(path);
    syncDirectory(dirname(path));
    return;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw unavailableError("file-not-removed", `cannot remove ${path}: ${message}`);
  }
}

function pathExists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
