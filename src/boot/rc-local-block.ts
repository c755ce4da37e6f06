import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Result, success, usage } from "../core/result.ts";
import { readFileBytes, removeFile, removeLeftoversBeside, replaceFile } from "../fs/file.ts";
import { latin1 } from "../fs/latin1.ts";
import { runProgramAt } from "../fs/process.ts";
import { interpreterOf } from "./interpreter.ts";
import { BOOT_SCRIPT_PATH } from "./paths.ts";
import { isInPlace, withBlock, withoutBlock } from "./rc-local.ts";
import { type Block, blockText, findBlock } from "./rc-local-markers.ts";

/** The file that boot runs on a dom0; /etc/rc.local is a link to it. */
const RC_LOCAL = "/etc/rc.d/rc.local";
/** Where the file is on other systems than Red Hat's. */
const PLAIN_RC_LOCAL = "/etc/rc.local";

const EXECUTABLE = 0o111;
/** Written into the block when `persist` made the file executable, so that removing undoes it. */
const MODE_MARK = "# offload-mode: ";

/** What the block does. Under `#!/bin/sh -e` a script that found something still on would end rc.local. */
const CALL = `/bin/sh ${BOOT_SCRIPT_PATH} || :`;

/** The rc.local of this host: dom0's, or the plain one where dom0's has no place. */
export function rcLocalPath(): string {
  if (existsSync(RC_LOCAL)) return RC_LOCAL;
  return existsSync(PLAIN_RC_LOCAL) || !existsSync(dirname(RC_LOCAL)) ? PLAIN_RC_LOCAL : RC_LOCAL;
}

/** The block as it will stand in rc.local. */
export function previewBlock(): string {
  return blockText([CALL], "nothing");
}

/** An rc.local with the block, ready to be written. */
export interface BlockPlan {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Makes the text of rc.local with the block. Fails where that would not be run at boot. */
export function planBlock(): Result<BlockPlan> {
  const path = rcLocalPath();
  const old = readFileBytes(path);
  if (!old.ok) return old;
  const bytes = withBlock(old.value, blockLines(modeToRemember(path, old.value)), path);
  if (!bytes.ok) return bytes;
  const checked = checkSyntax(path, bytes.value, old.value !== null);
  return checked.ok ? success({ path, bytes: bytes.value }) : checked;
}

/**
 * Writes rc.local with the block and makes that executable: dom0 ships it without the bit, and then
 * nothing runs and nobody is told. Says whether anything had to be changed.
 */
export async function writeBlock({ path, bytes }: BlockPlan): Promise<Result<boolean>> {
  const replaced = await replaceFile(path, bytes, { createMode: 0o755, addMode: EXECUTABLE });
  return replaced.ok ? success(replaced.value.changed) : replaced;
}

/** Takes the block out again, and the executable bit if it was put there for it. */
export async function removeBlock(): Promise<Result<boolean>> {
  const path = rcLocalPath();
  removeLeftoversBeside(path);
  const old = readFileBytes(path);
  if (!old.ok || old.value === null) return old.ok ? success(false) : old;
  const text = withoutBlock(old.value, path);
  if (!text.ok) return text;
  if (text.value === null) return removeFile(path);
  const block = blockIn(old.value);
  if (block === null) return success(false);
  const mode = modeMark(block);
  const replaced = await replaceFile(path, text.value, mode === null ? {} : { setMode: mode });
  return replaced.ok ? success(replaced.value.changed) : replaced;
}

/** How it stands with the block; `absent` when there is none. */
export function inspectBlock(): Result<"absent" | "current" | "edited" | "not-executable"> {
  const path = rcLocalPath();
  const bytes = readFileBytes(path);
  if (!bytes.ok) return bytes;
  if (bytes.value === null) return success("absent");
  const text = latin1(bytes.value);
  const found = findBlock(text);
  if (found.state === "absent") return success("absent");
  if (found.state === "broken" || !interpreterOf(text, path).ok) return success("edited");
  const same = found.block.lines.join("\n") === blockLines(modeMark(found.block)).join("\n");
  if (!same || !isInPlace(text, found.frame)) return success("edited");
  return success((modeOf(path) & 0o100) === 0 ? "not-executable" : "current");
}

function blockLines(modeBefore: number | null): readonly string[] {
  const mode =
    modeBefore === null ? [] : [`${MODE_MARK}${modeBefore.toString(8).padStart(4, "0")}`];
  return [...mode, CALL];
}

/** Whether the shell that the first line names is there and can read the file. */
function checkSyntax(path: string, bytes: Uint8Array, exists: boolean): Result<void> {
  const interpreter = interpreterOf(latin1(bytes), path);
  if (!interpreter.ok) return interpreter;
  const [program, ...words] = interpreter.value;
  if (!existsSync(program)) {
    return usage(
      "rc-local-no-interpreter",
      `line 1 of ${path} names ${program}, which is not installed; use --method systemd`,
    );
  }
  // The block is one line that every shell can read: what is checked is the rest of the file.
  if (!exists) return success(undefined);
  const { exitCode, stderr } = runProgramAt(program, [...words, "-n", path]);
  if (exitCode === 0) return success(undefined);
  const [line = ""] = stderr.trim().split("\n");
  return usage("rc-local-syntax", `${path} has an error that ends it at boot: ${line}; fix it`);
}

/** The permissions to remember: those of a file that is not executable. First touch wins. */
function modeToRemember(path: string, bytes: Uint8Array | null): number | null {
  if (bytes === null) return null;
  const block = blockIn(bytes);
  if (block !== null) return modeMark(block);
  const mode = modeOf(path);
  return (mode & EXECUTABLE) === EXECUTABLE ? null : mode;
}

function blockIn(bytes: Uint8Array): Block | null {
  const found = findBlock(latin1(bytes));
  return found.state === "present" ? found.block : null;
}

function modeMark(block: Block): number | null {
  const line = block.lines.find((candidate) => candidate.startsWith(MODE_MARK));
  const [, octal] = /^([0-7]{4})$/.exec(line?.slice(MODE_MARK.length) ?? "") ?? [];
  return octal === undefined ? null : Number.parseInt(octal, 8);
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}
