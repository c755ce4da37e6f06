import { BEGIN_LINE, END_LINE } from "../core/boot-block-markers.ts";
import { type Result, usage } from "../core/result.ts";
import { fromLatin1, latin1 } from "../fs/latin1.ts";

const BEGIN =
  '# BEGIN offload (written by "offload persist"; remove with "offload persist --remove")';
const END = "# END offload";

/**
 * What removing the block must know to leave the very bytes that were there. It is written behind
 * the end marker.
 */
const MEMORIES = {
  nothing: "",
  made: " (this file was made for it)",
  empty: " (this file was empty before)",
  unended: " (there was no newline before it)",
} as const;

/** What an rc.local was before our block came: made for it, empty, without a last newline, or none of these. */
export type Memory = keyof typeof MEMORIES;

/** Our block in an rc.local. */
export interface Block {
  /** The number of the line with the begin marker. */
  readonly line: number;
  /** What stands between the markers. */
  readonly lines: readonly string[];
}

/** Where our block is, markers and the newline behind them included, as offsets. */
export interface Frame {
  readonly from: number;
  readonly to: number;
  readonly memory: Memory;
}

/** The numbers of the lines with markers that do not make one block. */
export interface BrokenMarkers {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

/** What there is of our block in an rc.local. */
export type Found =
  | { readonly state: "absent" }
  | { readonly state: "present"; readonly block: Block; readonly frame: Frame }
  | ({ readonly state: "broken" } & BrokenMarkers);

/** Looks for our block in the text of an rc.local, which has one character a byte. */
export function findBlock(text: string): Found {
  const begins = markers(text, BEGIN_LINE);
  const ends = markers(text, END_LINE);
  const [begin, end] = [begins[0], ends[0]];
  if (begin === undefined && end === undefined) return { state: "absent" };
  const single = begins.length === 1 && ends.length === 1;
  if (!single || begin === undefined || end === undefined || end.from < begin.from) {
    return {
      state: "broken",
      begins: begins.map(({ line }) => line),
      ends: ends.map(({ line }) => line),
    };
  }
  return {
    state: "present",
    block: { line: begin.line, lines: linesOf(text.slice(begin.to, end.from)) },
    frame: { from: begin.from, to: end.to, memory: memoryOf(end.text) },
  };
}

/** The block with these lines, as one character a byte. */
export function blockText(lines: readonly string[], memory: Memory): string {
  const text = `${[BEGIN, ...lines, END].join("\n")}${MEMORIES[memory]}\n`;
  return latin1(new TextEncoder().encode(text));
}

interface Marker {
  readonly from: number;
  readonly to: number;
  readonly line: number;
  readonly text: string;
}

function markers(text: string, pattern: RegExp): readonly Marker[] {
  const found: Marker[] = [];
  let from = 0;
  for (const [index, line] of text.split("\n").entries()) {
    const to = Math.min(from + line.length + 1, text.length);
    if (pattern.test(line)) found.push({ from, to, line: index + 1, text: line });
    from = to;
  }
  return found;
}

function memoryOf(endMarker: string): Memory {
  if (endMarker.includes(MEMORIES.made)) return "made";
  if (endMarker.includes(MEMORIES.empty)) return "empty";
  return endMarker.includes(MEMORIES.unended) ? "unended" : "nothing";
}

function linesOf(text: string): readonly string[] {
  const lines = new TextDecoder().decode(fromLatin1(text)).split("\n");
  return lines.slice(0, -1);
}

/** That the markers in the rc.local of this path do not make one block, so that it cannot be taken out. */
export function brokenMarkers(markers: BrokenMarkers, path: string): Result<never> {
  return usage(
    "rc-local-broken-markers",
    `${brokenWords(markers, path)}; leave one pair of "# BEGIN offload (…)" and "# END offload", or delete those lines`,
  );
}

function brokenWords({ begins, ends }: BrokenMarkers, path: string): string {
  const [begin, secondBegin] = begins;
  const [end, secondEnd] = ends;
  if (begin === undefined) {
    return `line ${end} of ${path} ends a block of offload that does not begin`;
  }
  if (end === undefined) {
    return `line ${begin} of ${path} begins a block of offload that does not end`;
  }
  if (secondBegin !== undefined || secondEnd !== undefined) {
    const lines = [...begins, ...ends].sort((a, b) => a - b).join(", ");
    return `${path} has more than one block of offload, or parts of one (lines ${lines})`;
  }
  return `line ${end} of ${path} ends a block of offload that begins only on line ${begin}`;
}
