import { findFeature } from "../features.ts";
import { parseSetting } from "../settings.ts";
import type { HookType } from "./hook-events.ts";
import { splitShellCommands } from "./shell-commands.ts";

/** What a command or a setting asks of one feature. */
export interface RequestedFeature {
  /** As it is written, a variable included; null where none is named. */
  readonly device: string | null;
  /** A feature of this program, or else the name as it is written; `all` for a whole `other_config`. */
  readonly feature: string;
  /** `removed`: a setting in XAPI goes. `unknown`: a variable says it. */
  readonly state: "on" | "off" | "removed" | "unknown";
}

/** One command or setting that touches offloads. */
export interface OffloadCommand {
  /** The part of the line that matters. */
  readonly text: string;
  readonly requests: readonly RequestedFeature[];
}

/** Where udev and systemd have commands in their lines. */
const UDEV_COMMAND = /\b(?:RUN|PROGRAM|IMPORT)(?:\{\w+\})?\s*(?:\+|:|=)?=\s*"((?:\\.|[^"\\])*)"/g;
const SYSTEMD_COMMAND = /^\s*Exec\w+\s*=\s*[-@:+!]*(.*)/g;

/** What a line of such a file does to offloads. */
export function findOffloadCommands(line: string, type: HookType): readonly OffloadCommand[] {
  const findInGroup = (pattern: RegExp) =>
    [...line.matchAll(pattern)].flatMap(([, command = ""]) => findInShell(command));
  switch (type) {
    case "module options":
      return findModuleOptions(line);
    case "link file":
      return findLinkSetting(line);
    case "udev rule":
      return findInGroup(UDEV_COMMAND);
    case "systemd unit":
      return findInGroup(SYSTEMD_COMMAND);
    default:
      return findInShell(line);
  }
}

/** Commands that only print, log or search what looks like a command. */
const PRINTING_COMMAND = /^(?:echo|printf|:|[ef]?grep|\w*log\w*)$/;
const ETHTOOL = /^\$?\{?ethtool\w*\}?$/i;
const OFFLOAD_FLAG = /^(?:-K|--offload|--features)$/;
/** initscripts hand this to ethtool when they bring an interface up. */
const IFCFG_VARIABLE = /^ETHTOOL_(OPTS|OPTIONS|OFFLOAD)\w*=(.*)/s;
/** A list of words as Python and others write a command. */
const WORD_LIST = /\[([^\][]*["'](?:[^"']*\/)?(?:ethtool|xe)["']\s*,[^\][]*)\]/g;

function findInShell(line: string): readonly OffloadCommand[] {
  const shellLine = line.replace(WORD_LIST, (_, words: string) => `;${words.replaceAll(",", " ")};`);
  return splitShellCommands(shellLine).flatMap(({ words, source }): readonly OffloadCommand[] => {
    for (const [index, { text, start }] of words.entries()) {
      const name = text.slice(text.lastIndexOf("/") + 1);
      if (PRINTING_COMMAND.test(name)) return [];
      const rest = words.slice(index + 1).map((word) => word.text);
      const requests = readIfcfg(text) ?? readCommand(name, rest);
      if (requests.length > 0) return [{ text: source.slice(start), requests }];
    }
    return [];
  });
}

function readCommand(name: string, words: readonly string[]): readonly RequestedFeature[] {
  if (ETHTOOL.test(name)) return readEthtool(words);
  return name === "xe" ? readXe(words) : [];
}

/** What `ethtool -K` with these words asks for; nothing where it is another of ethtool's commands. */
function readEthtool([flag = "", device, ...settings]: readonly string[]): readonly RequestedFeature[] {
  if (!OFFLOAD_FLAG.test(flag) || device === undefined) return [];
  return settings.flatMap((word, index): readonly RequestedFeature[] => {
    const isName = index % 2 === 0;
    // A variable may hold any number of names with their states.
    if (isName) return word.startsWith("$") ? [{ device, feature: word, state: "unknown" }] : [];
    const feature = settings[index - 1] ?? "";
    if (feature.startsWith("$")) return [];
    return [{ device, feature: nameFeature(feature), state: word === "on" || word === "off" ? word : "unknown" }];
  });
}

function nameFeature(word: string): string {
  return findFeature(word) ?? word;
}

