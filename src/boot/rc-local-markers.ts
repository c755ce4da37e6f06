import { type CommandError, usageError } from "../core/command-error.ts";
import { RC_LOCAL_BEGIN_LINE, RC_LOCAL_END_LINE } from "../core/rc-local-block-lines.ts";
import { decodeLatin1, encodeLatin1 } from "../fs/latin1.ts";

const BEGIN_MARKER = '# BEGIN offload (written by "offload persist"; remove with "offload persist --remove")';
const END_MARKER = "# END offload";

/**
 * What removing the block must know to leave the very bytes that were there. It is written behind
 * the end marker.
 */
const ORIGINAL_NOTES = {
  unchanged: "",
  created: " (this file was made for it)",
  empty: " (this file was empty before)",
  noFinalNewline: " (there was no newline before it)",
} as const;

/** What an rc.local was before our block came: made for it, empty, without a last newline, or none of these. */
export type OriginalFile = keyof typeof ORIGINAL_NOTES;

/** Our block in an rc.local. */
export interface Block {
  /** The number of the line with the begin marker. */
  readonly line: number;
  /** What stands between the markers. */
  readonly lines: readonly string[];
}

/** Where our block is, markers and the newline behind them included, as offsets. */
export interface BlockRange {
  readonly start: number;
  readonly end: number;
  readonly original: OriginalFile;
}

/** The numbers of the lines with markers that do not make one block. */
export interface BrokenMarkers {
  readonly beginLines: readonly number[];
  readonly endLines: readonly number[];
}

/** What there is of our block in an rc.local. */
export type BlockSearch =
  | { readonly state: "missing" }
  | { readonly state: "present"; readonly block: Block; readonly range: BlockRange }
  | ({ readonly state: "broken" } & BrokenMarkers);

/** Looks for our block in the text of an rc.local, which has one character a byte. */
export function findBlock(text: string): BlockSearch {
  const beginMarkers = findMarkers(text, RC_LOCAL_BEGIN_LINE);
  const endMarkers = findMarkers(text, RC_LOCAL_END_LINE);
  const [begin, end] = [beginMarkers[0], endMarkers[0]];
  if (begin === undefined && end === undefined) return { state: "missing" };
  const isSinglePair = beginMarkers.length === 1 && endMarkers.length === 1;
  if (!isSinglePair || begin === undefined || end === undefined || end.start < begin.start) {
    return {
      state: "broken",
      beginLines: beginMarkers.map(({ line }) => line),
      endLines: endMarkers.map(({ line }) => line),
    };
  }
  return {
    state: "present",
    block: { line: begin.line, lines: decodeLines(text.slice(begin.end, end.start)) },
    range: { start: begin.start, end: end.end, original: parseOriginalFile(end.text) },
  };
}

/** The block with these lines, as one character a byte. */
export function formatBlock(lines: readonly string[], original: OriginalFile): string {
  const text = `${[BEGIN_MARKER, ...lines, END_MARKER].join("\n")}${ORIGINAL_NOTES[original]}\n`;
  return decodeLatin1(new TextEncoder().encode(text));
}

interface Marker {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly text: string;
}

function findMarkers(text: string, pattern: RegExp): readonly Marker[] {
  const found: Marker[] = [];
  let start = 0;
  for (const [index, line] of text.split("\n").entries()) {
    const end = Math.min(start + line.length + 1, text.length);
    if (pattern.test(line)) found.push({ start, end, line: index + 1, text: line });
    start = end;
  }
  return found;
}

function parseOriginalFile(endMarker: string): OriginalFile {
  if (endMarker.includes(ORIGINAL_NOTES.created)) return "created";
  if (endMarker.includes(ORIGINAL_NOTES.empty)) return "empty";
  return endMarker.includes(ORIGINAL_NOTES.noFinalNewline) ? "noFinalNewline" : "unchanged";
}

function decodeLines(text: string): readonly string[] {
  const lines = new TextDecoder().decode(encodeLatin1(text)).split("\n");
  return lines.slice(0, -1);
}

/** That the markers in the rc.local of this path do not make one block, so that it cannot be taken out. */
export function createBrokenMarkersError(markers: BrokenMarkers, path: string): CommandError {
  return usageError(
    "rc-local-broken-markers",
    `${describeBrokenMarkers(markers, path)}; leave one pair of "# BEGIN offload (…)" and "# END offload", or delete those lines`,
  );
}

function describeBrokenMarkers({ beginLines, endLines }: BrokenMarkers, path: string): string {
  const [begin, secondBegin] = beginLines;
  const [end, secondEnd] = endLines;
  if (begin === undefined) {
    return `line ${end} of ${path} ends a block of offload that does not begin`;
  }
  if (end === undefined) {
    return `line ${begin} of ${path} begins a block of offload that does not end`;
  }
  if (secondBegin !== undefined || secondEnd !== undefined) {
    const lines = [...beginLines, ...endLines].sort((a, b) => a - b).join(", ");
    return `${path} has more than one block of offload, or parts of one (lines ${lines})`;
  }
  return `line ${end} of ${path} ends a block of offload that begins only on line ${begin}`;
}
