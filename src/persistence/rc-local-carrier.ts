import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { BootLayer, Coverage } from "../offload/boot.ts";
import { type Result, success } from "../offload/result.ts";
import { coverageLine, readMark, whyDifferent } from "./coverage.ts";
import { readFileBytes, removeFile, removeLeftoversBeside, replaceFile } from "./file.ts";
import { loopScript } from "./loop.ts";
import { mustRun } from "./program.ts";
import { withBlock, withoutBlock } from "./rc-local.ts";
import { inspect } from "./rc-local-inspection.ts";
import { type Block, mentionsBlock } from "./rc-local-markers.ts";

/** The file that boot runs on a dom0; /etc/rc.local is a link to it. */
const RC_LOCAL = "/etc/rc.d/rc.local";
/** Where the file is on other systems than Red Hat's. */
const PLAIN_RC_LOCAL = "/etc/rc.local";

const EXECUTABLE = 0o111;
/** Written into the block when `persist` made the file executable, so that removing undoes it. */
const MODE_MARK = "# offload-mode: ";

/** The rc.local of this host: dom0's, or the plain one where dom0's has no place. */
export function rcLocalPath(): string {
  if (existsSync(RC_LOCAL)) return RC_LOCAL;
  return existsSync(PLAIN_RC_LOCAL) || !existsSync(dirname(RC_LOCAL)) ? PLAIN_RC_LOCAL : RC_LOCAL;
}

/**
 * Puts the loop into rc.local and makes that executable: dom0 ships it without the bit, and then
 * nothing runs and nobody is told. Says whether anything had to be changed.
 */
export async function installBlock(coverage: Coverage): Promise<Result<boolean>> {
  const path = rcLocalPath();
  const old = readFileBytes(path);
  if (!old.ok) return old;
  const text = withBlock(old.value, blockLines(coverage, modeToRemember(path, old.value)), path);
  if (!text.ok) return text;
  const replaced = await replaceFile(path, text.value, {
    createMode: 0o755,
    addMode: EXECUTABLE,
    check: (temporary) => mustRun("sh", ["-n", temporary]),
  });
  return replaced.ok ? success(replaced.value.changed) : replaced;
}

/** Takes the block out again, and the executable bit if it was put there for it. */
export async function removeBlock(): Promise<Result<boolean>> {
  const path = rcLocalPath();
  removeLeftoversBeside(path);
  const old = readFileBytes(path);
  if (!old.ok || old.value === null) return old.ok ? success(false) : old;
  const state = inspect(old.value);
  const text = withoutBlock(old.value, path);
  if (!text.ok) return text;
  if (text.value === null) return removeFile(path);
  if (state.state === "absent") return success(false);
  const mode = modeMark("block" in state ? state.block : null);
  const replaced = await replaceFile(path, text.value, mode === null ? {} : { setMode: mode });
  return replaced.ok ? success(replaced.value.changed) : replaced;
}

/** How it stands with the block; null when there is none. */
export function inspectBlock(): Result<BootLayer | null> {
  const path = rcLocalPath();
  const bytes = readFileBytes(path);
  if (!bytes.ok) return bytes;
  if (bytes.value === null || !mentionsBlock(bytes.value)) return success(null);
  const inspection = inspect(bytes.value);
  const layer = (state: BootLayer["state"], covers: Coverage | null = null) =>
    success<BootLayer>({ method: "rc.local", state, covers });
  if (inspection.state === "absent") return success(null);
  if (inspection.state === "broken") return layer("edited");
  if (inspection.state === "unreachable" && inspection.block === null) return success(null);
  const lines = inspection.block?.lines ?? [];
  const mark = readMark(lines.join("\n"));
  if (mark === null) return layer("edited");
  if (inspection.state === "unreachable") return layer("unreachable", mark.covers);
  const same = lines.join("\n") === blockLines(mark.covers, modeMark(inspection.block)).join("\n");
  if (!same) return layer(whyDifferent(mark), mark.covers);
  const mode = modeOf(path);
  return layer((mode & 0o100) === 0 ? "not-executable" : "current", mark.covers);
}

/** The block as it will stand in rc.local, between its markers. */
export function blockText(coverage: Coverage): string {
  return `${blockLines(coverage, null).join("\n")}\n`;
}

/** Under `#!/bin/sh -e` a loop that found something still on would end the script around it. */
function blockLines(coverage: Coverage, modeBefore: number | null): readonly string[] {
  const loop = loopScript({
    keywords: coverage.keywords,
    devices: coverage.devices,
    everyNic: coverage.everything,
  });
  const mode =
    modeBefore === null ? [] : [`${MODE_MARK}${modeBefore.toString(8).padStart(4, "0")}`];
  return [coverageLine(coverage), ...mode, ...`${loop} || :`.split("\n")];
}

/** The permissions to remember: those of a file that is not executable. First touch wins. */
function modeToRemember(path: string, bytes: Uint8Array | null): number | null {
  if (bytes === null) return null;
  const inspection = inspect(bytes);
  const block = "block" in inspection ? inspection.block : null;
  if (block !== null) return modeMark(block);
  const mode = modeOf(path);
  return (mode & EXECUTABLE) === EXECUTABLE ? null : mode;
}

function modeMark(block: Block | null): number | null {
  const line = block?.lines.find((candidate) => candidate.startsWith(MODE_MARK));
  const [, octal] = /^([0-7]{4})$/.exec(line?.slice(MODE_MARK.length) ?? "") ?? [];
  return octal === undefined ? null : Number.parseInt(octal, 8);
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}
