/**
 * Tests of a real release, in the folder that OFFLOAD_RELEASE names: scripts/install-test makes it and
 * runs these. Not among the others, because the executable has 109 MB.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { allStillOn } from "../commands/truth.ts";
import { Dom0 } from "../dom0/dom0.ts";
import type { Result } from "../dom0/running.ts";
import { standIn } from "./installer.ts";

const RELEASE = resolve(process.env["OFFLOAD_RELEASE"] ?? "dist");
const PORT = process.env["OFFLOAD_RELEASE_PORT"] ?? "8099";
const URL = `http://127.0.0.1:${PORT}/pub`;
const NAME = `offload-${manifest.version}-x86_64`;
const EXECUTABLE = join(RELEASE, NAME);
const MIB = 1024 * 1024;
const INSTALLED = "/usr/local/bin/offload";

/** Made before any dom0 starts, which then sees it in its /tmp. */
const workshop = mkdtempSync(join(tmpdir(), "offload-release-"));
const ENOSYS = join(workshop, "enosys");

beforeAll(() => {
  const source = join(import.meta.dir, "enosys.c");
  output(["gcc", "-O2", "-Wall", "-Werror", "-static", "-o", ENOSYS, source]);
});

afterAll(() => {
  Bun.spawnSync(["rm", "-rf", workshop]);
});

function output(argv: string[]): string {
  const run = Bun.spawnSync(argv);
  if (run.exitCode !== 0) throw new Error(`${argv[0]}: ${run.stderr.toString()}`);
  return run.stdout.toString();
}

/** A dom0 in which the folder is served, as the address that its install.sh has in it. */
async function served(): Promise<Dom0> {
  const dom0 = await Dom0.start();
  const server = [process.execPath, join(import.meta.dir, "serve.ts"), RELEASE, PORT];
  await dom0.spawn(server, { timeout: 280_000 }).waitFor("serving");
  return dom0;
}

function shell(dom0: Dom0, script: string): Promise<Result> {
  return dom0.run(["sh", "-c", script], { timeout: 240_000 });
}

const PIPE = `curl -q -fsSL ${URL}/install.sh | sh -s --`;

describe("the folder", () => {
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
    expect(told).toMatchObject({ name: "offload", version: manifest.version, files });
  });

  test("the download is at most 52 MB, compressed or as RPM", () => {
    expect(Bun.file(`${EXECUTABLE}.xz`).size).toBeLessThanOrEqual(52 * MIB);
    expect(
      Bun.file(join(RELEASE, `offload-${manifest.version}-1.x86_64.rpm`)).size,
    ).toBeLessThanOrEqual(52 * MIB);
  });
});

describe("the executable", () => {
  test("needs glibc 2.17 at most, and nothing but libc's own libraries", () => {
    const versions = output(["objdump", "-T", EXECUTABLE]).matchAll(/\((\w+)_([\d.]+)\)/g);
    const newest = Math.max(
      ...[...versions].map(([, , version = ""]) => Number(version.split(".")[1])),
    );
    expect(newest).toBeLessThanOrEqual(17);
    const families = new Set(
      [...output(["objdump", "-T", EXECUTABLE]).matchAll(/\((\w+)_[\d.]+\)/g)].map(
        ([, name]) => name,
      ),
    );
    expect([...families]).toEqual(["GLIBC"]);
    const needed = [...output(["readelf", "-d", EXECUTABLE]).matchAll(/NEEDED.*\[(.*)\]/g)];
    expect(needed.map(([, name]) => name).sort()).toEqual([
      ...["ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"],
    ]);
  });

  test("on an emulated CPU without AVX it runs", async () => {
    await using dom0 = await Dom0.start();
    const emulated = ["qemu-x86_64-static", "-cpu", "Nehalem", EXECUTABLE];
    const version = await dom0.run([...emulated, "--version"], { timeout: 60_000 });
    expect(version.stdout).toBe(`${manifest.version}\n`);
    // The emulator passes SIOCETHTOOL to nobody, which offload says; all before and after it runs.
    const status = await dom0.run([...emulated, "status", "--json"], { timeout: 120_000 });
    expect(JSON.parse(status.stdout)).toMatchObject({ problems: [{ code: "no-ethtool" }] });
    const removal = await dom0.run([...emulated, "persist", "--remove"], { timeout: 120_000 });
    expect(removal.exitCode).toBe(0);
  }, 200_000);

  test("with every system call newer than Linux 4.4 answered ENOSYS it does the main job", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.run([ENOSYS, EXECUTABLE, "disable", "ALL", "--yes"]);
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(await allStillOn(dom0)).toEqual([]);
    expect((await dom0.run([ENOSYS, EXECUTABLE, "persist"])).exitCode).toBe(0);
    expect((await dom0.run([ENOSYS, EXECUTABLE, "verify"])).exitCode).toBe(0);
  });
});

