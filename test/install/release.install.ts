/**
 * Tests of a real release: the folder, and what install.sh makes of it in a dom0. scripts/install-test makes one
 * and runs these. Not among the other tests, because the executable has 113 MB.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { listAllFeaturesOn } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import type { Result } from "../dom0/running.ts";
import { COMPRESSED, EXECUTABLE, output, RELEASE, RPM, VERSION } from "./release.ts";

const PORT = "8099";
const URL = `http://127.0.0.1:${PORT}/pub`;
const MIB = 1024 * 1024;
const INSTALLED = "/usr/local/bin/offload";

describe("the release folder", () => {
  test("holds every file that SHA256SUMS and the manifest name, with that hash and size", async () => {
    output(["sh", "-c", `cd ${RELEASE} && sha256sum -c --quiet SHA256SUMS`]);
    const told: unknown = await Bun.file(join(RELEASE, "manifest.json")).json();
    const files = await Promise.all(
      [...new Bun.Glob("*").scanSync({ cwd: RELEASE })]
        .filter((name) => name !== "manifest.json" && name !== "SHA256SUMS")
        .sort()
        .map(async (name) => {
          const bytes = await Bun.file(join(RELEASE, name)).bytes();
          return { name, size: bytes.length, sha256: Bun.SHA256.hash(bytes, "hex") };
        }),
    );
    expect(told).toMatchObject({ name: "offload", version: VERSION, files });
  });

  test("has downloads of at most 52 MB, compressed or as RPM", () => {
    expect(Bun.file(COMPRESSED).size).toBeLessThanOrEqual(52 * MIB);
    expect(Bun.file(RPM).size).toBeLessThanOrEqual(52 * MIB);
  });
});

/** A shell that is there on a dom0, and where it looks for completions. */
const BASH_COMPLETIONS = "/usr/share/bash-completion/completions";

/** A dom0 in which the folder is served, as the address that its install.sh has in it. */
async function served(): Promise<Dom0> {
  const dom0 = await Dom0.start();
  // Its own, as those of a throwaway dom0 are the machine's.
  await dom0.text(["mount", "-t", "tmpfs", "tmpfs", "/usr/share"]);
  await dom0.text(["mkdir", "-p", BASH_COMPLETIONS]);
  const server = [process.execPath, join(import.meta.dir, "serve.ts"), RELEASE, PORT];
  await dom0.spawn(server, { timeoutMs: 280_000 }).waitFor("serving");
  return dom0;
}

function shell(dom0: Dom0, script: string): Promise<Result> {
  return dom0.run(["sh", "-c", script], { timeoutMs: 240_000 });
}

const PIPE = `curl -q -fsSL ${URL}/install.sh | sh -s --`;

describe("a release on a web server", () => {
  test("goes through install, disable ALL, persist, reinstall and uninstall in a dom0", async () => {
    await using dom0 = await served();
    const etc = () => dom0.text(["sh", "-c", "cd /etc && cat rc.d/rc.local && ls udev/rules.d"]);
    const before = await etc();
    const first = await shell(dom0, PIPE);
    expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(first.stdout).toContain(`offload ${VERSION} is installed: ${INSTALLED}`);
    expect(await dom0.text(["stat", "-c", "%a %U %s", INSTALLED])).toBe(`755 root ${Bun.file(EXECUTABLE).size}\n`);

    const completions = await dom0.text(["cat", `${BASH_COMPLETIONS}/offload`]);
    expect(completions).toBe(await Bun.file(join(RELEASE, "offload.bash")).text());

    const run = await shell(dom0, "offload disable ALL --yes");
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect((await shell(dom0, "offload persist")).exitCode).toBe(0);
    expect(await etc()).not.toBe(before);
    expect((await shell(dom0, "offload verify")).exitCode).toBe(0);

    const second = await shell(dom0, `wget --no-config -qO- ${URL}/install.sh | sh`);
    expect(second.stdout).toContain("is installed already");

    const removal = await shell(dom0, `${PIPE} --uninstall`);
    expect({ exitCode: removal.exitCode, stderr: removal.stderr }).toEqual({
      exitCode: 0,
      stderr: "",
    });
    expect(await etc()).toBe(before);
    expect((await dom0.run(["ls", "-A", INSTALLED])).exitCode).not.toBe(0);
    expect(await dom0.text(["sh", "-c", "ls -A /usr/local/bin | grep offload || true"])).toBe("");
    expect(await dom0.text(["ls", "-A", BASH_COMPLETIONS])).toBe("");
  }, 300_000);

  test("can replace the executable while it prompts, and that run completes", async () => {
    await using dom0 = await served();
    await shell(dom0, PIPE);
    const asking = dom0.spawn([INSTALLED, "disable", "ALL"], { tty: true, timeoutMs: 240_000 });
    await asking.waitFor(/\?/);
    const inode = await dom0.text(["stat", "-c", "%i", INSTALLED]);
    await dom0.run(["chmod", "644", INSTALLED]);
    const again = await shell(dom0, PIPE);
    expect(again.exitCode).toBe(0);
    expect(await dom0.text(["stat", "-c", "%i", INSTALLED])).not.toBe(inode);
    asking.write("y");
    expect((await asking.exited).exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
  }, 300_000);
});
