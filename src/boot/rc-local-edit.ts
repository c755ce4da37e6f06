import { decodeLatin1, encodeLatin1 } from "../fs/latin1.ts";
import { parseInterpreter } from "./interpreter.ts";
import { type BlockRange, createBrokenMarkersError, findBlock, formatBlock } from "./rc-local-markers.ts";

const SHEBANG = "#!/bin/sh\n";

/**
 * The file with a block of these lines right after its first line, before anything that could end the script or
 * keep what follows from being run; a block in another place is moved. Every other byte stays. Without
 * a file (null), or with an empty one, a whole new one. `path`: for the words of a failure.
 */
export function insertBlock(bytes: Uint8Array | null, lines: readonly string[], path: string): Uint8Array {
  const text = bytes === null ? "" : decodeLatin1(bytes);
  if (text === "") {
    return encodeLatin1(SHEBANG + formatBlock(lines, bytes === null ? "created" : "empty"));
  }
  parseInterpreter(text, path);
  const search = findBlock(text);
  if (search.state === "broken") throw createBrokenMarkersError(search, path);
  if (search.state === "present" && isAfterFirstLine(text, search.range)) {
    const { start, end, original } = search.range;
    return encodeLatin1(text.slice(0, start) + formatBlock(lines, original) + text.slice(end));
  }
  const remaining = search.state === "present" ? removeRange(text, search.range) : text;
  const insertAt = remaining.indexOf("\n") + 1;
  return encodeLatin1(
    insertAt === 0
      ? `${remaining}\n${formatBlock(lines, "noFinalNewline")}`
      : remaining.slice(0, insertAt) + formatBlock(lines, "unchanged") + remaining.slice(insertAt),
  );
}

/**
 * The file as it was before our block came, with whatever others changed since; the same bytes when
 * there is no block. Null: there was no file, and there is nothing of anyone else in it. `path`: for
 * the words of a failure.
 */
export function stripBlock(bytes: Uint8Array, path: string): Uint8Array | null {
  const text = decodeLatin1(bytes);
  const search = findBlock(text);
  if (search.state === "broken") throw createBrokenMarkersError(search, path);
  if (search.state === "missing") return bytes;
  const { range } = search;
  if (text.slice(0, range.start) === SHEBANG && text.slice(range.end) === "") {
    if (range.original === "created") return null;
    if (range.original === "empty") return new Uint8Array();
  }
  return encodeLatin1(removeRange(text, range));
}

/** Whether a block stands right after the first line, where nothing can keep it from being run. */
export function isAfterFirstLine(text: string, { start }: BlockRange): boolean {
  return start > 0 && text.indexOf("\n") + 1 === start;
}

function removeRange(text: string, { start, end, original }: BlockRange): string {
  const [before, after] = [text.slice(0, start), text.slice(end)];
  // When something follows by now, the newline is no longer the last.
  const keepsNewline = original !== "noFinalNewline" || after !== "";
  return (keepsNewline ? before : before.replace(/\n$/, "")) + after;
}
