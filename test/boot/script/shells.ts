import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SYSTEM_PATH } from "../../dom0/namespace.ts";

/**
 * The shells that the boot script has to work under: dash, what sh is in busybox, and bash as sh, which is what
 * sh is on a dom0. There it is bash 4.2, which nothing here can run; the script uses nothing of bash's own.
 */
export const SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]] as const;

/** Those shells as `describe.each` takes them. */
export const EACH_SHELL = SHELLS.map((shell) => [shell.join(" "), shell] as const);

/** How a script ended. */
export interface ScriptResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a script is run. */
export interface ScriptRun {
  readonly shell: readonly string[];
  readonly arguments?: readonly string[];
  /** The whole PATH. */
  readonly path?: string;
}

/**
 * Puts a script where lo is the only device, whatever there is on this machine: its /sys may show the
 * devices of another network namespace, or none.
 */
const ISOLATION_COMMAND = [
  ...["/usr/bin/unshare", "--net", "--mount", "/bin/sh", "-c"],
  ...['/bin/mount -t sysfs sysfs /sys && exec "$@"', "sh"],
];

/** A directory for scripts and stand-ins, gone when it is disposed of. */
export class Scratch implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "script-"));

  /** Writes an executable file and returns its path. */
  executable(name: string, text: string | Uint8Array): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  }

  /** Removes a file, and says whether it was there. */
  remove(name: string): boolean {
    const path = join(this.directory, name);
    const isThere = existsSync(path);
    rmSync(path, { force: true });
    return isThere;
  }

  /** PATH with the executables of this directory first. */
  get path(): string {
    return `${this.directory}:${SYSTEM_PATH}`;
  }

  /** Writes a script and runs it to its end, in a minimal environment. */
  run(script: string | Uint8Array, { shell, arguments: words = [], path = this.path }: ScriptRun): ScriptResult {
    const file = this.executable("script", script);
    const { exitCode, stdout, stderr } = Bun.spawnSync([...ISOLATION_COMMAND, ...shell, file, ...words], {
      env: { PATH: path },
      cwd: this.directory,
    });
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}
