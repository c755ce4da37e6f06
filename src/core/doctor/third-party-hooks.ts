import { findFeature } from "../features.ts";
import { RC_LOCAL_BEGIN_LINE, RC_LOCAL_END_LINE } from "../rc-local-block-lines.ts";
import type { HookType } from "./hook-events.ts";
import { findOffloadCommands, type RequestedFeature } from "./offload-commands.ts";

/** A file that may touch offloads, as it is on disk. */
export interface ThirdPartyFile {
  readonly path: string;
  readonly type: HookType;
  /** When it runs: for a script, when what names it does. */
  readonly event: string;
  readonly text: string;
  /** Why it does nothing by itself, such as a missing executable bit; null where it is in force. */
  readonly inactiveReason: string | null;
}

/** A third-party line that touches offloads. */
export interface ThirdPartyHook {
  readonly path: string;
  /** Counted from 1; 0 where the whole file is meant. */
  readonly line: number;
  readonly type: HookType;
  readonly event: string;
  /** The line itself, or the part of it that matters. */
  readonly text: string;
  readonly requests: readonly RequestedFeature[];
  /** Whether it turns a feature on that `offload` turns off. */
  readonly turnsOn: boolean;
  readonly inactiveReason: string | null;
}

/** A line that is a comment, in a shell's way or in systemd's. */
const COMMENT = /^\s*[#;]/;

/** The lines of a file that touch offloads; comments and the block of `persist` are passed over. */
export function findHooks(file: ThirdPartyFile): readonly ThirdPartyHook[] {
  const { path, type, event, text, inactiveReason } = file;
  const hooks: ThirdPartyHook[] = [];
  let isOwnBlock = false;
  for (const { line, content } of joinContinuedLines(text)) {
    if (RC_LOCAL_BEGIN_LINE.test(content)) isOwnBlock = true;
    else if (RC_LOCAL_END_LINE.test(content)) isOwnBlock = false;
    if (isOwnBlock || COMMENT.test(content)) continue;
    const commands = findOffloadCommands(content, type);
    if (commands.length === 0) continue;
    const requests = commands.flatMap((command) => command.requests);
    // A feature that this program does not know, such as hw-tc-offload, is none that it turns off.
    const turnsOn = requests.some(({ feature, state }) => state === "on" && findFeature(feature) !== null);
    const commandText = commands.map((command) => command.text).join("; ");
    hooks.push({ path, line, type, event, text: commandText, requests, turnsOn, inactiveReason });
  }
  if (hooks.length === 0 && path.endsWith("/vif-hotplug")) {
    // The toolstack calls it for every VIF, whatever it does.
    hooks.push({ path, line: 0, type, event, text: "", requests: [], turnsOn: false, inactiveReason });
  }
  return hooks;
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

/** What may begin a path in a line: systemd's prefixes of a command among it. */
const BEFORE_PATH = String.raw`(?:^|[\s"'=;&|(+!@-])`;
const ABSOLUTE_PATH = new RegExp(String.raw`${BEFORE_PATH}(\/[\w.@+/-]+)`, "g");
const RELATIVE_PATH = new RegExp(
  String.raw`${BEFORE_PATH}(?:\$HOME\/|\$\{HOME\}\/|~\/)?((?:\.{1,2}\/)*[\w@+-][\w.@+-]*(?:\/[\w.@+-]+)*)`,
  "g",
);
const WORKING_DIRECTORY = /(?:\bcd\s+|^\s*WorkingDirectory\s*=\s*-?)["']?(\/[\w.@+/-]*)/g;

/** Where a script may be that is not named by its whole path: root's home, and where administrators put theirs. */
const SCRIPT_DIRECTORIES: readonly string[] = ["/root", "/root/bin", "/usr/local/sbin", "/usr/local/bin"];

/**
 * Paths of the scripts that a file may run, from its lines that are no comments: absolute ones, and those of other
 * words in each directory that it may mean. Most of them are no files.
 */
export function findScriptPaths(text: string): readonly string[] {
  const paths = new Set<string>();
  const lines = joinContinuedLines(text).filter(({ content }) => !COMMENT.test(content));
  const directories = [...SCRIPT_DIRECTORIES];
  for (const { content } of lines) {
    for (const [, directory = ""] of content.matchAll(WORKING_DIRECTORY)) directories.push(directory);
    for (const [, path = ""] of content.matchAll(ABSOLUTE_PATH)) paths.add(path);
    for (const [, path = ""] of content.matchAll(RELATIVE_PATH)) {
      for (const directory of directories) paths.add(`${directory}/${path}`);
    }
  }
  return [...paths];
}
