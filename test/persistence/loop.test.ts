import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { DEFAULT_KEYWORDS, KEYWORDS } from "../../src/offload/features.ts";
import { type LoopPlan, loopFile, loopScript } from "../../src/persistence/loop.ts";
import { EACH_SHELL, Scratch } from "./loop/shells.ts";

const ALL: LoopPlan = { keywords: DEFAULT_KEYWORDS, devices: ["eth0", "eth1"], everyNic: true };

const PLANS: readonly (readonly [string, LoopPlan])[] = [
  ["every NIC, default features", ALL],
  ["named devices, default features", { ...ALL, everyNic: false }],
  ["no named device", { ...ALL, devices: [] }],
  ["nothing at all", { keywords: [], devices: [], everyNic: false }],
  ["one feature", { keywords: ["tso"], devices: ["eth0"], everyNic: false }],
  ["every feature", { keywords: KEYWORDS, devices: ["eno12429np0", "vif3.0"], everyNic: true }],
  ["names that need quotes", { ...ALL, devices: ["it's", "a;b", "-x", "*"] }],
];

describe.each(PLANS)("%s", (_, plan) => {
  test("passes shellcheck, as a fragment and as a file", async () => {
    using scratch = new Scratch();
    for (const text of [`${loopScript(plan)}\n`, loopFile(plan)]) {
      const file = scratch.executable("script", text);
      const check = Bun.spawn(["shellcheck", "-s", "sh", file], { stdout: "pipe" });
      expect(await new Response(check.stdout).text()).toBe("");
      expect(await check.exited).toBe(0);
    }
  });

  test.each(EACH_SHELL)("%s can read it", (_name, shell) => {
    using scratch = new Scratch();
    for (const text of [loopScript(plan), loopFile(plan)]) {
      const ended = scratch.run(text, { shell: [...shell, "-n"] });
      expect(ended).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    }
  });

  test("has no line that is too long to read", () => {
    for (const line of loopFile(plan).split("\n")) expect(line.length).toBeLessThanOrEqual(110);
  });
});

describe("the fragment", () => {
  test("is one subshell without a newline after it, so that more of a line can follow", () => {
    const lines = loopScript(ALL).split("\n");
    expect(lines.at(0)).toBe("(");
    expect(lines.at(-1)).toBe(")");
    // Everything between is indented: no line ends the subshell early.
    for (const line of lines.slice(1, -1)) expect(line).toMatch(/^(?: {2}.*)?$/);
  });

  test("names each device and each feature once, in the order of the plan", () => {
    const script = loopScript({
      keywords: ["tso", "gro", "tso"],
      devices: ["eth1", "eth0", "eth1"],
      everyNic: false,
    });
    expect(script).toContain("\n  set -- eth1 eth0\n");
    expect(script.match(/feature=(\w+)/g)).toEqual(["feature=tso", "feature=gro"]);
  });

  test("looks into /sys for NICs only when it is to cover every NIC", () => {
    expect(loopScript(ALL)).toContain("/sys/class/net/*");
    expect(loopScript({ ...ALL, everyNic: false })).not.toContain("/sys/class/net/*");
  });
});

describe("the file", () => {
  test("says what it is, who wrote it and how to be rid of it", () => {
    const lines = loopFile(ALL).split("\n");
    expect(lines[0]).toBe("#!/bin/sh");
    const header = lines.slice(0, lines.indexOf("(")).join("\n");
    expect(header).toContain("`offload persist` wrote this file");
    expect(header).toContain("`offload persist --remove` takes it away");
    expect(header).not.toContain("eth0");
  });

  test("is plain text of ASCII where the names are", () => {
    expect(loopFile(ALL)).toMatch(/^[\n\x20-\x7e]+\n$/);
  });
});

test("nothing but plain sh and ethtool: every other command is built into every shell", () => {
  using scratch = new Scratch();
  // With no directory of programs in PATH but ours, anything else would be reported as not found;
  // /sbin and /usr/sbin hold no text tools.
  scratch.executable("ethtool", '#!/bin/sh\n[ "$1" = -k ] && echo "scatter-gather: on"\n');
  const plan = { ...ALL, devices: ["nosuch0"] };
  const ended = scratch.run(loopFile(plan), {
    shell: [Bun.which("dash") ?? "dash"],
    path: scratch.directory,
    arguments: ["nosuch0"],
  });
  expect(ended.stderr).toBe("offload: nosuch0: sg could not be turned off\n");
});

test("the module reads and writes nothing", async () => {
  const text = await Bun.file(join(import.meta.dir, "../../src/persistence/loop.ts")).text();
  expect([...text.matchAll(/from "(.*)"/g)].map(([, from]) => from)).toEqual([
    "../offload/by-hand.ts",
    "../offload/features.ts",
  ]);
});
