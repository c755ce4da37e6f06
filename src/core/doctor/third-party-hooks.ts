import { BEGIN_LINE, END_LINE } from "../boot-block-markers.ts";

/** What kind of thing makes a file of somebody else's run. */
export type Carrier =
  | "rc.local"
  | "udev rule"
  | "systemd unit"
  | "cron"
  | "hook of the toolstack"
  | "network script"
  | "module options"
  | "script";

/** A file that may touch offloads, as it is on disk. */
export interface ForeignFile {
  readonly path: string;
  readonly carrier: Carrier;
  readonly text: string;
  /** Why it does nothing by itself, such as a missing executable bit; null where it is in force. */
  readonly idle: string | null;
}

/** A line of somebody else's that touches offloads. */
export interface Hook {
  readonly path: string;
  /** Counted from 1; 0 where the whole file is meant. */
  readonly line: number;
  readonly carrier: Carrier;
  /** The line itself, or the part of it that matters. */
  readonly text: string;
  /** Whether it turns a feature on, which `offload` and its records turn off. */
  readonly turnsOn: boolean;
  readonly idle: string | null;
}

/** The commands and settings by which others touch offloads; each finds the part that matters. */
const TOUCHES: readonly RegExp[] = [
  // ethtool itself, by whatever path or variable.
  /\S*(?:ethtool|ETHTOOL)\S*\s+(?:-K|--features|--offload)\s[^;|&#]*/,
  // initscripts hand this to ethtool when they bring an interface up.
  /\bETHTOOL_OPTS=.*\s?(?:-K|--features|--offload)\s.*/,
  // Records, written by a script.
  /\bxe\s+(?:pif|vif|network)-param-(?:set|add|remove|clear)\b[^;|&#]*\bethtool[-\w]*[^;|&#]*/,
  /\bxe\s+pif-param-set\b[^;|&#]*\bproperties:gro=[^;|&#]*/,
];

/** Options of NIC drivers that switch coalescing: bnx2x's TPA, and LRO where a driver asks for it. */
const MODULE_OPTION = /^\s*options\s+\S+\s.*\b(?:disable_tpa|lro)=\S+.*/i;

/** A line that is a comment, in a shell's way or in systemd's. */
const COMMENT = /^\s*[#;]/;

/** The lines of a file that touch offloads; comments and the block of `persist` are passed over. */
export function hooksIn(file: ForeignFile): readonly Hook[] {
  const { path, carrier, idle } = file;
  if (path.endsWith("/vif-hotplug")) {
    // The toolstack calls it for every interface of a guest, whatever it is that it does.
    const lines = linesThatTouch(file);
    const whole: Hook = { path, line: 0, carrier, text: "", turnsOn: false, idle };
    return lines.length > 0 ? lines : [whole];
  }
  return linesThatTouch(file);
}

function linesThatTouch({ path, carrier, text, idle }: ForeignFile): readonly Hook[] {
  const hooks: Hook[] = [];
  let ours = false;
  for (const { line, words } of joinedLines(text)) {
    if (BEGIN_LINE.test(words)) ours = true;
    else if (END_LINE.test(words)) ours = false;
    if (ours || COMMENT.test(words)) continue;
    const found = matchIn(words, carrier);
    if (found === null) continue;
    const turnsOn = /(?:^|[\s=:])(?:on|true)(?=$|[\s"',])/.test(found);
    hooks.push({ path, line, carrier, text: found, turnsOn, idle });
  }
  return hooks;
}

function matchIn(words: string, carrier: Carrier): string | null {
  const patterns = carrier === "module options" ? [MODULE_OPTION] : TOUCHES;
  for (const pattern of patterns) {
    const [found] = pattern.exec(words) ?? [];
    if (found !== undefined) return found.trim();
  }
  return null;
}

/** Lines as a shell reads them: one that ends in a backslash goes on in the next, but no comment does. */
function joinedLines(text: string): readonly { readonly line: number; readonly words: string }[] {
  const joined: { line: number; words: string }[] = [];
  let continues = false;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const words = line.replace(/\\$/, " ");
    const last = joined.at(-1);
    if (continues && last !== undefined) last.words += words.trimStart();
    else joined.push({ line: index + 1, words });
    continues = line.endsWith("\\") && !COMMENT.test(line);
  }
  return joined;
}

/** Absolute paths in a file's lines that are no comments: the scripts that it may run. */
export function pathsIn(text: string): readonly string[] {
  const paths = new Set<string>();
  for (const { words } of joinedLines(text)) {
    if (COMMENT.test(words)) continue;
    for (const [, path] of words.matchAll(/(?:^|[\s"'=;&|(+!@-])(\/[\w.@+/-]+)/g)) {
      if (path !== undefined) paths.add(path);
    }
  }
  return [...paths];
}
