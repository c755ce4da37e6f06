import type { Open } from "./shell-reader.ts";
import { type Scan, scan } from "./shell-scan.ts";
import type { Statement } from "./shell-statements.ts";

/** Why a block in this rc.local is not run at boot. */
export type Obstacle =
  /** An `exit` or an `exec` ends the script before. */
  | { readonly kind: "ends-early"; readonly line: number; readonly statement: string }
  /** Something is open where the block is, or would be, which thus is a part of it. */
  | { readonly kind: "unfinished"; readonly line: number; readonly what: Open["what"] }
  /** The first line names no interpreter, and the service manager does not guess one. */
  | { readonly kind: "no-interpreter" }
  /** The kernel takes the carriage return as part of the interpreter's name. */
  | { readonly kind: "carriage-return" }
  /** It is a program in another language. */
  | { readonly kind: "not-shell"; readonly interpreter: string };

/** What keeps a block from being run that this text, the start of an rc.local, stands in front of. */
export function obstacleBefore(text: string): Obstacle | null {
  const { stop, open } = scan(text);
  const obstacle = interpreterObstacle(text) ?? (stop === null ? null : earlyEnd(text, stop));
  // Of a block, a continued line takes the begin marker alone, mostly as a comment.
  if (obstacle !== null || open === null || open.what === "continued line") return obstacle;
  return unfinished(text, open);
}

/** What would keep a block from being run that is added to this text. */
export function obstacleForNew(text: string, scanned: Scan): Obstacle | null {
  const { stop, open } = scanned;
  const early = stop === null || stop.last ? null : earlyEnd(text, stop);
  return interpreterObstacle(text) ?? early ?? (open === null ? null : unfinished(text, open));
}

function earlyEnd(text: string, stop: Statement): Obstacle {
  return { kind: "ends-early", line: lineAt(text, stop.from), statement: printable(stop.text) };
}

function unfinished(text: string, { what, from }: Open): Obstacle {
  return { kind: "unfinished", what, line: lineAt(text, from) };
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

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** A piece of the file for a message: short, and without what would act on a terminal. */
function printable(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return plain.length > 60 ? `${plain.slice(0, 59)}…` : plain;
}
