import { type Failure, type Result, success } from "../offload/result.ts";
import { type Scan, scan } from "./rc-local-scan.ts";

/** The file that boot runs on a dom0; /etc/rc.local is a link to it. */
export const RC_LOCAL = "/etc/rc.d/rc.local";

const SHEBANG = "#!/bin/sh\n";
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

type Memory = keyof typeof MEMORIES;

/** Our block in an rc.local. */
export interface Block {
  /** The number of the line with the begin marker. */
  readonly line: number;
  /** What stands between the markers. */
  readonly lines: readonly string[];
}

/** Why a block in this rc.local is not run at boot. */
export type Obstacle =
  /** An `exit` or an `exec` ends the script before. */
  | { readonly kind: "ends-early"; readonly line: number; readonly statement: string }
  /** The file ends inside something, which a block at its end would become a part of. */
  | { readonly kind: "unfinished"; readonly line: number; readonly what: string }
  /** The first line names no interpreter, and the service manager does not guess one. */
  | { readonly kind: "no-interpreter" }
  /** The kernel takes the carriage return as part of the interpreter's name. */
  | { readonly kind: "carriage-return" }
  /** It is a program in another language. */
  | { readonly kind: "not-shell"; readonly interpreter: string };

/** What an rc.local is to us. */
export type Inspection =
  | { readonly state: "absent" }
  | { readonly state: "present"; readonly block: Block }
  /** The markers do not make one block; the numbers of the lines that they are on. */
  | {
      readonly state: "broken";
      readonly begins: readonly number[];
      readonly ends: readonly number[];
    }
  /** The block that is there is not run, or one that would be added were not. */
  | { readonly state: "unreachable"; readonly obstacle: Obstacle; readonly block: Block | null };

/** Looks for our block, and for what would keep it from being run. */
export function inspect(bytes: Uint8Array): Inspection {
  return examine(latin1(bytes)).inspection;
}

/** Whether there is any trace of a block of ours in it; without one nobody has to read the rest. */
export function mentionsBlock(bytes: Uint8Array): boolean {
  return /# (?:BEGIN|END) offload/.test(latin1(bytes));
}

/** Why nothing can be written into the rc.local of this path, as a failure; null: it can. */
export function refusal(inspection: Inspection, path = RC_LOCAL): Failure | null {
  if (inspection.state === "broken") return brokenMarkers(inspection, path);
  if (inspection.state !== "unreachable") return null;
  const { obstacle } = inspection;
  switch (obstacle.kind) {
    case "ends-early":
      return refused(
        "rc-local-unreachable",
        `line ${obstacle.line} of ${path} (${obstacle.statement}) ends it before ${blockWords(inspection.block)} could run; move or remove that line`,
      );
    case "unfinished":
      return refused(
        "rc-local-unfinished",
        `the ${obstacle.what} that begins on line ${obstacle.line} of ${path} is not ended, and lines after it would become part of it; end it`,
      );
    case "no-interpreter":
      return refused(
        "rc-local-no-interpreter",
        `${path} does not begin with #!/bin/sh, so it is not run at boot; make that its first line`,
      );
    case "carriage-return":
      return refused(
        "rc-local-carriage-return",
        `line 1 of ${path} ends in a carriage return, so it is not run at boot; convert the file: sed -i 's/\\r$//' ${path}`,
      );
    case "not-shell":
      return refused(
        "rc-local-not-shell",
        `${path} is not a shell script (line 1 names ${obstacle.interpreter}); use the systemd unit instead`,
      );
  }
}

/**
 * The file with a block of these lines: in the place of the block that is there, else before a
 * statement that ends the script, else at the end. Every other byte stays. Without a file (null),
 * or with an empty one, a whole new one.
 */
export function withBlock(
  bytes: Uint8Array | null,
  lines: readonly string[],
  path = RC_LOCAL,
): Result<Uint8Array> {
  const text = bytes === null ? "" : latin1(bytes);
  if (text === "") {
    return success(fromLatin1(SHEBANG + blockText(lines, bytes === null ? "made" : "empty")));
  }
  const { inspection, frame, place } = examine(text);
  const failure = refusal(inspection, path);
  if (failure !== null) return { ok: false, failures: [failure] };
  if (frame !== null) {
    const block = blockText(lines, frame.memory);
    return success(fromLatin1(text.slice(0, frame.from) + block + text.slice(frame.to)));
  }
  const [before, after] = [text.slice(0, place), text.slice(place)];
  const unended = after === "" && !before.endsWith("\n");
  return success(
    fromLatin1(
      unended
        ? `${before}\n${blockText(lines, "unended")}`
        : before + blockText(lines, "nothing") + after,
    ),
  );
}

/**
 * The file as it was before our block came, with whatever others changed since; the same bytes when
 * there is no block. Null: there was no file, and there is nothing of anyone else in it.
 */
