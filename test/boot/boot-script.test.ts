import { describe, expect, test } from "bun:test";
import { generateBootScript, parseBootScriptCoverage } from "../../src/boot/boot-script.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES } from "../../src/core/features.ts";
import type { Coverage } from "../../src/core/verify/coverage.ts";
import { coverDevices, createCoverage, EMPTY_COVERAGE } from "./script/coverages.ts";
import { EACH_SHELL, Scratch } from "./script/shells.ts";

const VM = "6f0c2f52-7a3b-11ee-b962-0242ac120002";
const EVERYTHING = createCoverage({ nics: DEFAULT_FEATURES, vifs: DEFAULT_FEATURES });
const ONE_VM = createCoverage({
  vms: new Map([[VM, { features: ["gro"], vifs: new Map([["1", []]]) }]]),
});

const COVERAGES: readonly (readonly [string, Coverage])[] = [
  ["every NIC and every guest", EVERYTHING],
  ["every NIC", createCoverage({ nics: DEFAULT_FEATURES })],
  ["every guest", createCoverage({ vifs: DEFAULT_FEATURES })],
  ["named devices, and exceptions", { ...EVERYTHING, devices: new Map([["eth1", []]]) }],
  ["one VM with an exception", ONE_VM],
  ["nothing at all", EMPTY_COVERAGE],
  ["every feature", coverDevices(["eno12429np0", "vif3.0"], FEATURE_NAMES)],
  ["names that need quotes", { ...EVERYTHING, ...coverDevices(["it's", "a;b", "-x", "*", "esac"]) }],
];

describe.each(COVERAGES)("the boot script for %s", (_, coverage) => {
  test("passes shellcheck", async () => {
    using scratch = new Scratch();
    const file = scratch.executable("script", generateBootScript(coverage));
    const check = Bun.spawn(["shellcheck", "-s", "sh", file], { stdout: "pipe" });
    expect(await check.stdout.text()).toBe("");
    expect(await check.exited).toBe(0);
  });

  test.each(EACH_SHELL)("is readable for %s", (_name, shell) => {
    using scratch = new Scratch();
    const ended = scratch.run(generateBootScript(coverage), { shell: [...shell, "-n"] });
    expect(ended).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("has no overlong line, except the one for programs", () => {
    for (const line of generateBootScript(coverage).split("\n")) {
      if (line.startsWith("# offload-coverage: ")) continue;
      expect(line.length).toBeLessThanOrEqual(110);
    }
  });

  test("lists what it covers", () => {
    expect(parseBootScriptCoverage(generateBootScript(coverage))).toEqual(coverage);
  });
});

test("the boot script says what it is, who wrote it and how to remove it", () => {
  const [first, signature] = generateBootScript(EVERYTHING).split("\n");
  expect(first).toBe("#!/bin/sh");
  expect(signature).toBe('# Written by "offload persist"; remove with "offload persist --remove".');
});

test("the boot script is ASCII when the names are", () => {
  expect(generateBootScript(EVERYTHING)).toMatch(/^[\n\x20-\x7e]+\n$/);
});

test("the boot script asks xenstore for the owner of an interface only when it covers single VMs", () => {
  expect(generateBootScript(EVERYTHING)).not.toContain("vm_of");
  expect(generateBootScript(ONE_VM)).toContain("vm_of");
});

describe("a coverage line is rejected", () => {
  const line = (text: string) => `#!/bin/sh\n# offload-coverage: ${text}\n`;
  const empty = { nics: [], vifs: [], devices: {}, vms: {} };
  test.each([
    ["no line", "#!/bin/sh\n"],
    ["no JSON", line("{")],
    ["an unknown feature", line(JSON.stringify({ ...empty, nics: ["warp"] }))],
    ["an unknown key", line(JSON.stringify({ ...empty, more: 1 }))],
    ["a VM that is no UUID", line(JSON.stringify({ ...empty, vms: { "*": { features: [], vifs: {} } } }))],
    ["a VIF that is no number", line(JSON.stringify({ ...empty, vms: { [VM]: { features: [], vifs: { "*": [] } } } }))],
    ["more than fits", line(JSON.stringify({ ...empty, padding: "x".repeat(5_000_000) }))],
  ])("when it has %s", (_, script) => expect(parseBootScriptCoverage(script)).toBeNull());
});

describe.each(EACH_SHELL)("the boot script under %s", (_, shell) => {
  const answering = (answer: string) => `#!/bin/sh\n[ "$1" = -k ] && ${answer}\n`;

  test.each([
    ["nothing", "exit 0"],
    ["something else", "echo 'Usage: ethtool'"],
    ["an error", "exit 75"],
  ])("fails when ethtool prints %s", (_name, answer) => {
    using scratch = new Scratch();
    scratch.executable("ethtool", answering(answer));
    const ended = scratch.run(generateBootScript(coverDevices(["lo"])), { shell });
    expect(ended).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "offload: lo: its features cannot be read\n",
    });
  });

  test("works where timeout(1) is missing", () => {
    using scratch = new Scratch();
    scratch.executable("timeout", "#!/bin/sh\nexit 127\n");
    scratch.executable("ethtool", answering("echo 'scatter-gather: on'"));
    const ended = scratch.run(generateBootScript(coverDevices(["lo"])), { shell });
    expect(ended.stderr).toBe("offload: lo: sg could not be turned off\n");
  });

  test("gives up on an ethtool that hangs, and continues with the next device", () => {
    using scratch = new Scratch();
    scratch.executable("timeout", '#!/bin/sh\nshift\nexec /usr/bin/timeout 0.2 "$@"\n');
    scratch.executable("ethtool", '#!/bin/sh\n[ "$2" = lo ] && exec sleep 60\necho "scatter-gather: on"\n');
    const ended = scratch.run(generateBootScript(coverDevices(["lo", "nosuch0"])), { shell });
    expect(ended).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "offload: lo: its features cannot be read\noffload: nosuch0: sg could not be turned off\n",
    });
  });
});
