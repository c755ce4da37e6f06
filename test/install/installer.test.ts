import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ended,
  makeRelease,
  Place,
  piped,
  type Release,
  ROOT,
  type Run,
  type RunOptions,
  SHELLS,
  type Shell,
  Site,
  start,
} from "./installer.ts";

/** Where the releases lie that every test installs; each has a target of its own. */
const store = new Place();
let old: Release;
let release: Release;
let site: Site;

beforeAll(async () => {
  old = await makeRelease(store, "0.9.0");
  release = await makeRelease(store, "1.0.0");
  site = new Site([release.directory, old.directory]);
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  store[Symbol.dispose]();
});

function install(shell: Shell, place: Place, of: Release, options: RunOptions = {}): Promise<Run> {
  const args = ["--dir", place.target, "--force", ...(options.args ?? [])];
  const env = { OFFLOAD_BASE_URL: site.url("good"), ...options.env };
  return piped(shell, place, of.script, { ...options, args, env });
}

/** The whole state after an installation: one file, executable, of that release. */
function installed({ executable }: Release): Record<string, string> {
  return { offload: `755 ${Bun.SHA256.hash(readFileSync(executable), "hex")}` };
}

/** The first line of an uninstallation. */
const WARNS_FIRST =
  "offloads that were turned off stay off; to have back what was there before, run offload restore before --uninstall";

/** The last line of an uninstallation. */
const STAYS_OFF =
  "offloads that were turned off stay off, now and by the settings in XAPI; to restore what was there before, install offload again and run: offload restore";

const NOTHING = { unchanged: "nothing was changed: there is no " } as const;

test("install.sh passes shellcheck as dash", () => {
  const check = Bun.spawnSync(["shellcheck", "-s", "dash", join(ROOT, "install.sh")]);
  expect(check.stdout.toString()).toBe("");
  expect(check.exitCode).toBe(0);
});

test("install.sh calls everything from its last line, in a release too", () => {
  expect(release.script.endsWith('\nmain "$@"\n')).toBe(true);
});

/** Of those that curl 7.29.0 knows (its src/tool_getparam.c); -q counts as the first word only. */
test("install.sh uses only curl options that curl on CentOS 7 has", () => {
  const calls = [...release.script.matchAll(/bounded "\$3" curl ([^|]*?) -o /g)].map(([, words = ""]) => words);
  expect(calls).toHaveLength(1);
  for (const words of calls) {
    const [first, ...options] = words.split(/[ \\\n]+/).filter((word) => word.startsWith("-"));
    expect(first).toBe("-q");
    for (const option of options) {
      expect([
        ...["-fsSL", "--proto", "--proto-redir"],
        ...["--retry", "--connect-timeout", "--speed-limit", "--speed-time"],
      ]).toContain(option);
    }
  }
});

test("embedding a value that would end the quotes is refused", () => {
  const embed = join(ROOT, "packaging/embed-release");
  const url = "https://example.invalid/';reboot;'";
  const argv = [embed, "1.0.0", "0", url, release.executable, release.compressed];
  const run = Bun.spawnSync(argv);
  expect(run.exitCode).toBe(1);
  expect(run.stdout.toString()).toBe("");
});