export function withoutBlock(bytes: Uint8Array, path = RC_LOCAL): Result<Uint8Array | null> {
  const text = latin1(bytes);
  const { inspection, frame } = examine(text);
  if (inspection.state === "broken") {
    return { ok: false, failures: [brokenMarkers(inspection, path)] };
  }
  if (frame === null) return success(bytes);
  const [before, after] = [text.slice(0, frame.from), text.slice(frame.to)];
  if (before === SHEBANG && after === "") {
    if (frame.memory === "made") return success(null);
    if (frame.memory === "empty") return success(new Uint8Array());
  }
  // When something follows by now, the newline is no longer the last.
  const ended = frame.memory !== "unended" || after !== "";
  return success(fromLatin1((ended ? before : before.replace(/\n$/, "")) + after));
}

type Broken = Extract<Inspection, { readonly state: "broken" }>;

const MEND = 'leave one pair of "# BEGIN offload (…)" and "# END offload", or delete those lines';

function brokenMarkers(marks: Broken, path: string): Failure {
  return refused("rc-local-broken-markers", `${brokenWords(marks, path)}; ${MEND}`);
}

function refused(code: string, message: string): Failure {
  return { kind: "usage", code, message };
}

function blockWords(block: Block | null): string {
  return block === null ? "a block of offload" : `the block of offload on line ${block.line}`;
}

function brokenWords({ begins, ends }: Broken, path: string): string {
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

/** Where our block is, markers and the newline behind them included. */
interface Frame {
  readonly from: number;
  readonly to: number;
  readonly memory: Memory;
}

interface Examination {
  readonly inspection: Inspection;
  readonly frame: Frame | null;
  /** Where a block goes that is not there yet. */
  readonly place: number;
}

interface Marker {
  readonly from: number;
  readonly to: number;
  readonly line: number;
  readonly text: string;
}

function examine(text: string): Examination {
  const begins = markers(text, /^[ \t]*# BEGIN offload \(written by "offload persist"/);
  const ends = markers(text, /^[ \t]*# END offload\s*(?:\(|$)/);
  const [begin, end] = [begins[0], ends[0]];
  if (begin === undefined && end === undefined) {
    const scanned = scan(text);
    const obstacle = text === "" ? null : (interpreterObstacle(text) ?? newObstacle(text, scanned));
    const inspection: Inspection =
      obstacle === null ? { state: "absent" } : { state: "unreachable", obstacle, block: null };
    return { inspection, frame: null, place: scanned.place };
  }
  const single = begins.length === 1 && ends.length === 1;
  if (!single || begin === undefined || end === undefined || end.from < begin.from) {
    const lines = { begins: begins.map(({ line }) => line), ends: ends.map(({ line }) => line) };
    return { inspection: { state: "broken", ...lines }, frame: null, place: text.length };
  }
  // What stands in the block cannot end the script before the block.
  const scanned = scan(text.slice(0, begin.from) + text.slice(end.to));
  const block = { line: begin.line, lines: linesOf(text.slice(begin.to, end.from)) };
  const obstacle =
    interpreterObstacle(text) ?? earlyEnd(text, scanned, ({ from }) => from < begin.from);
  return {
    inspection:
      obstacle === null ? { state: "present", block } : { state: "unreachable", obstacle, block },
    frame: { from: begin.from, to: end.to, memory: memoryOf(end.text) },
    place: begin.from,
  };
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

function newObstacle(text: string, scanned: Scan): Obstacle | null {
  const early = earlyEnd(text, scanned, ({ last }) => !last);
  if (early !== null || scanned.open === null) return early;
  const { what, from } = scanned.open;
  return { kind: "unfinished", what, line: lineAt(text, from) };
}

function earlyEnd(
  text: string,
  { stop }: Scan,
  early: (stop: NonNullable<Scan["stop"]>) => boolean,
): Obstacle | null {
  if (stop === null || !early(stop)) return null;
  return { kind: "ends-early", line: lineAt(text, stop.from), statement: printable(stop.text) };
}

/** Shells that run a `( … )` of sh. */
const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"]);
const LAUNCHERS: ReadonlySet<string> = new Set(["env", "busybox"]);

function interpreterObstacle(text: string): Obstacle | null {
  const [line = ""] = text.split("\n", 1);
  const words = line.startsWith("#!")
    ? line
        .slice(2)
        .split(/[ \t]+/)
        .filter((word) => word)
    : [];
  const [path] = words;
  if (path === undefined || path === "\r") return { kind: "no-interpreter" };
  if (line.endsWith("\r")) return { kind: "carriage-return" };
  const [name = "", launched = ""] = words
    .filter((word) => !/^-|=/.test(word))
    .map((word) => word.slice(word.lastIndexOf("/") + 1));
  if (SHELLS.has(LAUNCHERS.has(name) ? launched : name)) return null;
  return { kind: "not-shell", interpreter: printable(line.slice(2).trim()) };
}

function blockText(lines: readonly string[], memory: Memory): string {
  const text = `${[BEGIN, ...lines, END].join("\n")}${MEMORIES[memory]}\n`;
  return latin1(new TextEncoder().encode(text));
}

function linesOf(text: string): readonly string[] {
  const lines = new TextDecoder().decode(fromLatin1(text)).split("\n");
  return lines.slice(0, -1);
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** A piece of the file for a message: short, and without what would act on a terminal. */
function printable(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return plain.length > 60 ? `${plain.slice(0, 59)}…` : plain;
}

/** One character a byte, so that every byte survives, whatever it means. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
