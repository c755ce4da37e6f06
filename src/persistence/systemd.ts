import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { BootLayer, Coverage } from "../offload/boot.ts";
import { type Result, success, unavailable, usage } from "../offload/result.ts";
import { coverageLine, isSigned, readMark, whyDifferent } from "./coverage.ts";
import { createDirectory, removeFile, removeLeftoversBeside, replaceFile } from "./file.ts";
import { loopFile } from "./loop.ts";
import { syncDirectory } from "./path.ts";
import { findProgram, mustRun, runProgram } from "./program.ts";
import { LOOP_PATH, UNIT_NAME, UNIT_PATH, unitText } from "./unit.ts";

/** Where else a unit of that name could come from (systemd.unit(5)). */
const FOREIGN_UNITS = [
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
].map((directory) => `${directory}/${UNIT_NAME}`);

const LOOP_DIRECTORY = "/etc/offload";
const WANTED_LINK = `/etc/systemd/system/multi-user.target.wants/${UNIT_NAME}`;
const encoder = new TextEncoder();

/** Whether this host was booted by systemd (sd_booted(3)). */
export function isSystemdRunning(): boolean {
  return existsSync("/run/systemd/system");
}

/** The loop as the unit runs it. */
export function unitLoop(coverage: Coverage): string {
  const text = loopFile({
    keywords: coverage.keywords,
    devices: coverage.devices,
    everyNic: coverage.everything,
  });
  return text.replace("\n", `\n${coverageLine(coverage)}\n`);
}

/** Fails where no systemd runs that could start the unit, or a unit of our name is another's. */
function checkUnitIsPossible(): Result<void> {
  if (!isSystemdRunning()) {
    return unavailable("no-systemd", "systemd does not run on this host; use --method rc.local");
  }
  for (const path of [UNIT_PATH, ...FOREIGN_UNITS]) {
    const text = textOf(path);
    if (text === null || isSigned(text)) continue;
    return usage("foreign-unit", `${path} is not ours and stays as it is; use --method rc.local`);
  }
  return success(undefined);
}

/**
 * Puts loop and unit in place, enables and starts it. The loop comes first and goes last: whatever
 * interrupts this, no unit runs a file that is not there. Says whether anything had to be changed.
 */
export async function installUnit(coverage: Coverage): Promise<Result<boolean>> {
  const possible = checkUnitIsPossible();
  if (!possible.ok) return possible;
  const directory = createDirectory(LOOP_DIRECTORY, 0o755);
  if (!directory.ok) return directory;
  const loop = await replaceFile(LOOP_PATH, encoder.encode(unitLoop(coverage)), {
    setMode: 0o755,
    check: (temporary) => mustRun("sh", ["-n", temporary]),
  });
  if (!loop.ok) return loop;
  const unit = await replaceFile(UNIT_PATH, encoder.encode(unitText(coverage)), {
    setMode: 0o644,
    check: verifyUnit,
  });
  if (!unit.ok) return unit;
  const enabled = runProgram("systemctl", ["is-enabled", UNIT_NAME]);
  if (!enabled.ok) return enabled;
  const shown = runProgram("systemctl", ["show", UNIT_NAME]);
  if (!shown.ok) return shown;
  const properties = shown.value.stdout.split("\n");
  const changed =
    loop.value.changed ||
    unit.value.changed ||
    enabled.value.stdout.trim() !== "enabled" ||
    !properties.includes("ActiveState=active") ||
    !properties.includes("NeedDaemonReload=no");
  if (!changed) return success(false);
  const steps = [["daemon-reload"], ["enable", UNIT_NAME], ["restart", UNIT_NAME]] as const;
  for (const step of steps) {
    const ended = mustRun("systemctl", step);
    if (!ended.ok) return ended;
  }
  const after = runProgram("systemctl", ["is-enabled", UNIT_NAME]);
  if (!after.ok) return after;
  return after.value.stdout.trim() === "enabled"
    ? success(true)
    : unavailable("unit-not-enabled", `${UNIT_NAME} is ${after.value.stdout.trim()}, not enabled`);
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

/** Takes the unit away, its link first and its loop last. Says whether there was anything of ours. */
export function removeUnit(): Result<boolean> {
  removeLeftoversBeside(UNIT_PATH);
  const text = textOf(UNIT_PATH);
  if (text !== null && !isSigned(text)) return success(false);
  if (text !== null && isSystemdRunning()) {
    const stopped = mustRun("systemctl", ["stop", UNIT_NAME]);
    if (!stopped.ok) return stopped;
  }
  // The loop goes last: where it is left, a run was cut short that may not have told systemd.
  const tell = isSystemdRunning() && (text !== null || existsSync(LOOP_PATH));
  for (const path of [WANTED_LINK, UNIT_PATH]) {
    const removed = removeEntry(path);
    if (!removed.ok) return removed;
  }
  if (tell) {
    const reloaded = mustRun("systemctl", ["daemon-reload"]);
    if (!reloaded.ok) return reloaded;
  }
  const loop = removeFile(LOOP_PATH);
  if (!loop.ok) return loop;
  removeEmptyDirectory(LOOP_DIRECTORY);
  return success(text !== null || loop.value);
}

/** How it stands with the unit; null when there is nothing of ours. */
export function inspectUnit(): BootLayer | null {
  const unit = textOf(UNIT_PATH);
  const loop = textOf(LOOP_PATH);
  if (unit === null || !isSigned(unit)) {
    return loop === null ? null : { method: "systemd", state: "incomplete", covers: null };
  }
  const mark = readMark(unit);
  if (mark === null) return { method: "systemd", state: "edited", covers: null };
  const { covers } = mark;
  if (loop === null) return { method: "systemd", state: "incomplete", covers };
  if (!hasEntry(WANTED_LINK)) return { method: "systemd", state: "disabled", covers };
  if (unit !== unitText(covers)) return { method: "systemd", state: whyDifferent(mark), covers };
  if (loop === unitLoop(covers)) return { method: "systemd", state: "current", covers };
  const loopMark = readMark(loop);
  const cut = loopMark !== null && loop === unitLoop(loopMark.covers);
  return { method: "systemd", state: cut ? "incomplete" : whyDifferent(mark), covers };
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

function removeEmptyDirectory(path: string): void {
  try {
    if (readdirSync(path).length === 0) rmdirSync(path);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing) throw error;
  }
}

function hasEntry(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function textOf(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}
