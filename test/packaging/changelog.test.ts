import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };

const ROOT = join(import.meta.dir, "../..");

function run(argv: string[], cwd = ROOT) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv, { cwd });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

test("CHANGELOG.md has an entry for this version, which scripts/changelog prints alone", () => {
  const { exitCode, stdout } = run(["scripts/changelog", manifest.version]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^### /);
  expect(stdout).not.toMatch(/^## /m);
  expect(run(["scripts/changelog", "99.0.0"])).toMatchObject({ exitCode: 1, stdout: "" });
});

test("scripts/changelog drafts an entry from the commits since the last tag, by their kind", async () => {
  const checkout = mkdtempSync(join(tmpdir(), "offload-changelog-"));
  try {
    await Bun.write(join(checkout, "scripts/changelog"), Bun.file(join(ROOT, "scripts/changelog")));
    run(["chmod", "755", "scripts/changelog"], checkout);
    const git = (...args: readonly string[]) =>
      run(["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], checkout);
    git("init", "-q");
    const commit = (subject: string) => git("commit", "-q", "--allow-empty", "-m", subject);
    commit("feat: old");
    git("tag", "v0.1.0");
    for (const subject of ["fix(xapi): wait", "feat!: break", "feat: add", "docs: say", "No kind at all"])
      commit(subject);
    expect(run(["scripts/changelog"], checkout).stdout).toBe(
      "### Breaking\n\n- break\n\n### New\n\n- add\n\n### Fixed\n\n- xapi: wait\n\n",
    );
  } finally {
    rmSync(checkout, { recursive: true });
  }
});
