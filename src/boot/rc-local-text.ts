import { usageError } from "../core/command-error.ts";
import { RC_LOCAL_BEGIN_LINE, RC_LOCAL_END_LINE } from "../core/rc-local-block-lines.ts";

// The text of an rc.local has one character a byte, so that every byte survives, whatever it means.

const SHEBANG = "#!/bin/sh\n";
const BEGIN_MARKER = '# BEGIN offload (written by "offload persist"; remove with "offload persist --remove")';
const END_MARKER = "# END offload";

/** What removing the block must know to leave the very bytes that were there, behind the end marker. */
const ORIGINAL_NOTES = {
  unchanged: "",
  created: " (this file was made for it)",
  empty: " (this file was empty before)",
  noFinalNewline: " (there was no newline before it)",
} as const;

type OriginalFile = keyof typeof ORIGINAL_NOTES;

/** Our block in an rc.local. */
export interface Block {
  /** Where it is, markers and the newline behind them included, as offsets. */
  readonly start: number;
  readonly end: number;
  /** What stands between the markers. */
  readonly lines: readonly string[];
  /** What the file was before: made for the block, empty, without a last newline, or none of these. */
  readonly original: OriginalFile;
  /** Whether it stands right after the first line, where nothing can keep it from being run. */
  readonly isAfterFirstLine: boolean;
}

/**
 * The file with a block of these lines right after its first line, before anything that could end the script or
 * keep what follows from being run; a block in another place is moved. Every other byte stays. Without
 * a file (null), or with an empty one, a whole new one. `path`: for the words of a failure.
 */
export function insertBlock(text: string | null, lines: readonly string[], path: string): string {
  if (text === null || text === "") return SHEBANG + formatBlock(lines, text === null ? "created" : "empty");
  parseInterpreter(text, path);
  const block = findBlock(text, path);
  if (block?.isAfterFirstLine === true) {
    return text.slice(0, block.start) + formatBlock(lines, block.original) + text.slice(block.end);
  }
  const remaining = block === null ? text : removeRange(text, block);
  const insertAt = remaining.indexOf("\n") + 1;
  if (insertAt === 0) return `${remaining}\n${formatBlock(lines, "noFinalNewline")}`;
  return remaining.slice(0, insertAt) + formatBlock(lines) + remaining.slice(insertAt);
}

/**
 * The file as it was before our block came, with whatever others changed since; the same text when there is no
 * block. Null: there was no file, and there is nothing of anyone else in it. `path`: for the words of a failure.
 */
export function stripBlock(text: string, path: string): string | null {
  const block = findBlock(text, path);
  if (block === null) return text;
  if (text.slice(0, block.start) === SHEBANG && text.slice(block.end) === "") {
    if (block.original === "created") return null;
    if (block.original === "empty") return "";
  }
  return removeRange(text, block);
}

function removeRange(text: string, { start, end, original }: Block): string {
  const [before, after] = [text.slice(0, start), text.slice(end)];
  // When something follows by now, the newline is no longer the last.
  const keepsNewline = original !== "noFinalNewline" || after !== "";
  return (keepsNewline ? before : before.replace(/\n$/, "")) + after;
}

/** The block with these lines. */
export function formatBlock(lines: readonly string[], original: OriginalFile = "unchanged"): string {
  return `${[BEGIN_MARKER, ...lines, END_MARKER].join("\n")}${ORIGINAL_NOTES[original]}\n`;
}

/** Our block; null where there is none. Fails where the markers do not make one block. */
export function findBlock(text: string, path: string): Block | null {
  const lines = splitLines(text);
  const begins = lines.filter((line) => RC_LOCAL_BEGIN_LINE.test(line.text));
  const ends = lines.filter((line) => RC_LOCAL_END_LINE.test(line.text));
  const [begin, end] = [begins[0], ends[0]];
  if (begin === undefined && end === undefined) return null;
  if (begin === undefined || end === undefined || begins.length + ends.length > 2 || end.number < begin.number) {
    throw usageError(
      "rc-local-broken-markers",
      `${describeBrokenMarkers(begins, ends, path)}; leave one pair of "# BEGIN offload (…)" and "# END offload", or delete those lines`,
    );
  }
  return {
    start: begin.start,
    end: end.end,
    lines: lines.slice(begin.number, end.number - 1).map((line) => line.text),
    original: parseOriginalFile(end.text),
    isAfterFirstLine: begin.number === 2,
  };
}

interface Line {
  readonly text: string;
  readonly number: number;
  readonly start: number;
  /** Behind its newline. */
  readonly end: number;
}

function splitLines(text: string): readonly Line[] {
  let start = 0;
  return text.split("\n").map((line, index) => {
    const end = Math.min(start + line.length + 1, text.length);
    const entry = { text: line, number: index + 1, start, end };
    start = end;
    return entry;
  });
}

function parseOriginalFile(endMarker: string): OriginalFile {
  const originals = ["created", "empty", "noFinalNewline"] as const;
  return originals.find((original) => endMarker.includes(ORIGINAL_NOTES[original])) ?? "unchanged";
}

function describeBrokenMarkers(begins: readonly Line[], ends: readonly Line[], path: string): string {
  const numbers = [...begins, ...ends].map(({ number }) => number).sort((a, b) => a - b);
  if (numbers.length === 1) return `line ${numbers[0]} of ${path} has only one of the two markers of offload's block`;
  if (begins.length === 1 && ends.length === 1) {
    return `line ${numbers[0]} of ${path} ends a block of offload that begins only on line ${numbers[1]}`;
  }
  return `${path} has more than one block of offload, or parts of one (lines ${numbers.join(", ")})`;
}

/** Shells that take a command of sh. */
const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"]);
const SHELL_LAUNCHERS: ReadonlySet<string> = new Set(["env", "busybox"]);

/**
 * The shell that the first line names: its path and, where that is another shell's launcher, the shell's name.
 * Fails where that is none, or the kernel finds none.
 */
export function parseInterpreter(text: string, path: string): readonly [program: string, ...words: string[]] {
  const [line = ""] = text.split("\n", 1);
  const command = line.startsWith("#!") ? line.slice(2).trim() : "";
  const words = command.split(/[ \t\r]+/);
  const [program = ""] = words;
  if (program === "") {
    throw usageError(
      "rc-local-no-interpreter",
      `${path} does not begin with #!/bin/sh, so it is not run at boot; make that its first line`,
    );
  }
  if (line.endsWith("\r")) {
    throw usageError(
      "rc-local-carriage-return",
      `line 1 of ${path} ends in a carriage return, so it is not run at boot; convert the file: sed -i 's/\\r$//' ${path}`,
    );
  }
  // Options do not matter here, nor do variables that env sets.
  const [name = "", launchedShell = ""] = words.filter((word) => !/^-|=/.test(word)).map(getBaseName);
  const isLauncher = SHELL_LAUNCHERS.has(name);
  if (SHELLS.has(isLauncher ? launchedShell : name)) return isLauncher ? [program, launchedShell] : [program];
  throw usageError(
    "rc-local-not-shell",
    `${path} is not a shell script (line 1 names ${sanitize(command)}); use --method systemd`,
  );
}

function getBaseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A piece of the file for a message: short, and without what would act on a terminal. */
function sanitize(text: string): string {
  const printableText = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return printableText.length > 60 ? `${printableText.slice(0, 59)}…` : printableText;
}
