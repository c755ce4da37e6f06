import { readdirSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isSigned } from "../boot/signature.ts";
import { type Carrier, type ForeignFile, pathsIn } from "../core/doctor/third-party-hooks.ts";

/** A file that could not be looked at. */
export interface Unread {
  readonly what: string;
  readonly because: string;
}

/** The files of others that may touch offloads, and those that could not be read. */
export interface ForeignFiles {
  readonly files: readonly ForeignFile[];
  readonly unread: readonly Unread[];
}

interface Place {
  /** A file, or a directory whose files are meant. */
  readonly path: string;
  readonly carrier: Carrier;
  /** Which files of the directory. */
  readonly names?: RegExp;
  /** Whether it is run only when it is executable. */
  readonly executable?: boolean;
  /** Whether it may name a script that does the work. */
  readonly follow?: boolean;
}

/** Hidden files are run by nobody, nor are the copies that editors and packages leave. */
const ANY = /^[^.](?!.*(?:~|\.rpmsave|\.rpmnew|\.rpmorig|\.bak|\.swp)$)/;

const UNITS = /\.(?:service|timer|path)$/;
const SHELL_HOOK = { carrier: "hook of the toolstack", executable: true } as const;
const PERIODS = ["hourly", "daily", "weekly", "monthly"] as const;

/** Everywhere that dom0 runs things of its administrator's from, and where NIC options are set. */
const PLACES: readonly Place[] = [
  { path: "/etc/rc.d/rc.local", carrier: "rc.local", executable: true, follow: true },
  { path: "/etc/rc.local", carrier: "rc.local", executable: true, follow: true },
  ...["/etc", "/run", "/usr/lib", "/lib"].map(
    (root): Place => ({
      path: `${root}/udev/rules.d`,
      carrier: "udev rule",
      names: /\.rules$/,
      follow: root === "/etc",
    }),
  ),
  ...["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map(
    (root): Place => ({
      path: `${root}/systemd/system`,
      carrier: "systemd unit",
      names: UNITS,
      follow: root !== "/usr/lib" && root !== "/lib",
    }),
  ),
  { path: "/etc/xapi.d", ...SHELL_HOOK, names: ANY },
  { path: "/etc/crontab", carrier: "cron", follow: true },
  { path: "/etc/cron.d", carrier: "cron", names: ANY, follow: true },
  { path: "/var/spool/cron", carrier: "cron", names: ANY, follow: true },
  ...PERIODS.map(
    (period): Place => ({
      path: `/etc/cron.${period}`,
      carrier: "cron",
      names: ANY,
      executable: true,
      follow: true,
    }),
  ),
  ...["/etc/rc.d/init.d", "/etc/firstboot.d"].map(
    (path): Place => ({ path, carrier: "script", names: ANY, executable: true }),
  ),
  { path: "/sbin/ifup-local", carrier: "network script", executable: true, follow: true },
  {
    path: "/etc/sysconfig/network-scripts",
    carrier: "network script",
    names: /^(?:ifcfg-|if\w+-)/,
  },
  { path: "/etc/NetworkManager/dispatcher.d", carrier: "network script", names: ANY },
  { path: "/etc/modprobe.d", carrier: "module options", names: /\.conf$/ },
];

/** No script of an administrator's is longer; a program that is named is not read through. */
const LONGEST_SCRIPT = 262_144;

/** How deep directories of hooks and of units' drop-ins lie. */
const DEPTH = 2;

/** Reads them all. What is not there is no failure; what is there and cannot be read is told. */
export function readForeignFiles(places: readonly Place[] = PLACES): ForeignFiles {
  return new Reader().read(places);
}

/** What every line that matters has in it; the rest of a host's files need no closer look. */
const WORTH_A_LOOK = /ethtool|gro=|disable_tpa|lro=/i;

class Reader {
  readonly #seen = new Set<string>();
  readonly #files: ForeignFile[] = [];
  readonly #unread: Unread[] = [];

