import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { BootLayer, BootState, Method } from "../core/boot-layer.ts";
import { type Result, success, unavailable } from "../core/result.ts";
import type { Coverage } from "../core/verify/coverage.ts";
import { createDirectory, replaceFile } from "../fs/file.ts";
import { failed } from "../fs/file-failure.ts";
import { findProgram, runProgram } from "../fs/process.ts";
import { bootScript } from "./boot-script.ts";
import { BOOT_SCRIPT_PATH, UDEV_RULE_PATH, UNIT_PATH } from "./paths.ts";
import {
  inspectBlock,
  planBlock,
  previewBlock,
  rcLocalPath,
  removeBlock,
  writeBlock,
} from "./rc-local-block.ts";
import {
  checkOwn,
  inspectScript,
  removeOwn,
  removeScript,
  textOf,
  writeScript,
} from "./script-file.ts";
import { compareFile } from "./signature.ts";
import { checkSystemd, inspectUnit, installUnit, isSystemdRunning, removeUnit } from "./systemd.ts";
import { UDEV_RULE } from "./udev.ts";
import { UNIT } from "./unit.ts";

/** A file that `persist` would write, for whoever wants to see it first. */
export interface Piece {
  readonly path: string;
  readonly text: string;
}

/** The method that `auto` means on this host. */
export function usualMethod(): Method {
  return isSystemdRunning() ? "systemd" : "rc.local";
}

/**
 * What is installed for boot now. Both methods at once, or one without the boot script or the udev rule, is
 * the work of a run that was cut short: `incomplete`.
 */
export function inspectBoot(): Result<BootLayer> {
  try {
    return inspectPieces();
  } catch (error) {
    return failed("file-not-read", "cannot read the boot layer", error);
  }
}

function inspectPieces(): Result<BootLayer> {
  const block = inspectBlock();
  if (!block.ok) return block;
  const unit = inspectUnit();
  const { state: script, covers } = inspectScript();
  const rule = compareFile(textOf(UDEV_RULE_PATH), UDEV_RULE);
  const isThere = (state: string) => state !== "absent" && state !== "foreign";
  const layer = (method: Method | null, state: BootState) =>
    success<BootLayer>({ method, state, covers });
  if (unit === "absent" && block.value === "absent") {
    return layer(null, isThere(script) || isThere(rule) ? "incomplete" : "absent");
  }
  const method = unit === "absent" ? "rc.local" : "systemd";
  const isDouble = unit !== "absent" && block.value !== "absent";
  if (isDouble || script === "absent" || rule === "absent") return layer(method, "incomplete");
  const states = [unit === "absent" ? block.value : unit, script, rule] as const;
  const [state = "current"] = states.flatMap((one) => troubleOf(one));
  return layer(method, state);
}

type PieceState = Exclude<BootState, "incomplete"> | "foreign";

/** What one piece makes of the whole. What took the place of a piece of ours was put there by hand. */
function troubleOf(state: PieceState): readonly BootState[] {
  if (state === "current" || state === "absent") return [];
  return [state === "foreign" ? "edited" : state];
}

/** The files that installing would write; of rc.local the block alone. Fails where installing would be refused. */
export function pieces(coverage: Coverage, method: Method): Result<readonly Piece[]> {
  const script = { path: BOOT_SCRIPT_PATH, text: bootScript(coverage) };
  const rule = { path: UDEV_RULE_PATH, text: UDEV_RULE };
  const install = prepare(method);
  if (!install.ok) return install;
  const unit = { path: UNIT_PATH, text: UNIT };
  const block = { path: rcLocalPath(), text: previewBlock() };
  return success([script, method === "systemd" ? unit : block, rule]);
}

/**
 * Installs the boot script, what runs it, and the rule for later interfaces, then removes the other method.
 * The script comes first: whatever interrupts this, nothing runs a file that is not there. Says whether
 * anything had to be changed.
 */
export async function installBoot(coverage: Coverage, method: Method): Promise<Result<boolean>> {
  const install = prepare(method);
  if (!install.ok) return install;
  return await allInOrder([
    () => writeScript(coverage),
    install.value,
    installRule,
    () => (method === "systemd" ? removeBlock() : removeUnit()),
  ]);
}

/**
 * Writes the boot script anew, where `persist` has installed the boot layer; says whether that changed anything.
 */
export async function rewriteBootScript(coverage: Coverage): Promise<Result<boolean>> {
  const layer = inspectBoot();
  if (!layer.ok) return layer;
  if (layer.value.state === "absent") return success(false);
  return await allInOrder([
    () => {
      const own = checkOwn([BOOT_SCRIPT_PATH]);
      return own.ok ? writeScript(coverage) : own;
    },
  ]);
}

/**
 * Removes whatever `persist` put there, and nothing else. The script goes last: where it is left, a run was
 * cut short. Says whether there was anything.
 */
export async function removeBoot(): Promise<Result<boolean>> {
  return await allInOrder([removeRule, removeUnit, removeBlock, removeScript]);
}

/** Runs the boot script now, as boot will, and gives what it says is still on: nothing when all is off. */
export async function runBootScript(coverage: Coverage): Promise<Result<readonly string[]>> {
  const shell = findProgram("sh");
  if (shell === null) return unavailable("program-missing", "sh is not installed");
  const script = Bun.spawn([shell, "-s"], {
    stdin: new TextEncoder().encode(bootScript(coverage)),
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: "/sbin:/usr/sbin:/bin:/usr/bin", LC_ALL: "C" },
  });
  const complaints = (await script.stderr.text()).trim();
  return (await script.exited) === 0 || complaints === ""
    ? success([])
    : success(complaints.split("\n").map((line) => line.replace(/^offload: /, "")));
}

type Step = () => Result<boolean> | Promise<Result<boolean>>;

/** Takes each step after the one before; says whether any changed anything. */
async function allInOrder(steps: readonly Step[]): Promise<Result<boolean>> {
  let changed = false;
  for (const step of steps) {
    let done: Result<boolean>;
    try {
      done = await step();
    } catch (error) {
      return failed("file-not-changed", "cannot change the boot layer", error);
    }
    if (!done.ok) return done;
    changed ||= done.value;
  }
  return success(changed);
}

/** What installs the unit or the block. Fails where something is in the way. */
function prepare(method: Method): Result<Step> {
  const own = checkOwn([BOOT_SCRIPT_PATH, UDEV_RULE_PATH, UNIT_PATH]);
  if (!own.ok) return own;
  if (method === "systemd") {
    const possible = checkSystemd();
    return possible.ok ? success(installUnit) : possible;
  }
  const plan = planBlock();
  return plan.ok ? success(() => writeBlock(plan.value)) : plan;
}

async function installRule(): Promise<Result<boolean>> {
  const directory = createDirectory(dirname(UDEV_RULE_PATH), 0o755);
  if (!directory.ok) return directory;
  const bytes = new TextEncoder().encode(UDEV_RULE);
  const replaced = await replaceFile(UDEV_RULE_PATH, bytes, { setMode: 0o644 });
  if (!replaced.ok) return replaced;
  if (replaced.value.changed) reloadRules();
  return success(replaced.value.changed);
}

function removeRule(): Result<boolean> {
  const removed = removeOwn(UDEV_RULE_PATH);
  if (removed.ok && removed.value) reloadRules();
  return removed;
}

/** udevd notices by itself within seconds; where none runs there is nobody to be told. */
function reloadRules(): void {
  if (existsSync("/run/udev/control")) runProgram("udevadm", ["control", "--reload"]);
}
