import type { BootLayer, BootMethod, BootState, ThirdPartyBootFile } from "../core/boot-layer.ts";
import { CommandError } from "../core/command-error.ts";
import type { Coverage } from "../core/verify/coverage.ts";
import { BOOT_SCRIPT_PATH, UDEV_RULE_PATH, UNIT_PATH } from "../paths.ts";
import { generateBootScript } from "./boot-script.ts";
import { bootScriptFile, inspectBootScript, removeBootScript, writeBootScript } from "./boot-script-file.ts";
import { inspectBlock, planBlock, previewBlock, rcLocalPath, removeBlock, writeBlock } from "./rc-local.ts";
import { compareFile, toThirdPartyFailure } from "./signed-file.ts";
import {
  checkSystemd,
  inspectUnit,
  installUnit,
  isSystemdRunning,
  removeUnit,
  UNIT,
  unitFile,
  unitLink,
} from "./systemd.ts";
import { installUdevRule, removeUdevRule, UDEV_RULE, udevRuleFile } from "./udev-rule.ts";

/** A file that `persist` would write, to be looked at first. */
export interface BootFile {
  readonly path: string;
  readonly text: string;
}

/** The method that `auto` means on this host. */
export function detectMethod(): BootMethod {
  return isSystemdRunning() ? "systemd" : "rc.local";
}

/**
 * What is installed for boot now. Both methods at once, or one without the boot script or the udev rule, is
 * the work of a run that was cut short: `incomplete`.
 */
export function inspectBootLayer(): BootLayer {
  const block = inspectBlock();
  const unit = inspectUnit();
  const { state: script, coverage } = inspectBootScript();
  const rule = compareFile(udevRuleFile.inspect(), UDEV_RULE);
  const isPresent = (state: string) => state !== "missing" && state !== "third-party";
  const thirdParty = listThirdPartyFiles();
  const buildLayer = (method: BootMethod | null, state: BootState) => ({ method, state, covers: coverage, thirdParty });
  if (unit === "missing" && block === "missing") {
    return buildLayer(null, isPresent(script) || isPresent(rule) ? "incomplete" : "not-installed");
  }
  const method = unit === "missing" ? "rc.local" : "systemd";
  const hasBothMethods = unit !== "missing" && block !== "missing";
  if (hasBothMethods || !isPresent(script) || !isPresent(rule)) return buildLayer(method, "incomplete");
  const states = [unit === "missing" ? block : unit, script, rule] as const;
  return buildLayer(method, states.find(isBootState) ?? "up-to-date");
}

type BootFileState = Exclude<BootState, "incomplete" | "not-installed"> | "missing" | "third-party";

/** Whether the state of one piece is one of the whole. */
function isBootState(state: BootFileState): state is Exclude<BootFileState, "missing" | "third-party" | "up-to-date"> {
  return state !== "up-to-date" && state !== "missing" && state !== "third-party";
}

/** What stands in the place of the files that are this program's alone. */
function listThirdPartyFiles(): readonly ThirdPartyBootFile[] {
  const contents = [bootScriptFile, udevRuleFile, unitFile, unitLink].map(
    (file) => [file.path, file.inspect()] as const,
  );
  return contents.flatMap(([path, content]) =>
    content.state === "third-party" ? [{ path, reason: content.reason, isMask: content.isMask }] : [],
  );
}

/** The files that installing would write; of rc.local the block alone. Fails where installing would be refused. */
export async function previewBootFiles(coverage: Coverage, method: BootMethod): Promise<readonly BootFile[]> {
  const script = { path: BOOT_SCRIPT_PATH, text: generateBootScript(coverage) };
  const rule = { path: UDEV_RULE_PATH, text: UDEV_RULE };
  await prepareInstall(method);
  const unit = { path: UNIT_PATH, text: UNIT };
  const block = { path: rcLocalPath(), text: previewBlock() };
  return [script, method === "systemd" ? unit : block, rule];
}

/**
 * Installs the boot script, what runs it, and the rule for later interfaces, then removes the other method.
 * The script comes first: whatever interrupts this, nothing runs a file that is not there. Says whether
 * anything had to be changed.
 */
export async function installBootFiles(coverage: Coverage, method: BootMethod): Promise<boolean> {
  const install = await prepareInstall(method);
  return await runSteps([
    () => writeBootScript(coverage),
    install,
    installUdevRule,
    () => (method === "systemd" ? removeBlock() : removeUnit()),
  ]);
}

/**
 * Rewrites the boot script, where `persist` has installed the boot layer; says whether that changed anything.
 */
export async function rewriteBootScript(coverage: Coverage): Promise<boolean> {
  const layer = inspectBootLayer();
  if (layer.state === "not-installed") return false;
  return await writeBootScript(coverage);
}

/**
 * Removes whatever `persist` put there, and nothing else. The script goes last: where it is left, a run was
 * cut short. Says whether there was anything.
 */
export async function removeBootFiles(): Promise<boolean> {
  return await runSteps([removeUdevRule, removeUnit, removeBlock, removeBootScript]);
}

type InstallStep = () => boolean | Promise<boolean>;

/** Takes each step after the one before; says whether any changed anything. */
async function runSteps(steps: readonly InstallStep[]): Promise<boolean> {
  let changed = false;
  for (const step of steps) {
    if (await step()) changed = true;
  }
  return changed;
}

/** What installs the unit or the block. Fails where something is in the way. */
async function prepareInstall(method: BootMethod): Promise<InstallStep> {
  const thirdParty = listThirdPartyFiles();
  if (thirdParty.length > 0) throw new CommandError(thirdParty.map(toThirdPartyFailure));
  if (method === "systemd") {
    checkSystemd();
    return installUnit;
  }
  const plan = await planBlock();
  return () => writeBlock(plan);
}
