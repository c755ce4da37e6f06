import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };

/** The version that the release under test must be. */
export const VERSION = manifest.version;

/** The folder of the release under test: scripts/install-test makes it and names it. */
export const RELEASE = resolve(process.env["OFFLOAD_RELEASE"] ?? ".cache/release");

/** Its files. */
export const EXECUTABLE = join(RELEASE, `offload-${VERSION}-x86_64`);
export const COMPRESSED = `${EXECUTABLE}.xz`;
export const RPM = join(RELEASE, `offload-${VERSION}-1.x86_64.rpm`);

/** Standard output of a command of this machine that has to succeed. */
export function output(argv: string[]): string {
  const run = Bun.spawnSync(argv);
  if (run.exitCode === 0) return run.stdout.toString();
  throw new Error(`${argv.join(" ")}: ${run.stderr.toString()}`);
}

/** A directory of its own for a file of tests. Made before a dom0 starts, it is in that one's /tmp, too. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), "offload-release-"));

  path(name: string): string {
    return join(this.directory, name);
  }

  remove(): void {
    output(["rm", "-rf", "--one-file-system", this.directory]);
  }
}