describe("surroundings", () => {
  /** What each would run, if it were run. */
  const EVIL = `require("fs").writeFileSync("/tmp/evil", "ran");\n`;

  async function plant(dom0: Dom0, directory: string): Promise<void> {
    const files: Record<string, string> = {
      "evil.js": EVIL,
      "bunfig.toml": 'preload = ["./evil.js"]\n[run]\nbun = true\n',
      ".bunfig.toml": `preload = ["${directory}/evil.js"]\n`,
      ".env": `OFFLOAD_DEBUG=1\nNO_COLOR=1\nBUN_OPTIONS=--preload=${directory}/evil.js\n`,
      ".env.local": "PATH=/nowhere\nBUN_BE_BUN=1\n",
      "tsconfig.json": '{ "compilerOptions": { "paths": { "citty": ["./evil.js"] } } }\n',
      "package.json":
        '{ "main": "evil.js", "imports": { "#x": "./evil.js" }, "type": "commonjs" }\n',
      ".npmrc": "script-shell=/nowhere\n",
    };
    for (const name of ["citty", "consola", "valibot", "@clack/prompts", "fastest-levenshtein"]) {
      files[`node_modules/${name}/index.js`] = EVIL;
      files[`node_modules/${name}/package.json`] = '{ "main": "index.js" }\n';
    }
    for (const [name, text] of Object.entries(files)) {
      const path = join(directory, name);
      await dom0.run(["sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path], {
        stdin: text,
      });
    }
  }

  test("a hostile directory and a hostile HOME change nothing, and nothing of theirs runs", async () => {
    await using dom0 = await Dom0.start();
    const place = "/root/hostile";
    await plant(dom0, place);
    const commands = [
      ["status"],
      ["status", "--json"],
      ["verify"],
      ["disable", "ALL", "--dry-run"],
      ["disbale"],
      ["--help"],
      ["persist", "ALL", "--dry-run"],
    ];
    for (const words of commands) {
      const elsewhere = await dom0.run([EXECUTABLE, ...words]);
      const inside = await dom0.run([EXECUTABLE, ...words], { cwd: place });
      const home = await dom0.run([EXECUTABLE, ...words], {
        env: { HOME: place, XDG_CONFIG_HOME: place },
      });
      expect(inside).toEqual(elsewhere);
      expect(home).toEqual(elsewhere);
    }
    const run = await dom0.run([EXECUTABLE, "disable", "ALL", "--yes"], {
      cwd: place,
      env: { HOME: place },
    });
    expect(run.exitCode).toBe(0);
    expect(await allStillOn(dom0)).toEqual([]);
    expect((await dom0.run(["ls", "/tmp/evil"])).exitCode).not.toBe(0);
  }, 120_000);

  test("what docs/install.md says of the environment holds: these variables are honoured", async () => {
    await using dom0 = await Dom0.start();
    await dom0.run(["tee", "/root/evil.js"], { stdin: EVIL });
    const version = (env: Record<string, string>) =>
      dom0.run([EXECUTABLE, "--version"], { env }).then(({ stdout }) => stdout.trim());
    expect(await version({ BUN_BE_BUN: "1" })).not.toBe(manifest.version);
    expect((await dom0.run(["ls", "/tmp/evil"])).exitCode).not.toBe(0);
    await version({ BUN_OPTIONS: "--preload=/root/evil.js" });
    expect((await dom0.run(["ls", "/tmp/evil"])).exitCode).toBe(0);
    await dom0.run(["rm", "/tmp/evil"]);
    expect(await version({ NODE_OPTIONS: "--require=/root/evil.js" })).toBe(manifest.version);
    expect((await dom0.run(["ls", "/tmp/evil"])).exitCode).not.toBe(0);
    const preload = await dom0.run([EXECUTABLE, "--version"], {
      env: { LD_PRELOAD: "/nowhere.so" },
    });
    expect(preload.stderr).toContain("/nowhere.so");
  });

  test("no network: without a route, and no socket but XAPI's and the one for ioctl", async () => {
    await using dom0 = await Dom0.start();
    expect(await dom0.text(["ip", "route"])).toBe("");
    for (const words of [
      ["--version"],
      ["status"],
      ["disable", "ALL", "--yes"],
      ["verify"],
      ["persist"],
    ]) {
      const trace = ["strace", "-f", "-qq", "-e", "trace=%network,execve", "-o", "/tmp/trace"];
      const run = await dom0.run([...trace, EXECUTABLE, ...words]);
      expect(run.exitCode).toBe(words[0] === "status" ? 0 : (run.exitCode ?? 3) & 1);
      const lines = (await dom0.text(["cat", "/tmp/trace"])).split("\n");
      // What persist runs, such as ethtool, is another program, with sockets of its own.
      const others = new Set(
        lines
          .filter((line) => line.includes("execve(") && !line.includes(`execve("${EXECUTABLE}"`))
          .map((line) => line.split(" ")[0]),
      );
      const calls = lines.filter((line) => !others.has(line.split(" ")[0]));
      const opened = calls.filter((line) => /\bsocket\(/.test(line));
      for (const line of opened) expect(line).toMatch(/AF_UNIX|AF_INET, SOCK_DGRAM/);
      const connected = calls.filter((line) => /\bconnect\(/.test(line));
      for (const line of connected) expect(line).toContain('sun_path="/var/lib/xcp/xapi"');
      const addressed = calls.filter((line) => /sin6?_addr/.test(line));
      expect(addressed).toEqual([]);
      expect(calls.filter((line) => /\b(bind|listen|accept4?)\(/.test(line))).toEqual([]);
      if (words[0] === "--version") expect(opened).toEqual([]);
    }
  }, 60_000);
});

describe("installed from a web server", () => {
  test("in a dom0: install, disable ALL, persist, install again, uninstall", async () => {
    await using dom0 = await served();
    const etc = () => dom0.text(["sh", "-c", "cd /etc && cat rc.d/rc.local && ls udev/rules.d"]);
    const before = await etc();
    const first = await shell(dom0, PIPE);
    expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(first.stdout).toContain(`offload ${manifest.version} is installed: ${INSTALLED}`);
    expect(await dom0.text(["stat", "-c", "%a %U %s", INSTALLED])).toBe(
      `755 root ${Bun.file(EXECUTABLE).size}\n`,
    );

    const run = await shell(dom0, "offload disable ALL --yes");
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(await allStillOn(dom0)).toEqual([]);
    expect((await shell(dom0, "offload persist")).exitCode).toBe(0);
    expect(await etc()).not.toBe(before);
    expect((await shell(dom0, "offload verify")).exitCode).toBe(0);

    const second = await shell(dom0, PIPE);
    expect(second.stdout).toContain("is installed already");

    const removal = await shell(dom0, `${PIPE} --uninstall`);
    expect({ exitCode: removal.exitCode, stderr: removal.stderr }).toEqual({
      exitCode: 0,
      stderr: "",
    });
    expect(await etc()).toBe(before);
    expect((await dom0.run(["ls", "-A", INSTALLED])).exitCode).not.toBe(0);
    expect(await dom0.text(["sh", "-c", "ls -A /usr/local/bin | grep offload || true"])).toBe("");
  }, 300_000);

  test("while the installed one asks, another is put in its place: it goes on and does its job", async () => {
    await using dom0 = await served();
    await shell(dom0, PIPE);
    const asking = dom0.spawn([INSTALLED, "disable", "ALL"], { tty: true, timeout: 240_000 });
    await asking.waitFor(/\?/);
    const inode = await dom0.text(["stat", "-c", "%i", INSTALLED]);
    await dom0.run(["chmod", "644", INSTALLED]);
    const again = await shell(dom0, PIPE);
    expect(again.exitCode).toBe(0);
    expect(await dom0.text(["stat", "-c", "%i", INSTALLED])).not.toBe(inode);
    asking.write("y");
    expect((await asking.exited).exitCode).toBe(0);
    expect(await allStillOn(dom0)).toEqual([]);
  }, 300_000);
});

describe("the RPM", () => {
  const RPM = join(RELEASE, `offload-${manifest.version}-1.x86_64.rpm`);

  test("is one that rpm 4.11 reads, and needs ethtool", () => {
    const query = (format: string) => output(["rpm", "-qp", "--qf", format, RPM]);
    expect(query("%{PAYLOADFORMAT} %{PAYLOADCOMPRESSOR} %{FILEDIGESTALGO}")).toBe("cpio xz 8");
    // The digests of the header that 4.11 checks; newer ones it passes over.
    expect(query("%{SIGMD5} %{SHA1HEADER}")).toMatch(/^[0-9a-f]{32} [0-9a-f]{40}$/);
    const requires = output(["rpm", "-qp", "--requires", RPM]).trim().split("\n");
    expect(requires).toContain("ethtool");
    const known = ["CompressedFileNames", "FileDigests", "PayloadFilesHavePrefix", "PayloadIsXz"];
    const features = requires.filter((line) => line.startsWith("rpmlib("));
    for (const line of features) expect(known).toContain(/\((\w+)\)/.exec(line)?.[1] ?? "");
    for (const line of requires) {
      expect(line).toMatch(
        /^(\/bin\/sh|ethtool|rpmlib\(.*|(ld-linux-x86-64|lib(c|dl|m|pthread))\.so\.\d\(.*)$/,
      );
    }
    expect(output(["rpm", "-K", "--nosignature", RPM])).toContain("digests OK");
    // A second reader, which knows nothing of this one's format of today.
    expect(output(["busybox", "rpm", "-qpl", RPM])).toContain("/usr/bin/offload\n");
  });

  test("rpmlint has nothing to say", () => {
    const config = join(import.meta.dir, "../../packaging/rpmlint.toml");
    const spec = join(import.meta.dir, "../../packaging/offload.spec");
    const found = output(["rpmlint", "-c", config, RPM, spec])
      .split("\n")
      .filter((line) => / [EW]: /.test(line));
    const page = readdirSync(RELEASE).includes("offload.1");
    expect(found.filter((line) => page || !line.includes("no-manual-page-for-binary"))).toEqual([]);
  });

  test("installs, upgrades without touching what persist made, and undoes it when it is removed", async () => {
    const executable = join(workshop, "offload");
    await Bun.write(executable, standIn("9.9.9"));
    const build = join(import.meta.dir, "../../packaging/build-rpm");
    output([build, "9.9.9", executable, workshop]);
    const newer = join(workshop, "offload-9.9.9-1.x86_64.rpm");
    await using dom0 = await Dom0.start();
    // Its own /usr for all of it: that of a throwaway dom0 is the machine's.
    const script = `set -e
mkdir /run/usr && mount -t tmpfs tmpfs /run/usr && mkdir /run/usr/up /run/usr/work
mount -t overlay overlay -o lowerdir=/usr,upperdir=/run/usr/up,workdir=/run/usr/work /usr
rpm() { command rpm --dbpath /var/lib/rpm-test "$@"; }
mkdir /var/lib/rpm-test
state() { cat /etc/rc.d/rc.local; ls -A /etc/udev/rules.d; }
state >/tmp/before
rpm -i --nodeps ${RPM}
offload disable ALL --yes >/dev/null
offload persist >/dev/null
state >/tmp/persisted
! cmp -s /tmp/before /tmp/persisted
rpm -U --nodeps ${newer}
[ "$(offload --version)" = 9.9.9 ]
state | cmp - /tmp/persisted
rpm -U --nodeps --oldpackage ${RPM}
[ "$(offload --version)" = ${manifest.version} ]
state | cmp - /tmp/persisted
rpm -V --nodeps offload
rpm -e offload
state | cmp - /tmp/before
[ ! -e /usr/bin/offload ] && [ ! -e /usr/share/licenses/offload ]
echo done`;
    const unshare = ["unshare", "--mount", "--propagation", "private"];
    const run = await dom0.run([...unshare, "sh", "-c", script], { timeout: 200_000 });
    // Debian's rpm says every time that Debian has another package manager.
    const stderr = run.stderr.replaceAll(/^rpm: (RPM should not|However assuming).*\n/gm, "");
    expect({ exitCode: run.exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(run.stdout).toEndWith("done\n");
    expect(await allStillOn(dom0)).toEqual([]);
  }, 300_000);
});
