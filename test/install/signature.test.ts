/** install.sh with a key in it: what is fetched has to be signed, by that key. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  makeRelease,
  Place,
  piped,
  type Release,
  type Run,
  type RunOptions,
  SHELLS,
  type Shell,
  Site,
} from "./installer.ts";

const store = new Place();
let old: Release;
let release: Release;
let site: Site;

/** A key of GnuPG in a home of its own. RSA, because gpgv of CentOS 7 (2.0.22) knows no newer kind. */
class Key {
  private readonly home: string;

  constructor(name: string) {
    this.home = join(store.base, `gnupg-${name}`);
    Bun.spawnSync(["mkdir", "-m", "700", this.home]);
    this.gpg("--passphrase", "", "--quick-gen-key", `${name} <${name}@example.invalid>`, "rsa2048", "sign", "never");
  }

  get publicKey(): string {
    return Buffer.from(this.gpg("--export-options", "export-minimal", "--export")).toString("base64");
  }

  /** Writes what scripts/release writes: the hashes of all files of a folder, and the signature of that. */
  sign(directory: string): void {
    for (const name of ["SHA256SUMS", "SHA256SUMS.sig"]) rmSync(join(directory, name), { force: true });
    const files = readdirSync(directory).sort();
    const sums = Bun.spawnSync(["sha256sum", "--", ...files], { cwd: directory }).stdout;
    Bun.spawnSync(["tee", join(directory, "SHA256SUMS")], { stdin: sums, stdout: "ignore" });
    this.gpg("--detach-sign", "-o", join(directory, "SHA256SUMS.sig"), join(directory, "SHA256SUMS"));
  }

  stop(): void {
    Bun.spawnSync(["gpgconf", "--homedir", this.home, "--kill", "gpg-agent"]);
  }

  private gpg(...args: readonly string[]): Uint8Array {
    const run = Bun.spawnSync(["gpg", "-q", "--batch", "--homedir", this.home, ...args]);
    if (run.exitCode !== 0) throw new Error(run.stderr.toString());
    return run.stdout;
  }
}

let key: Key;
let other: Key;

beforeAll(async () => {
  key = new Key("right");
  other = new Key("wrong");
  old = await makeRelease(store, "0.9.0", key.publicKey);
  release = await makeRelease(store, "1.0.0", key.publicKey);
  site = new Site([release.directory, old.directory]);
}, 60_000);

afterAll(async () => {
  key.stop();
  other.stop();
  await site[Symbol.asyncDispose]();
  store[Symbol.dispose]();
});

/** A PATH that has what a signature is verified with. */
function createPlace(): Place {
  return new Place().with("gpgv").with("base64");
}

function install(shell: Shell, place: Place, options: RunOptions = {}): Promise<Run> {
  const args = ["--dir", place.target, "--force", ...(options.args ?? [])];
  return piped(shell, place, release.script, { env: { OFFLOAD_BASE_URL: site.url("good") }, ...options, args });
}

describe.each(SHELLS.map((shell) => [shell.name, shell] as const))("a key in install.sh under %s", (_, shell) => {
  test("accepts what is signed with it", async () => {
    key.sign(release.directory);
    using place = createPlace();
    expect(await install(shell, place)).toMatchObject({ code: 0, stderr: "" });
    expect(Object.keys(place.state())).toEqual(["offload"]);
  });

  async function refuses(reason: string, code: number, options: RunOptions = {}, place = createPlace()): Promise<void> {
    using refused = place;
    const run = await install(shell, refused, options);
    expect(run.stderr).toContain(reason);
    expect(run.stderr).toContain("nothing was changed");
    expect({ code: run.code, state: refused.state() }).toEqual({ code, state: {} });
  }

  test("refuses what another key has signed, and a list that was changed afterwards", async () => {
    other.sign(release.directory);
    await refuses("is not signed with the key of this script", 1);
    key.sign(release.directory);
    Bun.spawnSync(["sh", "-c", "echo >>SHA256SUMS"], { cwd: release.directory });
    await refuses("is not signed with the key of this script", 1);
  });

  test("refuses a release without a signature, and a signed list without the file", async () => {
    key.sign(release.directory);
    rmSync(join(release.directory, "SHA256SUMS.sig"));
    rmSync(join(old.directory, "SHA256SUMS.sig"), { force: true });
    await refuses("SHA256SUMS.sig, so the signature of the release cannot be verified", 1);
    Bun.spawnSync(["sh", "-c", "sed -i /x86_64/d SHA256SUMS"], { cwd: release.directory });
    Bun.spawnSync(["sh", "-c", "mkdir ../part && cp SHA256SUMS ../part"], { cwd: release.directory });
    const part = join(release.directory, "../part");
    key.sign(part);
    Bun.spawnSync(["sh", "-c", `mv ${part}/SHA256SUMS* . && rmdir ${part}`], { cwd: release.directory });
    await refuses("is not the file that the signed SHA256SUMS names", 1);
  });

  test("refuses to fetch where gpgv is missing, and installs a file of the release that is there", async () => {
    key.sign(release.directory);
    await refuses("gpgv is missing", 3, {}, new Place().with("base64"));
    using place = new Place();
    expect((await install(shell, place, { args: ["--binary", release.compressed] })).code).toBe(0);
  });

  test("vouches for the script of another version, which lies in that version's folder", async () => {
    key.sign(release.directory);
    key.sign(old.directory);
    using place = createPlace();
    const folders = new Site([old.directory]);
    const args = ["--version", "0.9.0", "--base-url", folders.versionUrl("1.0.0")];
    try {
      expect(await install(shell, place, { args })).toMatchObject({ code: 0, stderr: "" });
      expect(folders.requests).toContain("/v0.9.0/install-0.9.0.sh");
      other.sign(old.directory);
      await refuses("is not signed with the key of this script", 1, { args });
    } finally {
      await folders[Symbol.asyncDispose]();
    }
  });
});