describe.each(SHELLS.map((shell) => [shell.name, shell] as const))("install.sh under %s", (_, shell) => {
  /** A failure must say its reason and the state, and leave what was there, first nothing and then the old version. */
  async function failsWhole(
    options: RunOptions,
    code: number,
    reason: string | RegExp,
    prepare: (place: Place) => void = () => {},
  ): Promise<void> {
    using place = new Place();
    prepare(place);
    const first = await install(shell, place, release, options);
    expect(first.stderr).toMatch(reason);
    expect(first.stderr).toContain(`${NOTHING.unchanged}${place.target}/offload`);
    expect({ code: first.code, state: place.state() }).toEqual({ code, state: {} });
    await Bun.write(join(place.target, "offload"), readFileSync(old.executable));
    chmodSync(join(place.target, "offload"), 0o755);
    const second = await install(shell, place, release, options);
    expect(second.stderr).toContain(`nothing was changed: ${place.target}/offload is what it was`);
    expect({ code: second.code, state: place.state() }).toEqual({ code, state: installed(old) });
  }

  test("installs with curl, says where, and how to uninstall", async () => {
    using place = new Place().without("wget");
    const run = await install(shell, place, release);
    expect({ ...run, stdout: "" }).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(run.stdout).toContain(`offload 1.0.0 is installed: ${place.target}/offload`);
    expect(run.stdout).toContain("--uninstall");
    expect(place.state()).toEqual(installed(release));
  });

  test("installs with wget", async () => {
    using place = new Place().without("curl").with("wget");
    const run = await install(shell, place, release);
    expect(run.code).toBe(0);
    expect(place.state()).toEqual(installed(release));
  });

  test("downloads the plain executable when xz is missing", async () => {
    if (shell.standalone) return; // has one built in
    using place = new Place().without("xz");
    expect((await install(shell, place, release)).code).toBe(0);
    expect(place.state()).toEqual(installed(release));
  });

  test("ignores ~/.curlrc and ~/.wgetrc", async () => {
    for (const tool of ["curl", "wget"]) {
      if (tool === "wget" && shell.standalone) continue; // busybox reads none
      using place = new Place().without("curl").with(tool);
      await Bun.write(join(place.base, "home/.curlrc"), 'proxy = "http://127.0.0.1:1"\n');
      await Bun.write(join(place.base, "home/.wgetrc"), "use_proxy = on\nhttp_proxy = http://127.0.0.1:1\n");
      expect((await install(shell, place, release)).code).toBe(0);
    }
  });

  test("downloads and changes nothing in a second run, and says so", async () => {
    using place = new Place();
    await install(shell, place, release);
    const before = site.requests.length;
    const run = await install(shell, place, release);
    expect(run.code).toBe(0);
    expect(run.stdout).toContain("is installed already");
    expect(site.requests.length).toBe(before);
  });

  test("installs again when the executable bit is missing", async () => {
    using place = new Place();
    await install(shell, place, release);
    chmodSync(join(place.target, "offload"), 0o644);
    expect((await install(shell, place, release)).code).toBe(0);
    expect(place.state()).toEqual(installed(release));
  });

  test("upgrades while the old version runs to its end, and names both versions", async () => {
    using place = new Place();
    await install(shell, place, old);
    const running = Bun.spawn([join(place.target, "offload"), "wait"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    const output = running.stdout.getReader();
    await output.read();
    const run = await install(shell, place, release);
    expect(run.stdout).toContain("offload 1.0.0 is installed");
    expect(run.stdout).toContain("(was: 0.9.0)");
    running.stdin.write("\n");
    await running.stdin.end();
    expect(new TextDecoder().decode((await output.read()).value)).toBe("still 0.9.0\n");
    expect(place.state()).toEqual(installed(release));
  });

  test("downgrades with the old release's own script, or with --version from the same server", async () => {
    using place = new Place();
    await install(shell, place, release);
    expect((await install(shell, place, old)).stdout).toContain("(was: 1.0.0)");
    expect(place.state()).toEqual(installed(old));
    await install(shell, place, release);
    const run = await install(shell, place, release, { args: ["--version", "0.9.0"] });
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
    expect(place.state()).toEqual(installed(old));
    const again = await install(shell, place, old, { env: { OFFLOAD_VERSION: "1.0.0" } });
    expect(again.code).toBe(0);
    expect(place.state()).toEqual(installed(release));
  });

  test("refuses another version without TLS, unless forced", async () => {
    using place = new Place();
    const args = ["--dir", place.target, "--version", "0.9.0"];
    const env = { OFFLOAD_BASE_URL: site.url("good") };
    const run = await piped(shell, place, withoutDom0Check(release.script), { args, env });
    expect(run.stderr).toContain("without TLS");
    expect(run.code).toBe(3);
  });

  test("refuses a version that does not exist, and a script that is incomplete", async () => {
    const args = ["--version", "7.7.7"];
    await failsWhole({ args }, 1, "cannot fetch");
    const cut = ["--version", "0.9.0", "--base-url", site.url("short")];
    await failsWhole({ args: cut }, 1, "is not the whole install script");
  });

  test.each([
    ["wrong", "wrong SHA-256"],
    ["short", /has \d+ bytes instead of \d+: it is incomplete/],
    ["html", "is a web page"],
  ] as const)("refuses a download that is %s", async (kind, reason) => {
    await failsWhole({ args: ["--base-url", site.url(kind)] }, 1, reason);
  });

  test("fails on 404, a server that is down, and a broken connection", async () => {
    await failsWhole({ args: ["--base-url", `${site.url("good")}/none`] }, 1, "cannot fetch");
    await failsWhole({ args: ["--base-url", "http://127.0.0.1:1"] }, 1, "cannot fetch");
    await failsWhole({ args: ["--base-url", site.rawUrl("broken")] }, 1, "cannot fetch");
  }, 60_000);

  test("fails with wget on 404 and on a wrong checksum", async () => {
    const wget = (place: Place) => void place.without("curl").with("wget");
    await failsWhole({ args: ["--base-url", `${site.url("good")}/none`] }, 1, "cannot fetch", wget);
    await failsWhole({ args: ["--base-url", site.url("wrong")] }, 1, "wrong SHA-256", wget);
  });

  test("says how to install offline when both curl and wget are missing", async () => {
    if (shell.standalone) return;
    await failsWhole({}, 3, "--binary FILE", (place) => void place.without("curl"));
  });

  test("refuses without sha256sum before it downloads anything, even with --force", async () => {
    if (shell.standalone) return;
    const before = site.requests.length;
    await failsWhole({}, 3, "sha256sum is missing", (place) => void place.without("sha256sum"));
    expect(site.requests.length).toBe(before);
  });

  test("fails when sha256sum fails", async () => {
    await failsWhole({ fakes: { sha256sum: "return 1 2>/dev/null || exit 1" } }, 1, "wrong SHA-256");
  });

  test.each([
    ["aarch64", { uname: "case $1 in -m) echo aarch64 ;; *) echo Linux ;; esac" }, "Linux on aarch64"],
    ["32 bits", { uname: "case $1 in -m) echo i686 ;; *) echo Linux ;; esac" }, "Linux on i686"],
    ["FreeBSD", { uname: "case $1 in -m) echo x86_64 ;; *) echo FreeBSD ;; esac" }, "FreeBSD"],
    ["old glibc", { getconf: "echo glibc 2.12" }, "this system has 2.12"],
    ["ancient glibc", { getconf: "echo glibc 1.99" }, "this system has 1.99"],
    [
      "old glibc, told by ldd",
      { getconf: "return 1 2>/dev/null || exit 1", ldd: "echo 'ldd (GNU libc) 2.5'" },
      "this system has 2.5",
    ],
    [
      "musl",
      {
        getconf: "return 1 2>/dev/null || exit 1",
        ldd: "echo 'musl libc (x86_64)' >&2; return 1 2>/dev/null || exit 1",
      },
      "has musl",
    ],
  ] as const)("refuses %s, even with --force", async (_name, fakes, reason) => {
    const before = site.requests.length;
    await failsWhole({ fakes }, 3, reason);
    expect(site.requests.length).toBe(before);
  });

  test.each([["2.17"], ["2.28"], ["2.39.9000"], ["3.0"]])("accepts glibc %s", async (version) => {
    using place = new Place();
    const fakes = { getconf: `echo glibc ${version}` };
    expect((await install(shell, place, release, { fakes })).code).toBe(0);
  });

  test.each([["ssse3"], ["sse4_1"], ["sse4_2"], ["popcnt"]])(
    "refuses a CPU without %s, which Bun needs",
    async (missing) => {
      using place = new Place();
      const cpuinfo = join(place.base, "cpuinfo");
      const flags = ["fpu", "sse", "ssse3", "sse4_1", "sse4_2", "popcnt"];
      const has = flags.filter((flag) => flag !== missing);
      await Bun.write(cpuinfo, `processor\t: 0\nflags\t\t: ${has.join(" ")}\n`);
      const run = await install(shell, place, release, {
        before: inMounts(`mount --bind ${cpuinfo} /proc/cpuinfo`),
      });
      expect(run.stderr).toContain(`needs a CPU with ${missing}`);
      expect({ code: run.code, state: place.state() }).toEqual({ code: 3, state: {} });
    },
  );

  test("refuses a machine that is not a dom0, unless --force or its variable is set", async () => {
    using place = new Place();
    const args = ["--dir", place.target];
    const env = { OFFLOAD_BASE_URL: site.url("good") };
    const run = await piped(shell, place, release.script, { args, env });
    expect(run.stderr).toContain("/etc/xensource-inventory");
    expect({ code: run.code, state: place.state() }).toEqual({ code: 3, state: {} });
    const forced = { ...env, OFFLOAD_FORCE: "1" };
    expect((await piped(shell, place, release.script, { args, env: forced })).code).toBe(0);
  });

  test("refuses a full disk before it downloads anything", async () => {
    using place = new Place();
    const before = site.requests.length;
    const run = await install(shell, place, release, {
      before: inMounts(`mount -t tmpfs -o size=64k tmpfs ${place.target}`, place.target),
    });
    expect(run.stderr).toMatch(/has \d+ kB free, and \d+ kB are needed/);
    expect(run).toMatchObject({ code: 3, stdout: "left:\n" });
    expect(site.requests.length).toBe(before);
  });

  test.each([["64k"], ["150k"]])("fails cleanly on a disk of %s that df reports as empty", async (size) => {
    using place = new Place();
    const fakes = { df: "echo h; echo tmpfs 9999999 0 9999999 0% /" };
    const run = await install(shell, place, release, {
      fakes,
      before: inMounts(`mount -t tmpfs -o size=${size} tmpfs ${place.target}`, place.target),
    });
    expect(run.stderr).toMatch(/cannot (fetch|unpack)/);
    expect(run.stderr).toContain(NOTHING.unchanged);
    expect(run.code).toBe(1);
    expect(run.stdout).toEndWith("left:\n");
  });

  test.each([
    ["ro", "cannot write to"],
    ["noexec", "noexec"],
  ])("refuses a target that is mounted %s", async (option, reason) => {
    using place = new Place();
    const before = site.requests.length;
    const run = await install(shell, place, release, {
      before: inMounts(`mount -t tmpfs -o ${option} tmpfs ${place.target}`, place.target),
    });
    expect(run.stderr).toContain(reason);
    expect(run).toMatchObject({ code: 3, stdout: "left:\n" });
    expect(site.requests.length).toBe(before);
  });

  test.each([["TERM"], ["INT"], ["HUP"], ["KILL"]] as const)(
    "leaves the old version intact on SIG%s during the download, and the next run cleans up",
    async (signal) => {
      using place = new Place();
      await install(shell, place, old);
      const args = ["--dir", place.target, "--force", "--base-url", site.rawUrl("silent")];
      const child = start(
        [...shell.argv, "-s", "--", ...args],
        place,
        { before: ["setsid"] },
        Buffer.from(release.script),
      );
      const fetching = () =>
        Object.keys(place.state()).some((name) => existsSync(join(place.target, name, "download")));
      while (!fetching()) await Bun.sleep(5);
      // As a terminal does it: every process of the group, not the shell alone.
      process.kill(-child.pid, `SIG${signal}`);
      const run = await ended(child);
      expect(run.code).not.toBe(0);
      if (signal !== "KILL") {
        expect(run.stderr).toContain("install.sh: interrupted\n");
        expect(run.stderr).toContain("nothing was changed");
        expect(place.state()).toEqual(installed(old));
      }
      expect(place.state()["offload"]).toBe(installed(old)["offload"]);
      await install(shell, place, release);
      expect(place.state()).toEqual(installed(release));
    },
  );

  test("installs offline from a release file: plain, compressed, or beside the script", async () => {
    for (const file of [release.executable, release.compressed]) {
      using place = new Place().without("curl");
      const env = { OFFLOAD_BASE_URL: "" };
      const run = await install(shell, place, release, { env, args: ["--binary", file] });
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      expect(place.state()).toEqual(installed(release));
    }
    using place = new Place().without("curl");
    const args = ["--dir", place.target, "--force"];
    const script = join(release.directory, "install.sh");
    const run = await ended(start([...shell.argv, script, ...args], place, {}));
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
    expect(place.state()).toEqual(installed(release));
  });

  test("refuses a missing or damaged file, and one of another release", async () => {
    await failsWhole({ args: ["--binary", old.executable] }, 1, "is no file of offload 1.0.0");
    await failsWhole({ env: { OFFLOAD_BINARY: "/nowhere" } }, 2, "cannot read /nowhere");
    const args = ["--version", "0.9.0", "--binary", old.executable];
    await failsWhole({ args }, 2, "cannot tell");
  });

  test("refuses an executable that reports another version", async () => {
    using place = new Place();
    const lying = release.script.replaceAll("1.0.0", "1.0.1");
    const url = { OFFLOAD_BASE_URL: "" };
    const run = await install(
      shell,
      place,
      { ...release, script: lying },
      {
        env: url,
        args: ["--binary", release.executable],
      },
    );
    expect(run.stderr).toContain('calls itself "1.0.0" instead of 1.0.1');
    expect({ code: run.code, state: place.state() }).toEqual({ code: 1, state: {} });
  });

  test("installs dist/offload from a checkout, and downloads nothing", async () => {
    using place = new Place().without("curl");
    const checkout = join(place.base, "checkout");
    await Bun.write(join(checkout, "install.sh"), Bun.file(join(ROOT, "install.sh")));
    const argv = [...shell.argv, join(checkout, "install.sh"), "--force", "--dir", place.target];
    const none = await ended(start(argv, place, {}));
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("scripts/build");
    await Bun.write(join(checkout, "dist/offload"), Bun.file(release.executable));
    const run = await ended(start(argv, place, {}));
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
    expect(place.state()).toEqual(installed(release));
    expect((await ended(start(argv, place, {}))).stdout).toContain("is installed already");
    const piping = Buffer.from(await Bun.file(join(checkout, "install.sh")).text());
    const pipe = start([...shell.argv, "-s", "--", "--force"], place, { cwd: checkout }, piping);
    expect((await ended(pipe)).stderr).toContain("has no checksums");
  });

  test("uninstall undoes persist first, and removes nothing else", async () => {
    using place = new Place();
    await install(shell, place, release);
    await Bun.write(join(place.target, "other"), "");
    const env = { PERSIST_LOG: join(place.base, "log"), OFFLOAD_UNINSTALL: "1" };
    const run = await install(shell, place, release, { env });
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(env.PERSIST_LOG, "utf8")).toBe("persist --remove of 1.0.0\n");
    expect(Object.keys(place.state())).toEqual(["other"]);
    const again = await install(shell, place, release, { args: ["--uninstall"] });
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(again.stdout).toContain("nothing was changed");
  });

  test("uninstall keeps the executable when persist cannot be undone, unless forced", async () => {
    using place = new Place();
    await install(shell, place, release);
    const env = { PERSIST_FAILS: "1" };
    const args = ["--dir", place.target, "--uninstall"];
    const run = await piped(shell, place, release.script, { args, env });
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("is still there");
    expect(place.state()).toEqual(installed(release));
    const forced = await piped(shell, place, release.script, { args: [...args, "--force"], env });
    expect(forced.code).toBe(0);
    expect(forced.stdout).toContain("left behind");
    expect(place.state()).toEqual({});
  });

  describe("the completions of an installation in /usr/local/bin", () => {
    const BASH = "/usr/share/bash-completion/completions";
    const ZSH = "/usr/share/zsh/site-functions";
    const FISH = "/usr/share/fish/vendor_completions.d";

    /** Runs `new`, `old` and others where /usr/share has nothing but the directories of bash and fish. */
    async function steps(script: string, fakes: Readonly<Record<string, string>> = {}): Promise<Run> {
      using place = new Place();
      for (const [name, body] of Object.entries(fakes)) place.fake(name, body);
      const words = shell.argv.map((word) => Bun.which(word) ?? word).join(" ");
      const prepared = `set -e
mount -t tmpfs tmpfs /usr/local/bin
mount -t tmpfs tmpfs /usr/share
mkdir -p ${BASH} ${FISH}
new() { ${words} ${release.directory}/install.sh --force "$@"; }
old() { ${words} ${old.directory}/install.sh --force "$@"; }
`;
      const unshare = ["unshare", "--mount", "--propagation", "private"];
      return await ended(start([...unshare, "/bin/sh", "-c", prepared + script], place, {}));
    }

    test("are installed where the present shells look for them, in the installed version", async () => {
      const run = await steps(`
old >/dev/null
new
ls -l ${BASH}/offload ${FISH}/offload.fish
ls -A ${BASH} ${FISH} /usr/share
cat ${BASH}/offload`);
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      expect(run.stdout).toContain(`completions of bash: ${BASH}/offload\n`);
      expect(run.stdout).toContain(`completions of fish: ${FISH}/offload.fish\n`);
      expect(run.stdout.match(/^-rw-r--r-- /gm)).toHaveLength(2);
      expect(run.stdout).toContain(
        `/usr/share:\nbash-completion\nfish\n\n${BASH}:\noffload\n\n${FISH}:\noffload.fish\n`,
      );
      expect(run.stdout).toEndWith("# of 1.0.0\n");
    });

    test("are uninstalled even without the executable, and third-party files stay", async () => {
      const run = await steps(`
mkdir -p ${ZSH}
echo '#compdef offload, by someone else' >${ZSH}/_offload
new >/dev/null
new --uninstall
ls -A ${BASH} ${ZSH} ${FISH} /usr/local/bin
new >/dev/null
rm /usr/local/bin/offload
new --uninstall
new --uninstall
cat ${ZSH}/_offload`);
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      const removed = `removed: ${BASH}/offload\nremoved: ${FISH}/offload.fish\n`;
      expect(run.stdout.split(removed)).toEqual([
        `${WARNS_FIRST}\nremoved: /usr/local/bin/offload\n`,
        `${STAYS_OFF}\n/usr/local/bin:\n\n${BASH}:\n\n${FISH}:\n\n${ZSH}:\n_offload\n`,
        "there is no /usr/local/bin/offload; nothing was changed\n#compdef offload, by someone else\n",
      ]);
    });

    test("do not stop the installation when they cannot be written", async () => {
      const run = await steps(`mount -t tmpfs -o ro tmpfs ${BASH}\nnew\nls /usr/local/bin`);
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      expect(run.stdout).toContain("completions of bash not installed");
      expect(run.stdout).toContain(`completions of fish: ${FISH}/offload.fish\n`);
      expect(run.stdout).toEndWith("\noffload\n");
    });

    test("come with the manual page where man looks for pages", async () => {
      const MAN = "/usr/share/man/man8";
      const run = await steps(`
mkdir -p ${MAN}
old | grep 'manual page'
new >/dev/null
cat ${MAN}/offload.8
ls -l ${MAN}/offload.8
new --uninstall | grep man8
ls -A ${MAN}
echo '.Nm by someone else' >${MAN}/offload.8
new >/dev/null
new --uninstall >/dev/null
cat ${MAN}/offload.8`);
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      expect(run.stdout.replace(/^-rw-r--r-- .*$/m, "MODE")).toBe(
        `manual page: ${MAN}/offload.8\n.\\" made by offload completions man\n.Nd 1.0.0\nMODE\n` +
          `removed: ${MAN}/offload.8\n.Nm by someone else\n`,
      );
    });

    test("are left alone when a package owns them", async () => {
      if (shell.standalone) return; // has an rpm built in
      const rpm = { rpm: `[ "$2" = ${BASH}/offload ]` };
      const run = await steps(
        `echo '# made by offload completions bash' >${BASH}/offload\nnew >/dev/null\nnew --uninstall\ncat ${BASH}/*`,
        rpm,
      );
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      expect(run.stdout).toBe(
        `${WARNS_FIRST}\nremoved: /usr/local/bin/offload\nremoved: ${FISH}/offload.fish\n${STAYS_OFF}\n# made by offload completions bash\n`,
      );
    });

    test("are not installed into a directory of the user's choice", async () => {
      const run = await steps(`new --dir /usr/local/bin/mine >/dev/null\nls -A ${BASH} ${FISH}`);
      expect(run).toEqual({ code: 0, stderr: "", stdout: `${BASH}:\n\n${FISH}:\n` });
    });
  });

  describe("the XAPI plugin of an installation in /usr/local/bin", () => {
    const PLUGINS = "/etc/xapi.d/plugins";

    /** Runs `new` where XAPI has a directory for plugins. */
    async function steps(script: string): Promise<Run> {
      using place = new Place();
      const words = shell.argv.map((word) => Bun.which(word) ?? word).join(" ");
      const prepared = `set -e
mount -t tmpfs tmpfs /usr/local/bin
mount -t tmpfs tmpfs /usr/share
mount -t tmpfs tmpfs /etc
mkdir -p ${PLUGINS}
new() { ${words} ${release.directory}/install.sh --force "$@"; }
`;
      const unshare = ["unshare", "--mount", "--propagation", "private"];
      return await ended(start([...unshare, "/bin/sh", "-c", prepared + script], place, {}));
    }

    test("is a link that is installed, uninstalled and repaired with the executable", async () => {
      const run = await steps(`
new | grep plugin
readlink ${PLUGINS}/offload
rm ${PLUGINS}/offload
new
new
new --uninstall
ls -A ${PLUGINS}`);
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      const says = `plugin of XAPI, for --pool: ${PLUGINS}/offload`;
      const there = "offload 1.0.0 is installed already: /usr/local/bin/offload";
      expect(run.stdout).toBe(
        `${says}\n/usr/local/bin/offload\n${there}; ${says}\n${there}; nothing was changed\n${WARNS_FIRST}\nremoved: ${PLUGINS}/offload\nremoved: /usr/local/bin/offload\n${STAYS_OFF}\n`,
      );
    });

    test("is left alone and reported when it is a third-party file", async () => {
      const run = await steps(`
echo mine >${PLUGINS}/offload
new | grep plugins
new --uninstall
cat ${PLUGINS}/offload`);
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
      expect(run.stdout).toContain(`${PLUGINS}/offload is there already and is not this offload`);
      expect(run.stdout).toEndWith(`removed: /usr/local/bin/offload\n${STAYS_OFF}\nmine\n`);
    });

    test("is not created for a directory of the user's choice, nor without XAPI", async () => {
      const run = await steps(`
new --dir /usr/local/bin/mine >/dev/null
ls -A ${PLUGINS}
rmdir ${PLUGINS}
new >/dev/null
ls -A /etc/xapi.d`);
      expect(run).toEqual({ code: 0, stderr: "", stdout: "" });
    });
  });

  test("leaves a file of a package to the package manager", async () => {
    using place = new Place();
    await install(shell, place, old);
    const fakes = { rpm: "echo offload-0.9.0-1.x86_64" };
    for (const args of [[], ["--uninstall"]]) {
      const run = await install(shell, place, release, { fakes, args });
      expect(run.stderr).toContain("belongs to the package offload-0.9.0-1.x86_64");
      expect({ code: run.code, state: place.state() }).toEqual({ code: 3, state: installed(old) });
    }
  });

  test("creates the directory, and refuses a file, a missing parent, or an obstacle in its place", async () => {
    using place = new Place();
    const inside = join(place.target, "new");
    const deeper = await install(shell, place, release, { args: ["--dir", `${inside}/deeper`] });
    expect(deeper.stderr).toContain("make it first");
    const bad = await install(shell, place, release, {
      args: ["--dir", inside, "--base-url", site.url("wrong")],
    });
    expect({ code: bad.code, state: place.state() }).toEqual({ code: 1, state: {} });
    const good = await install(shell, place, release, { args: ["--dir", inside] });
    expect({ code: good.code, state: place.state(inside) }).toEqual({
      code: 0,
      state: installed(release),
    });
    const file = await install(shell, place, release, { args: ["--dir", `${inside}/offload`] });
    expect(file.stderr).toContain("is no directory");
    Bun.spawnSync(["mkdir", join(place.target, "offload")]);
    const blocked = await install(shell, place, release);
    expect(blocked.stderr).toContain("is a directory; move it away");
  });

  test("ignores the environment when it removes or runs files", async () => {
    using place = new Place();
    const kept = join(place.base, "kept");
    await Bun.write(join(kept, "file"), "");
    const env = {
      ...{ WORK: kept, MADE: kept, TMP: kept, TMPDIR: kept, STATE: kept, CDPATH: "/", IFS: "/" },
      ...{ VERSION: "9", RAW_SHA256: "0", FORCE: "", GIVEN: "9", BUN_BE_BUN: "1", URL: "http://x" },
    };
    expect((await install(shell, place, release, { env })).code).toBe(0);
    const args = ["--base-url", "ftp://x"];
    expect((await install(shell, place, release, { env, args })).code).toBe(2);
    expect(existsSync(join(kept, "file"))).toBe(true);
    expect(place.state()).toEqual(installed(release));
  });

  test.each([
    [["--unknown"]],
    [["-f"]],
    [["1.0.0"]],
    [["--dir"]],
    [["--dir="]],
    [["--dir", "--force"]],
    [["--version", "../1.0.0"]],
    [["--base-url", "file:///"]],
    [["--uninstall=yes"]],
  ])("exits 2 for the arguments %j", async (args) => {
    using place = new Place();
    const run = await install(shell, place, release, { args });
    expect({ code: run.code, state: place.state() }).toEqual({ code: 2, state: {} });
    expect(run.stderr).toContain("nothing was changed");
  });

  test("refuses a variable that is neither yes nor no", async () => {
    using place = new Place();
    const run = await install(shell, place, release, { env: { OFFLOAD_UNINSTALL: "perhaps" } });
    expect({ code: run.code, state: place.state() }).toEqual({ code: 2, state: {} });
  });

  test("--help names every option with its variable", async () => {
    using place = new Place();
    const run = await install(shell, place, release, { args: ["--help"] });
    expect(run.code).toBe(0);
    for (const option of ["version", "dir", "base-url", "binary", "uninstall", "force"]) {
      const variable = `OFFLOAD_${option.toUpperCase().replace("-", "_")}`;
      expect(run.stdout).toMatch(new RegExp(`--${option} .*${variable}`));
    }
    expect(place.state()).toEqual({});
  });

  test("changes nothing when the script is truncated at any point", async () => {
    using place = new Place();
    const script = join(release.directory, "install.sh");
    // Every line, and every byte of the last two: there a cut leaves a call without its options.
    const loop = `
script=$1 target=$2
shift 2
lines=$(wc -l <"$script") bytes=$(wc -c <"$script")
cut=0
while [ "$cut" -lt "$lines" ]; do
  head -n "$cut" "$script" | "$@" -s -- --dir "$target" --force
  [ -z "$(ls -A "$target")" ] || { echo "line $cut changed something"; exit 1; }
  cut=$((cut + 1))
done
cut=$((bytes - 20))
while [ "$cut" -lt $((bytes - 1)) ]; do
  head -c "$cut" "$script" | "$@" -s -- --dir "$target" --force
  [ -z "$(ls -A "$target")" ] || { echo "byte $cut changed something"; exit 1; }
  cut=$((cut + 1))
done
echo "$lines lines"`;
    const argv = ["sh", "-c", loop, "cut", script, place.target];
    const found = shell.argv.map((word) => Bun.which(word) ?? word);
    const env = { OFFLOAD_BASE_URL: site.url("good") };
    const child = start([...argv, ...found], place, { env });
    const run = await ended(child);
    expect(run.stdout).toMatch(/^\d+ lines\n$/);
    expect(place.state()).toEqual({});
    // The same call does install when nothing is cut.
    expect((await install(shell, place, release)).code).toBe(0);
  }, 120_000);
});

/** The script as it would run on a dom0, where a test has to see what comes after that check. */
function withoutDom0Check(script: string): string {
  return script.replace("[ -f /etc/xensource-inventory ]", "[ -f /etc/passwd ]");
}

/** Mounts of its own around the shell; with a directory, prints what is left in it at the end. */
function inMounts(mount: string, listed = ""): readonly string[] {
  const script = `${mount} || exit 99
"$@"
code=$?
${listed === "" ? "" : `echo left:; ls -A ${listed}`}
exit $code`;
  const unshare = ["unshare", "--mount", "--propagation", "private"];
  return [...unshare, "/bin/sh", "-c", script, "mounts"];
}
