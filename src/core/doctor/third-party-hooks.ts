import { RC_LOCAL_BEGIN_LINE, RC_LOCAL_END_LINE } from "../rc-local-block-lines.ts";
import { splitShellCommands } from "./shell-commands.ts";

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

/** A line that is a comment, in a shell's way or in systemd's. */
const COMMENT = /^\s*[#;]/;

/** The lines of a file that touch offloads; comments and the block of `persist` are passed over. */
export function findHooks(file: ThirdPartyFile): readonly ThirdPartyHook[] {
  const { path, type, text, inactiveReason } = file;
  const hooks: ThirdPartyHook[] = [];
  let isOwnBlock = false;
  for (const { line, content } of joinContinuedLines(text)) {
    if (RC_LOCAL_BEGIN_LINE.test(content)) isOwnBlock = true;
    else if (RC_LOCAL_END_LINE.test(content)) isOwnBlock = false;
    if (isOwnBlock || COMMENT.test(content)) continue;
    const changes = findOffloadChanges(content, type);
    if (changes.length === 0) continue;
    const turnsOn = changes.some((change) => change.turnsOn);
    hooks.push({ path, line, type, text: changes.map((change) => change.text).join("; "), turnsOn, inactiveReason });
  }
  if (hooks.length === 0 && path.endsWith("/vif-hotplug")) {
    // The toolstack calls it for every VIF, whatever it does.
    hooks.push({ path, line: 0, type, text: "", turnsOn: false, inactiveReason });
  }
  return hooks;
}

/** What one command or setting does to offloads. */
interface OffloadChange {
  readonly text: string;
  readonly turnsOn: boolean;
}

/** Where udev and systemd have commands in their lines. */
const UDEV_COMMAND = /\b(?:RUN|PROGRAM|IMPORT)(?:\{\w+\})?\s*(?:\+|:|=)?=\s*"((?:\\.|[^"\\])*)"/g;
const SYSTEMD_COMMAND = /^\s*Exec\w+\s*=\s*[-@:+!]*(.*)/g;

function findOffloadChanges(line: string, type: HookType): readonly OffloadChange[] {
  const findInGroup = (pattern: RegExp) =>
    [...line.matchAll(pattern)].flatMap(([, command = ""]) => findInCommands(command));
  switch (type) {
    case "module options":
      return findModuleOptions(line);
    case "udev rule":
      return findInGroup(UDEV_COMMAND);
    case "systemd unit":
      return findInGroup(SYSTEMD_COMMAND);
    default:
      return findInCommands(line);
  }
}

/** Commands that only print, log or search what looks like a command. */
const PRINTING_COMMAND = /^(?:echo|printf|:|[ef]?grep|\w*log\w*)$/;
const ETHTOOL = /^\$?\{?ethtool\w*\}?$/i;
const OFFLOAD_FLAG = /^(?:-K|--offload|--features)$/;
/** initscripts hand this to ethtool when they bring an interface up. */
const IFCFG_VARIABLE = /^ETHTOOL_(OPTS|OPTIONS|OFFLOAD)\w*=(.*)/s;

function findInCommands(line: string): readonly OffloadChange[] {
  return splitShellCommands(line).flatMap(({ words, source }): readonly OffloadChange[] => {
    for (const [index, { text, start }] of words.entries()) {
      const name = text.slice(text.lastIndexOf("/") + 1);
      if (PRINTING_COMMAND.test(name)) return [];
      const rest = words.slice(index + 1).map((word) => word.text);
      const turnsOn = readIfcfg(text) ?? (ETHTOOL.test(name) ? readEthtool(rest) : name === "xe" ? readXe(rest) : null);
      if (turnsOn !== null) return [{ text: source.slice(start), turnsOn }];
    }
    return [];
  });
}

/** Whether `ethtool -K` with these words turns something on; null where it is another of ethtool's commands. */
function readEthtool([flag = "", device, ...settings]: readonly string[]): boolean | null {
  if (!OFFLOAD_FLAG.test(flag) || device === undefined || settings.length === 0) return null;
  return settings.some((word, index) => index % 2 === 1 && word === "on");
}

function readIfcfg(word: string): boolean | null {
  const [, variable, value = ""] = IFCFG_VARIABLE.exec(word) ?? [];
  if (variable === undefined) return null;
  const results = splitShellCommands(value).flatMap(({ words }) => {
    const texts = words.map(({ text }) => text);
    const hasFlag = OFFLOAD_FLAG.test(texts[0] ?? "");
    return readEthtool(variable === "OFFLOAD" && !hasFlag ? ["-K", "", ...texts] : texts) ?? [];
  });
  return results.length === 0 ? null : results.includes(true);
}

/** Keys of XAPI that have to do with ethtool, and not with offloads. */
const LINK_KEYS: readonly string[] = ["speed", "duplex", "autoneg", "advertise"];

/** `other-config:ethtool-tx=off`, `param-key=ethtool-tx`, or `properties:gro=off`. */
const XE_SETTING = /^(?:\S*[:=])?(?:ethtool-?|properties:(?=gro=))([a-z]+)(?:=(.*))?$/;

/** Whether these words of `xe` set an offload to on; null where they set none. */
function readXe(words: readonly string[]): boolean | null {
  const isChange = words.some((word) => /^(?:pif|vif|network)-param-(?:set|add|remove|clear)$/.test(word));
  if (!isChange) return null;
  const values = words.flatMap((word) => {
    const [, key, value = ""] = XE_SETTING.exec(word) ?? [];
    return key === undefined || LINK_KEYS.includes(key) ? [] : [value];
  });
  return values.length === 0 ? null : values.some((value) => value === "on" || value === "true");
}

/** Options by which NIC drivers switch coalescing or segmentation: bnx2x's `disable_tpa`, `LRO=0,0`. */
const MODULE_OPTION = /^(?:(disable)_)?(?:\w+_)?(?:lro|gro|tso|gso|tpa)=(.*)$/i;

function findModuleOptions(line: string): readonly OffloadChange[] {
  const [, options] = /^\s*options\s+\S+\s+(.*)$/.exec(line) ?? [];
  const changes = (options ?? "").split(/\s+/).flatMap((word) => {
    const [, disable, value] = MODULE_OPTION.exec(word) ?? [];
    if (value === undefined) return [];
    return [value.split(",").some((one) => /^(?:0|n|off)$/i.test(one) === (disable !== undefined))];
  });
  return changes.length === 0 ? [] : [{ text: line.trim(), turnsOn: changes.includes(true) }];
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