/** What a variable of an ifcfg file hands to ethtool; null for any other word. */
function readIfcfg(word: string): readonly RequestedFeature[] | null {
  const [, variable, value = ""] = IFCFG_VARIABLE.exec(word) ?? [];
  if (variable === undefined) return null;
  const requests = splitShellCommands(value).flatMap(({ words }) => {
    const texts = words.map(({ text }) => text);
    const hasFlag = OFFLOAD_FLAG.test(texts[0] ?? "");
    return readEthtool(variable === "OFFLOAD" && !hasFlag ? ["-K", "$DEVICE", ...texts] : texts);
  });
  return requests.length === 0 ? null : requests;
}

/** Keys of XAPI that have to do with ethtool, and not with offloads. */
const LINK_KEYS: readonly string[] = ["speed", "duplex", "autoneg", "advertise"];

/** `other-config:ethtool-tx=off`, `param-key=ethtool-tx`, or `properties:gro=off`. */
const XE_SETTING = /^(?:\S*[:=])?(?:ethtool-?|properties:(?=gro=))([a-z]+)(?:=(.*))?$/;

/** What these words of `xe` do to settings. */
function readXe(words: readonly string[]): readonly RequestedFeature[] {
  const [, action] =
    words.map((word) => /^(?:pif|vif|network)-param-(set|add|remove|clear)$/.exec(word)).find(Boolean) ?? [];
  if (action === undefined) return [];
  const [, device = null] = words.map((word) => /^uuid=(.*)$/.exec(word)).find(Boolean) ?? [];
  if (action === "clear" && words.includes("param-name=other-config")) {
    return [{ device, feature: "all", state: "removed" }];
  }
  return words.flatMap((word): readonly RequestedFeature[] => {
    const [, key, value] = XE_SETTING.exec(word) ?? [];
    if (key === undefined || LINK_KEYS.includes(key)) return [];
    if (value === undefined) return [{ device, feature: nameFeature(key), state: "removed" }];
    return [{ device, feature: nameFeature(key), state: parseSetting(value) ?? "unknown" }];
  });
}

/** Options by which NIC drivers switch coalescing or segmentation: bnx2x's `disable_tpa`, `LRO=0,0`. */
const MODULE_OPTION = /^(?:(disable)_)?(?:\w+_)?(lro|gro|tso|gso|tpa)=(.*)$/i;

function findModuleOptions(line: string): readonly OffloadCommand[] {
  const content = line.replace(/\s#.*$/, "").trim();
  const [, options] = /^options\s+\S+\s+(.*)$/.exec(content) ?? [];
  const requests = (options ?? "").split(/\s+/).flatMap((word): readonly RequestedFeature[] => {
    const [, disable, name, value] = MODULE_OPTION.exec(word) ?? [];
    if (name === undefined || value === undefined) return [];
    const isOn = value.split(",").some((part) => /^(?:0|n|off)$/i.test(part) === (disable !== undefined));
    // TPA is what Broadcom's drivers call LRO (bnx2x_main.c).
    const feature = name.toLowerCase() === "tpa" ? "lro" : name.toLowerCase();
    return [{ device: null, feature, state: isOn ? "on" : "off" }];
  });
  return requests.length === 0 ? [] : [{ text: content, requests }];
}

/** The offload settings of systemd.link(5), with the feature that each is. */
const LINK_SETTINGS: ReadonlyMap<string, string> = new Map([
  ["ReceiveChecksumOffload", "rx"],
  ["TransmitChecksumOffload", "tx"],
  ["TCPSegmentationOffload", "tso"],
  ["TCP6SegmentationOffload", "tso"],
  ["GenericSegmentationOffload", "gso"],
  ["GenericReceiveOffload", "gro"],
  ["GenericReceiveOffloadHardware", "rx-gro-hw"],
  ["LargeReceiveOffload", "lro"],
  ["ReceiveVLANCTAGHardwareAcceleration", "rxvlan"],
  ["TransmitVLANCTAGHardwareAcceleration", "txvlan"],
  ["NTupleFilter", "ntuple"],
]);

function findLinkSetting(line: string): readonly OffloadCommand[] {
  const [, name = "", value = ""] = /^\s*(\w+)\s*=\s*(\w+)\s*$/.exec(line) ?? [];
  const feature = LINK_SETTINGS.get(name);
  if (feature === undefined) return [];
  const state = /^(?:1|yes|true|on|y|t)$/i.test(value) ? "on" : "off";
  return [{ text: line.trim(), requests: [{ device: null, feature, state }] }];
}
