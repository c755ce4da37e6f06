/** What the executable of a release makes of the directory, the home and the environment it is started in. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { listAllFeaturesOn } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import { EXECUTABLE, VERSION } from "./release.ts";

/** What each would run, if it were run. */
const EVIL = `require("fs").writeFileSync("/tmp/evil", "ran");\n`;

describe("a hostile current directory and home", () => {
  async function plant(dom0: Dom0, directory: string): Promise<void> {
    const files: Record<string, string> = {
      "evil.js": EVIL,
      "bunfig.toml": 'preload = ["./evil.js"]\n[run]\nbun = true\n',
      ".bunfig.toml": `preload = ["${directory}/evil.js"]\n`,
      ".env": `OFFLOAD_DEBUG=1\nNO_COLOR=1\nBUN_OPTIONS=--preload=${directory}/evil.js\n`,
      ".env.local": "PATH=/nowhere\nBUN_BE_BUN=1\n",
      "tsconfig.json": '{ "compilerOptions": { "paths": { "citty": ["./evil.js"] } } }\n',
      "package.json": '{ "main": "evil.js", "imports": { "#x": "./evil.js" }, "type": "commonjs" }\n',
      ".npmrc": "script-shell=/nowhere\n",
    };
    for (const name of ["citty", "consola", "valibot", "@clack/core", "fastest-levenshtein"]) {
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

  test("change nothing, and nothing in them is executed", async () => {
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
      ["completions", "fish"],
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
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect((await dom0.run(["ls", "/tmp/evil"])).exitCode).not.toBe(0);
  }, 120_000);
});

describe("the environment variables in docs/environment.md", () => {
  /** What became of `status` with these variables. */
  async function started(dom0: Dom0, env: Readonly<Record<string, string>>) {
    await dom0.run(["tee", "/root/evil.js"], { stdin: EVIL });
    const trace = ["strace", "-f", "-qq", "-e", "trace=%network", "-o", "/tmp/trace"];
    // Through env, so that the variables are the executable's alone.
    const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const run = await dom0.run([...trace, "env", ...words, EXECUTABLE, "status"]);
    const calls = await dom0.text(["cat", "/tmp/trace"]);
    const evil = (await dom0.run(["rm", "/tmp/evil"])).exitCode === 0;
    return { run, calls, evil };
  }

  test("have no effect when unset", async () => {
    await using dom0 = await Dom0.start();
    const { run, calls, evil } = await started(dom0, {});
    expect({ exitCode: run.exitCode, stderr: run.stderr, evil }).toEqual({
      ...{ exitCode: 0, stderr: "", evil: false },
    });
    expect(calls).not.toMatch(/\b(?:bind|listen)\(/);
    expect(calls).not.toContain("/tmp/debugger");
  });

  test("BUN_BE_BUN and BUN_OPTIONS make it run anything", async () => {
    await using dom0 = await Dom0.start();
    const bun = await dom0.run([EXECUTABLE, "--version"], { env: { BUN_BE_BUN: "1" } });
    expect(bun.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(bun.stdout).not.toBe(`${VERSION}\n`);
    expect((await started(dom0, { BUN_OPTIONS: "--preload=/root/evil.js" })).evil).toBe(true);
  });

  test("BUN_INSPECT listens for a debugger, BUN_INSPECT_CONNECT_TO connects to one", async () => {
    await using dom0 = await Dom0.start();
    const listening = await started(dom0, { BUN_INSPECT: "127.0.0.1:6499" });
    expect(listening.calls).toMatch(/\blisten\(/);
    const connecting = await started(dom0, { BUN_INSPECT_CONNECT_TO: "/tmp/debugger" });
    expect(connecting.calls).toContain("connect(");
    expect(connecting.calls).toContain('sun_path="/tmp/debugger"');
  });

  test("BUN_CONFIG_VERBOSE_FETCH prints the calls to XAPI", async () => {
    await using dom0 = await Dom0.start();
    const { run } = await started(dom0, { BUN_CONFIG_VERBOSE_FETCH: "1" });
    expect(run.stderr).toContain("http://localhost/jsonrpc");
  });

  test("BUN_JSC_ and MIMALLOC_ set options of the runtime", async () => {
    await using dom0 = await Dom0.start();
    expect((await started(dom0, { BUN_JSC_dumpOptions: "1" })).run.stderr).toContain("JSC options");
    expect((await started(dom0, { BUN_JSC_useJIT: "0" })).run.exitCode).not.toBe(0);
    expect((await started(dom0, { MIMALLOC_VERBOSE: "1" })).run.stderr).toContain("mimalloc");
  });

  test("BUN_BYTECODE_DIGEST_OUT and BUN_BYTECODE_ORDER_OUT name files to write", async () => {
    await using dom0 = await Dom0.start();
    const env = { BUN_BYTECODE_DIGEST_OUT: "/tmp/digests", BUN_BYTECODE_ORDER_OUT: "/tmp/order" };
    await started(dom0, env);
    for (const file of Object.values(env)) await dom0.text(["ls", file]);
  });

  test("NODE_CHANNEL_FD is used as a channel for messages", async () => {
    await using dom0 = await Dom0.start();
    const { run } = await started(dom0, { NODE_CHANNEL_FD: "no number" });
    expect(run.stderr).toContain("IPC channel");
  });

  test("the variables of the dynamic linker are honored", async () => {
    await using dom0 = await Dom0.start();
    for (const name of ["LD_PRELOAD", "LD_AUDIT"]) {
      const run = await dom0.run([EXECUTABLE, "--version"], { env: { [name]: "/nowhere.so" } });
      expect(run.stderr).toContain("/nowhere.so");
    }
  });

  test("NODE_OPTIONS, NODE_PATH and proxies are ignored", async () => {
    await using dom0 = await Dom0.start();
    const plain = await started(dom0, {});
    const nowhere = "http://127.0.0.1:1";
    for (const env of [
      { NODE_OPTIONS: "--require=/root/evil.js" },
      { NODE_PATH: "/root" },
      ...["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"].map((name) => ({
        [name]: nowhere,
      })),
    ]) {
      const { run, evil } = await started(dom0, env);
      expect({ env, run, evil }).toEqual({ env, run: plain.run, evil: false });
    }
  });
});
