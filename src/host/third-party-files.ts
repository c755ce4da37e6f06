import { readdirSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { isSigned } from "../boot/signed-file.ts";
import { HOOK_EVENTS, type HookType } from "../core/doctor/hook-events.ts";
import { findScriptPaths, type ThirdPartyFile } from "../core/doctor/third-party-hooks.ts";

/** A file that could not be looked at. */
interface UnreadableFile {
  readonly path: string;
  readonly reason: string;
}

/** The files of others that may touch offloads, and those that could not be read. */
export interface ThirdPartyFiles {
  readonly files: readonly ThirdPartyFile[];
  readonly unreadable: readonly UnreadableFile[];
}

interface SearchLocation {
  /** A file, or a directory whose files are meant. */
  readonly path: string;
  readonly type: HookType;
  /** Which files of the directory. */
  readonly namePattern?: RegExp;
  /** Whether it is run only when it is executable. */
  readonly requiresExecutable?: boolean;
  /** Whether it may name a script that does the work. */
  readonly followsScripts?: boolean;
}

/** Nothing runs hidden files, nor the copies that editors and packages leave. */
const ACTIVE_FILE_NAME = /^[^.](?!.*(?:~|\.rpmsave|\.rpmnew|\.rpmorig|\.bak|\.swp)$)/;

const UNIT_FILE_NAME = /\.(?:service|timer|path)$/;
const TOOLSTACK_HOOK = { type: "toolstack hook", requiresExecutable: true } as const;
const CRON_PERIODS = ["hourly", "daily", "weekly", "monthly"] as const;

/** Everywhere that dom0 runs things of its administrator's from, and where NIC options are set. */
const SEARCH_LOCATIONS: readonly SearchLocation[] = [
  { path: "/etc/rc.d/rc.local", type: "rc.local", requiresExecutable: true, followsScripts: true },
  { path: "/etc/rc.local", type: "rc.local", requiresExecutable: true, followsScripts: true },
  ...["/etc", "/run", "/usr/lib", "/lib"].map(
    (root): SearchLocation => ({
      path: `${root}/udev/rules.d`,
      type: "udev rule",
      namePattern: /\.rules$/,
      followsScripts: root === "/etc",
    }),
  ),
  ...["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map(
    (root): SearchLocation => ({
      path: `${root}/systemd/system`,
      type: "systemd unit",
      namePattern: UNIT_FILE_NAME,
      followsScripts: root !== "/usr/lib" && root !== "/lib",
    }),
  ),
  ...["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map(
    (root): SearchLocation => ({ path: `${root}/systemd/network`, type: "link file", namePattern: /\.link$/ }),
  ),
  { path: "/etc/xapi.d", ...TOOLSTACK_HOOK, namePattern: ACTIVE_FILE_NAME, followsScripts: true },
  { path: "/etc/xensource/master.d", ...TOOLSTACK_HOOK, namePattern: ACTIVE_FILE_NAME, followsScripts: true },
  { path: "/etc/crontab", type: "cron", followsScripts: true },
  { path: "/etc/cron.d", type: "cron", namePattern: ACTIVE_FILE_NAME, followsScripts: true },
  { path: "/var/spool/cron", type: "cron", namePattern: ACTIVE_FILE_NAME, followsScripts: true },
  ...CRON_PERIODS.map(
    (period): SearchLocation => ({
      path: `/etc/cron.${period}`,
      type: "cron",
      namePattern: ACTIVE_FILE_NAME,
      requiresExecutable: true,
      followsScripts: true,
    }),
  ),
  ...["/etc/rc.d/init.d", "/etc/firstboot.d"].map(
    (path): SearchLocation => ({
      path,
      type: "script",
      namePattern: ACTIVE_FILE_NAME,
      requiresExecutable: true,
    }),
  ),
  {
    path: "/sbin/ifup-local",
    type: "network script",
    requiresExecutable: true,
    followsScripts: true,
  },
  {
    path: "/etc/sysconfig/network-scripts",
    type: "network script",
    namePattern: /^(?:ifcfg-|if\w+-)/,
  },
  {
    path: "/etc/NetworkManager/dispatcher.d",
    type: "network script",
    namePattern: ACTIVE_FILE_NAME,
  },
  { path: "/etc/modprobe.d", type: "module options", namePattern: /\.conf$/ },
];

/** No script of an administrator's is longer; a program that is named is not read through. */
const MAX_SCRIPT_BYTES = 262_144;

/** How deep directories of hooks and of units' drop-ins lie. */
const MAX_DEPTH = 2;

/** Reads them all. What is not there is no failure; what is there and cannot be read is listed. */
export function readThirdPartyFiles(locations: readonly SearchLocation[] = SEARCH_LOCATIONS): ThirdPartyFiles {
  return new ThirdPartyFileReader().read(locations);
}

/** What every line that matters has in it; the rest of a host's files need no closer look. */
const OFFLOAD_PATTERN = /ethtool|-param-clear|Offload=|HardwareAcceleration=|(?:lro|gro|tso|gso|tpa|NTupleFilter)=/i;

class ThirdPartyFileReader {
  readonly #visitedPaths = new Set<string>();
  readonly #namesByDirectory = new Map<string, ReadonlySet<string>>();
  readonly #files: ThirdPartyFile[] = [];
  readonly #unreadable: UnreadableFile[] = [];

  read(locations: readonly SearchLocation[]): ThirdPartyFiles {
    for (const location of locations) {
      for (const path of this.#listFiles(location.path, location.namePattern, MAX_DEPTH)) this.#addFile(path, location);
    }
    return { files: this.#files, unreadable: this.#unreadable };
  }

  /** The file itself, or the files of a directory that count. */
  #listFiles(path: string, namePattern: RegExp | undefined, remainingDepth: number): readonly string[] {
    const stats = this.#statOrNull(path);
    if (stats === null) return [];
    if (!stats.isDirectory()) return [path];
    if (namePattern === undefined || remainingDepth < 0) return [];
    const entries = this.#tryOrNull(path, () => readdirSync(path).sort()) ?? [];
    return entries.flatMap((name) => {
      const innerPath = `${path}/${name}`;
      // Units that are wanted are links to units that are found by themselves.
      if (/\.(?:wants|requires)$/.test(name)) return [];
      if (/\.d$/.test(name) || !namePattern.test(name)) {
        const innerPattern = /\.(?:service|timer)\.d$/.test(name) ? /\.conf$/ : namePattern;
        return this.#statOrNull(innerPath)?.isDirectory() === true
          ? this.#listFiles(innerPath, innerPattern, remainingDepth - 1)
          : [];
      }
      return this.#listFiles(innerPath, namePattern, remainingDepth - 1);
    });
  }

  #addFile(path: string, location: SearchLocation): void {
    const file = this.#readOnce(path);
    if (file === null) return;
    const getInactiveReason = () => findInactiveReason(path, file.stats, location);
    if (OFFLOAD_PATTERN.test(file.text) || path.endsWith("/vif-hotplug")) {
      this.#files.push({
        path,
        type: location.type,
        event: HOOK_EVENTS[location.type],
        text: file.text,
        inactiveReason: getInactiveReason(),
      });
    }
    if (location.followsScripts !== true) return;
    const event = HOOK_EVENTS[location.type];
    for (const scriptPath of findScriptPaths(file.text).map(normalize)) {
      if (this.#exists(scriptPath)) this.#addReferencedScript(scriptPath, event, getInactiveReason);
    }
  }

  /** By a listing of the directory, read once: most words of a file are no path at all. */
  #exists(path: string): boolean {
    const directory = dirname(path);
    const names = this.#namesByDirectory.get(directory) ?? new Set(listDirectory(directory));
    this.#namesByDirectory.set(directory, names);
    return names.has(basename(path));
  }

  /** A script that another file names: only if it is one. */
  #addReferencedScript(path: string, event: string, getInactiveReason: () => string | null): void {
    const file = this.#readOnce(path);
    if (file === null || !file.text.startsWith("#!") || !OFFLOAD_PATTERN.test(file.text)) return;
    this.#files.push({
      path,
      type: "script",
      event,
      text: file.text,
      inactiveReason: getInactiveReason(),
    });
  }

  /** Each file once, by whatever link; null for what is no file, too long for a script, or ours. */
  #readOnce(path: string): { readonly text: string; readonly stats: Stats } | null {
    const stats = this.#statOrNull(path);
    if (stats === null || !stats.isFile() || stats.size > MAX_SCRIPT_BYTES) return null;
    const realPath = this.#tryOrNull(path, () => realpathSync(path));
    if (realPath === null || this.#visitedPaths.has(realPath)) return null;
    this.#visitedPaths.add(realPath);
    const text = this.#tryOrNull(path, () => readFileSync(realPath, "utf8"));
    return text === null || isSigned(text) ? null : { text, stats };
  }

  #statOrNull(path: string): Stats | null {
    return this.#tryOrNull(path, () => statSync(path));
  }

  /** Null where the file is not there; where it is and cannot be read, that is reported. */
  #tryOrNull<T>(path: string, action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : null;
      if (code === null) throw error;
      if (code !== "ENOENT" && code !== "ENOTDIR") this.#unreadable.push({ path, reason: code });
      return null;
    }
  }
}

function findInactiveReason(path: string, stats: Stats, { type, requiresExecutable }: SearchLocation): string | null {
  if (requiresExecutable === true && (stats.mode & 0o100) === 0) {
    return "it is not executable, and so not run";
  }
  if (type === "systemd unit" && path.endsWith(".service") && !isEnabled(path)) {
    return "it is not enabled";
  }
  return null;
}

/** Whether some unit wants or requires it, or a timer of its name may start it. */
function isEnabled(path: string): boolean {
  const name = basename(path);
  const unit = name.replace(/@[^.]*\./, "@");
  return ["/etc/systemd/system", "/run/systemd/system", dirname(path)].some((directory) => {
    const entries = listDirectory(directory);
    if (entries.includes(name.replace(/\.service$/, ".timer"))) return true;
    return entries
      .filter((entry) => /\.(?:wants|requires)$/.test(entry))
      .some((entry) =>
        listDirectory(join(directory, entry)).some(
          (linkName) => linkName === name || linkName.replace(/@[^.]*\./, "@") === unit,
        ),
      );
  });
}

function listDirectory(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    // A directory that is not there has nothing; one that cannot be read is listed as such elsewhere.
    if (error instanceof Error && "code" in error) return [];
    throw error;
  }
}
