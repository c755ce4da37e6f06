import { expect, test } from "bun:test";
import { join } from "node:path";
import { makeRelease, Place, ROOT } from "./installer.ts";

/** The package around a stand-in; scripts/install-test looks at that of a real release. */
function build(place: Place, output: string, executable: string): string {
  const env = { PATH: process.env["PATH"] ?? "", SOURCE_DATE_EPOCH: "1700000000", TZ: "UTC" };
  const argv = [join(ROOT, "packaging/build-rpm"), "1.0.0-rc.1", executable, output];
  const run = Bun.spawnSync(argv, { cwd: place.base, env });
  expect(run.stderr.toString()).toBe("");
  // rpm's order: a release candidate comes before the release.
  return join(output, "offload-1.0.0~rc.1-1.x86_64.rpm");
}

const query = (rpm: string, ...args: readonly string[]) =>
  Bun.spawnSync(["rpm", "-qp", ...args, rpm]).stdout.toString();

test.skipIf(Bun.which("rpmbuild") === null)(
  "the RPM has the executable, license, manual page and completions, and is reproducible",
  async () => {
    using place = new Place();
    const { executable } = await makeRelease(place, "1.0.0-rc.1");
    const hashes: string[] = [];
    for (const name of ["first", "second"]) {
      const output = join(place.base, name);
      Bun.spawnSync(["mkdir", output]);
      const rpm = build(place, output, executable);
      hashes.push(Bun.SHA256.hash(await Bun.file(rpm).bytes(), "hex"));
      expect(query(rpm, "--list").trim().split("\n")).toEqual([
        "/usr/bin/offload",
        "/usr/share/bash-completion/completions/offload",
        "/usr/share/fish/vendor_completions.d/offload.fish",
        "/usr/share/licenses/offload",
        "/usr/share/licenses/offload/LICENSE",
        "/usr/share/man/man8/offload.8.gz",
        "/usr/share/zsh/site-functions/_offload",
      ]);
      expect(query(rpm, "--requires")).toContain("ethtool\n");
    }
    expect(hashes[0]).toBe(hashes[1] ?? "");
  },
);

test("the RPM build refuses a dirty tree, names every file that makes it so, and builds nothing", async () => {
  using place = new Place();
  const checkout = join(place.base, "checkout");
  const git = (...args: readonly string[]) =>
    Bun.spawnSync(["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
      cwd: checkout,
    });
  await Bun.write(join(checkout, "scripts/release"), Bun.file(join(ROOT, "scripts/release")));
  await Bun.write(join(checkout, "kept"), "1");
  Bun.spawnSync(["chmod", "755", join(checkout, "scripts/release")]);
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "one");
  const release = (...args: readonly string[]) => Bun.spawnSync(["scripts/release", ...args], { cwd: checkout });
  expect(release("--list-dirty").stdout.toString()).toBe("");
  await Bun.write(join(checkout, "kept"), "2");
  await Bun.write(join(checkout, "new/deep/file"), "");
  expect(release("--list-dirty").stdout.toString()).toBe(" M kept\n?? new/deep/file\n");
  const run = release();
  expect(run.exitCode).toBe(1);
  expect(run.stderr.toString()).toContain("?? new/deep/file");
  expect(await Bun.file(join(checkout, "dist/SHA256SUMS")).exists()).toBe(false);
  expect(release("--unknown").exitCode).toBe(1);
});
