import { RC_LOCAL_BEGIN_LINE, RC_LOCAL_END_LINE } from "../rc-local-block-lines.ts";

/** What kind of thing makes a file of somebody else's run. */
export type HookType =
  | "rc.local"
  | "udev rule"
  | "systemd unit"
  | "cron"
  | "toolstack hook"
  | "network script"
  | "module options"
  | "script";

/** A file that may touch offloads, as it is on disk. */
export interface ThirdPartyFile {
  readonly path: string;
  readonly type: HookType;
  readonly text: string;
  /** Why it does nothing by itself, such as a missing executable bit; null where it is in force. */
  readonly inactiveReason: string | null;
}

/** A line of somebody else's that touches offloads. */
export interface ThirdPartyHook {
  readonly path: string;
  /** Counted from 1; 0 where the whole file is meant. */
  readonly line: number;
  readonly type: HookType;
  /** The line itself, or the part of it that matters. */
  readonly text: string;
  /** Whether it turns a feature on, which `offload` and its records turn off. */
  readonly turnsOn: boolean;
  readonly inactiveReason: string | null;
}

/** The commands and settings by which others touch offloads; each finds the part that matters. */
const OFFLOAD_PATTERNS: readonly RegExp[] = [
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
export function findHooks(file: ThirdPartyFile): readonly ThirdPartyHook[] {
  const { path, type, inactiveReason: idle } = file;
  if (path.endsWith("/vif-hotplug")) {
    // The toolstack calls it for every interface of a guest, whatever it is that it does.
    const lines = findOffloadLines(file);
    const wholeFile: ThirdPartyHook = {
      path,
      line: 0,
      type,
      text: "",
      turnsOn: false,
      inactiveReason: idle,
    };
    return lines.length > 0 ? lines : [wholeFile];
  }
  return findOffloadLines(file);
}

function findOffloadLines({ path, type, text, inactiveReason: idle }: ThirdPartyFile): readonly ThirdPartyHook[] {
  const hooks: ThirdPartyHook[] = [];
  let isOwnBlock = false;
  for (const { line, content } of joinContinuedLines(text)) {
    if (RC_LOCAL_BEGIN_LINE.test(content)) isOwnBlock = true;
    else if (RC_LOCAL_END_LINE.test(content)) isOwnBlock = false;
    if (isOwnBlock || COMMENT.test(content)) continue;
    const match = matchOffload(content, type);
    if (match === null) continue;
    const turnsOn = /(?:^|[\s=:])(?:on|true)(?=$|[\s"',])/.test(match);
    hooks.push({ path, line, type, text: match, turnsOn, inactiveReason: idle });
  }
  return hooks;
}

function matchOffload(content: string, type: HookType): string | null {
  const patterns = type === "module options" ? [MODULE_OPTION] : OFFLOAD_PATTERNS;
  for (const pattern of patterns) {
    const [match] = pattern.exec(content) ?? [];
    if (match !== undefined) return match.trim();
  }
  return null;
}

/** Lines as a shell reads them: one that ends in a backslash goes on in the next, but no comment does. */
function joinContinuedLines(text: string): readonly { readonly line: number; readonly content: string }[] {
  const joined: { line: number; content: string }[] = [];
  let isContinued = false;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.replace(/\\$/, " ");
    const last = joined.at(-1);
    if (isContinued && last !== undefined) last.content += content.trimStart();
    else joined.push({ line: index + 1, content });
    isContinued = line.endsWith("\\") && !COMMENT.test(line);
  }
  return joined;
}

/** Absolute paths in a file's lines that are no comments: the scripts that it may run. */
export function findPaths(text: string): readonly string[] {
  const paths = new Set<string>();
  for (const { content } of joinContinuedLines(text)) {
    if (COMMENT.test(content)) continue;
    for (const [, path] of content.matchAll(/(?:^|[\s"'=;&|(+!@-])(\/[\w.@+/-]+)/g)) {
      if (path !== undefined) paths.add(path);
    }
  }
  return [...paths];
}
