import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { BootLayer, Coverage, Method } from "../offload/boot.ts";
import { type Result, success, unavailable } from "../offload/result.ts";
import { readMark, whyDifferent } from "./coverage.ts";
import { createDirectory, removeFile, replaceFile } from "./file.ts";
import { findProgram, runProgram } from "./program.ts";
import {
  blockText,
  inspectBlock,
  installBlock,
  rcLocalPath,
  removeBlock,
} from "./rc-local-carrier.ts";
import { inspectUnit, installUnit, isSystemdRunning, removeUnit, unitLoop } from "./systemd.ts";
import { UDEV_RULE_PATH, udevRule } from "./udev.ts";
import { LOOP_PATH, UNIT_PATH, unitText } from "./unit.ts";

const ABSENT: BootLayer = { method: null, state: "absent", covers: null };

/** A file that `persist` would write, for whoever wants to see it first. */
export interface Piece {
  readonly path: string;
  readonly text: string;
}

/** The carrier that `auto` means on this host. */
export function usualMethod(): Method {
  return isSystemdRunning() ? "systemd" : "rc.local";
}

/**
 * What is installed for boot now. Both carriers at once is the work of a run that was cut short:
 * `incomplete`, as is a rule for later interfaces that is missing or another's.
 */
export function inspectBoot(): Result<BootLayer> {
  const block = inspectBlock();
  if (!block.ok) return block;
  const unit = inspectUnit();
  const rule = ruleText();
  const [layer] = [unit, block.value].filter((one) => one !== null);
  if (layer === undefined) {
    return success(rule === null ? ABSENT : { ...ABSENT, state: "incomplete" });
  }
  if (layer.state !== "current" || layer.covers === null) return success(layer);
  const both = unit !== null && block.value !== null;
  const wanted = layer.covers.everything ? udevRule(layer.covers, ethtoolPath()) : null;
  if (both || (wanted === null) !== (rule === null)) {
    return success({ ...layer, state: "incomplete" });
  }
  if (rule === wanted || rule === null) return success(layer);
  const mark = readMark(rule);
  if (mark === null) return success({ ...layer, state: "edited" });
  const cut = rule === udevRule(mark.covers, ethtoolPath());
  return success({ ...layer, state: cut ? "incomplete" : whyDifferent(mark) });
}

/** The pieces that installing would write. The block of rc.local is shown as it will stand there. */
export function pieces(coverage: Coverage, method: Method): readonly Piece[] {
  const rule = coverage.everything
    ? [{ path: UDEV_RULE_PATH, text: udevRule(coverage, ethtoolPath()) }]
    : [];
  const carrier =
    method === "systemd"
      ? [
          { path: LOOP_PATH, text: unitLoop(coverage) },
          { path: UNIT_PATH, text: unitText(coverage) },
        ]
      : [{ path: rcLocalPath(), text: blockText(coverage) }];
  return [...carrier, ...rule];
}

/**
 * Installs one carrier and the rule for later interfaces, then takes the other carrier away. Says
 * whether anything had to be changed.
 */
export async function installBoot(coverage: Coverage, method: Method): Promise<Result<boolean>> {
  const carrier = method === "systemd" ? await installUnit(coverage) : await installBlock(coverage);
  if (!carrier.ok) return carrier;
  const rule = coverage.everything
    ? await installRule(udevRule(coverage, ethtoolPath()))
    : removeRule();
  if (!rule.ok) return rule;
  const other = method === "systemd" ? await removeBlock() : removeUnit();
  if (!other.ok) return other;
  return success(carrier.value || rule.value || other.value);
}

/** Takes away whatever `persist` put there, and nothing else. Says whether there was anything. */
export async function removeBoot(): Promise<Result<boolean>> {
  const rule = removeRule();
  if (!rule.ok) return rule;
  const unit = removeUnit();
  if (!unit.ok) return unit;
  const block = await removeBlock();
  if (!block.ok) return block;
  return success(rule.value || unit.value || block.value);
}

/**
 * Runs the loop now, as boot will, and gives what it says is still on: nothing when all is off.
 */
export async function runLoop(coverage: Coverage): Promise<Result<readonly string[]>> {
  const shell = findProgram("sh");
  if (shell === null) return unavailable("program-missing", "sh is not installed");
  const loop = Bun.spawn([shell, "-s"], {
    stdin: new TextEncoder().encode(unitLoop(coverage)),
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: "/sbin:/usr/sbin:/bin:/usr/bin", LC_ALL: "C" },
  });
  const complaints = (await loop.stderr.text()).trim();
  return (await loop.exited) === 0 || complaints === ""
    ? success([])
    : success(complaints.split("\n").map((line) => line.replace(/^offload: /, "")));
}

async function installRule(text: string): Promise<Result<boolean>> {
  const directory = createDirectory(dirname(UDEV_RULE_PATH), 0o755);
  if (!directory.ok) return directory;
  const replaced = await replaceFile(UDEV_RULE_PATH, new TextEncoder().encode(text), {
    setMode: 0o644,
  });
  if (!replaced.ok) return replaced;
  if (replaced.value.changed) reloadRules();
  return success(replaced.value.changed);
}

function removeRule(): Result<boolean> {
  const removed = removeFile(UDEV_RULE_PATH);
  if (removed.ok && removed.value) reloadRules();
  return removed;
}

/** udevd notices by itself within seconds; where none runs there is nobody to be told. */
function reloadRules(): void {
  if (existsSync("/run/udev/control")) runProgram("udevadm", ["control", "--reload"]);
}

function ruleText(): string | null {
  return existsSync(UDEV_RULE_PATH) ? readFileSync(UDEV_RULE_PATH, "utf8") : null;
}

function ethtoolPath(): string {
  return findProgram("ethtool") ?? "/sbin/ethtool";
}