  read(places: readonly Place[]): ForeignFiles {
    for (const place of places) {
      for (const path of this.#filesOf(place.path, place.names, DEPTH)) this.#take(path, place);
    }
    return { files: this.#files, unread: this.#unread };
  }

  /** The file itself, or the files of a directory that count. */
  #filesOf(path: string, names: RegExp | undefined, depth: number): readonly string[] {
    const stats = this.#stat(path);
    if (stats === null) return [];
    if (!stats.isDirectory()) return [path];
    if (names === undefined || depth < 0) return [];
    const entries = this.#try(path, () => readdirSync(path).sort()) ?? [];
    return entries.flatMap((name) => {
      const inner = `${path}/${name}`;
      // Units that are wanted are links to units that are found by themselves.
      if (/\.(?:wants|requires)$/.test(name)) return [];
      if (/\.d$/.test(name) || !names.test(name)) {
        const within = /\.(?:service|timer)\.d$/.test(name) ? /\.conf$/ : names;
        return this.#stat(inner)?.isDirectory() === true
          ? this.#filesOf(inner, within, depth - 1)
          : [];
      }
      return this.#filesOf(inner, names, depth - 1);
    });
  }

  #take(path: string, place: Place): void {
    const found = this.#open(path);
    if (found === null) return;
    const idle = () => idleness(path, found.stats, place);
    if (WORTH_A_LOOK.test(found.text) || path.endsWith("/vif-hotplug")) {
      this.#files.push({ path, carrier: place.carrier, text: found.text, idle: idle() });
    }
    if (place.follow !== true) return;
    for (const named of pathsIn(found.text)) this.#follow(named, idle);
  }

  /** A script that another file names: only if it is one. */
  #follow(path: string, idle: () => string | null): void {
    const found = this.#open(path);
    if (found === null || !found.text.startsWith("#!") || !WORTH_A_LOOK.test(found.text)) return;
    this.#files.push({ path, carrier: "script", text: found.text, idle: idle() });
  }

  /** Each file once, by whatever link; null for what is no file, too long for a script, or ours. */
  #open(path: string): { readonly text: string; readonly stats: Stats } | null {
    const stats = this.#stat(path);
    if (stats === null || !stats.isFile() || stats.size > LONGEST_SCRIPT) return null;
    const real = this.#try(path, () => realpathSync(path));
    if (real === null || this.#seen.has(real)) return null;
    this.#seen.add(real);
    const text = this.#try(path, () => readFileSync(real, "utf8"));
    return text === null || isSigned(text) ? null : { text, stats };
  }

  #stat(path: string): Stats | null {
    return this.#try(path, () => statSync(path));
  }

  /** Null where the file is not there; where it is and cannot be read, that is noted. */
  #try<T>(path: string, action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : null;
      if (code === null) throw error;
      if (code !== "ENOENT" && code !== "ENOTDIR") this.#unread.push({ what: path, because: code });
      return null;
    }
  }
}

function idleness(path: string, stats: Stats, { carrier, executable }: Place): string | null {
  if (executable === true && (stats.mode & 0o100) === 0) {
    return "it is not executable, and so not run";
  }
  if (carrier === "systemd unit" && path.endsWith(".service") && !isWanted(path)) {
    return "it is not enabled";
  }
  return null;
}

/** Whether some unit wants or requires it, or a timer of its name may start it. */
function isWanted(path: string): boolean {
  const name = basename(path);
  const unit = name.replace(/@[^.]*\./, "@");
  return ["/etc/systemd/system", "/run/systemd/system", dirname(path)].some((directory) => {
    const entries = list(directory);
    if (entries.includes(name.replace(/\.service$/, ".timer"))) return true;
    return entries
      .filter((entry) => /\.(?:wants|requires)$/.test(entry))
      .some((entry) =>
        list(join(directory, entry)).some(
          (wanted) => wanted === name || wanted.replace(/@[^.]*\./, "@") === unit,
        ),
      );
  });
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    // A directory that is not there wants nothing; one that cannot be read has been told of.
    if (error instanceof Error && "code" in error) return [];
    throw error;
  }
}
