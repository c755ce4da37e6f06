import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { attempt, CommandError, refusedError, usageError } from "../core/command-error.ts";
import { readFileBytes, removeFile, removeStaleTemporaryFilesBeside, replaceFile } from "../fs/file.ts";
import { getErrnoName, toFileError } from "../fs/file-error.ts";
import { runProgramAt } from "../fs/process.ts";
import { BOOT_SCRIPT_PATH, DOM0_RC_LOCAL, PLAIN_RC_LOCAL } from "../paths.ts";
import { type Block, findBlock, formatBlock, insertBlock, parseInterpreter, stripBlock } from "./rc-local-text.ts";

const EXECUTABLE_BITS = 0o111;
/** Written into the block when `persist` made the file executable, so that removing undoes it. */
const MODE_MARK = "# offload-mode: ";

/** What the block does. Under `#!/bin/sh -e` a script that found something still on would end rc.local. */
const RUN_BOOT_SCRIPT = `/bin/sh ${BOOT_SCRIPT_PATH} || :`;

/** The rc.local of this host: dom0's, or the plain one where dom0's has no place. */
export function rcLocalPath(): string {
  if (existsSync(DOM0_RC_LOCAL)) return DOM0_RC_LOCAL;
  return existsSync(PLAIN_RC_LOCAL) || !existsSync(dirname(DOM0_RC_LOCAL)) ? PLAIN_RC_LOCAL : DOM0_RC_LOCAL;
}

/** The block as it will stand in rc.local. */
export function previewBlock(): string {
  return formatBlock([RUN_BOOT_SCRIPT]);
}

/** An rc.local with the block, ready to be written. */
export interface BlockPlan {
  readonly path: string;
  readonly text: string;
}

/** Makes the text of rc.local with the block. Fails where that would not be run at boot. */
export async function planBlock(): Promise<BlockPlan> {
  const path = rcLocalPath();
  if (!isFileOrMissing(path)) {
    throw refusedError("third-party-file", `${path} is left alone: it is not a regular file; use --method systemd`);
  }
  const existing = readText(path);
  const text = insertBlock(existing, formatBlockLines(getModeToSave(path, existing)), path);
  await checkSyntax(path, text, existing !== null);
  return { path, text };
}

/**
 * Writes rc.local with the block and makes that executable: dom0 ships it without the bit, and then
 * nothing runs and nothing says so. Says whether anything had to be changed.
 */
export async function writeBlock({ path, text }: BlockPlan): Promise<boolean> {
  return await replaceFile(path, Buffer.from(text, "latin1"), { createMode: 0o755, addMode: EXECUTABLE_BITS });
}

/** Takes the block out again, and the executable bit if it was put there for it. */
export async function removeBlock(): Promise<boolean> {
  const path = rcLocalPath();
  if (!isFileOrMissing(path)) return false;
  removeStaleTemporaryFilesBeside(path);
  const text = readText(path);
  const block = text === null ? null : findBlock(text, path);
  if (text === null || block === null) return false;
  const stripped = stripBlock(text, path);
  if (stripped === null) return removeFile(path);
  const mode = parseSavedMode(block);
  return await replaceFile(path, Buffer.from(stripped, "latin1"), mode === null ? {} : { setMode: mode });
}

/** The state of the block; `missing` when there is none. */
export function inspectBlock(): "missing" | "up-to-date" | "modified" | "not-executable" {
  const path = rcLocalPath();
  const text = isFileOrMissing(path) ? readText(path) : null;
  if (text === null) return "missing";
  const block = attempt(() => findBlock(text, path));
  if (block === null) return "missing";
  if (block instanceof CommandError) return "modified";
  if (attempt(() => parseInterpreter(text, path)) instanceof CommandError) return "modified";
  const isUnmodified = block.lines.join("\n") === formatBlockLines(parseSavedMode(block)).join("\n");
  if (!isUnmodified || !block.isAfterFirstLine) return "modified";
  return (readMode(path) & 0o100) === 0 ? "not-executable" : "up-to-date";
}

function formatBlockLines(originalMode: number | null): readonly string[] {
  const mode = originalMode === null ? [] : [`${MODE_MARK}${originalMode.toString(8).padStart(4, "0")}`];
  return [...mode, RUN_BOOT_SCRIPT];
}

/** Whether the shell that the first line names is there and can read the file. */
async function checkSyntax(path: string, text: string, exists: boolean): Promise<void> {
  const [program, ...words] = parseInterpreter(text, path);
  if (!existsSync(program)) {
    throw usageError(
      "rc-local-no-interpreter",
      `line 1 of ${path} names ${program}, which is not installed; use --method systemd`,
    );
  }
  // The block is one line that every shell can read: what is checked is the rest of the file.
  if (!exists) return;
  const { exitCode, stderr, problem } = await runProgramAt(program, [...words, "-n", path]);
  if (exitCode === 0) return;
  const line = problem ?? stderr.trim().split("\n")[0];
  throw usageError("rc-local-syntax", `${path} has an error that ends it at boot: ${line}; fix it`);
}

/** The permissions to remember: those of a file that is not executable. First touch wins. */
function getModeToSave(path: string, text: string | null): number | null {
  if (text === null) return null;
  const block = findBlock(text, path);
  if (block !== null) return parseSavedMode(block);
  const mode = readMode(path);
  return (mode & EXECUTABLE_BITS) === EXECUTABLE_BITS ? null : mode;
}

function parseSavedMode(block: Block): number | null {
  const line = block.lines.find((candidate) => candidate.startsWith(MODE_MARK));
  const [, octal] = /^([0-7]{4})$/.exec(line?.slice(MODE_MARK.length) ?? "") ?? [];
  return octal === undefined ? null : Number.parseInt(octal, 8);
}

/** What is no file has no block of ours in it. */
function isFileOrMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
  } catch (error) {
    if (getErrnoName(error) === "ELOOP") return false;
    throw toFileError("file-not-read", `cannot read ${path}`, error);
  }
}

/** One character a byte; null without a file. */
function readText(path: string): string | null {
  const bytes = readFileBytes(path);
  return bytes === null ? null : Buffer.from(bytes).toString("latin1");
}

function readMode(path: string): number {
  return statSync(path).mode & 0o7777;
}
