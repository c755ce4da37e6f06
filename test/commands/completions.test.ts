import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { COMMANDS } from "../../src/cli/specs/commands.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { SYSTEM_PATH } from "../dom0/namespace.ts";
import { InteractiveShell } from "../dom0/shells.ts";

/** Names with every character that means something to some shell. */
const NAMES = {
  backup: "prod:db:1",
  "mail é": 'it\'s "quoted"',
  db: "a=b & c|d;e",
  pfSense: "$HOME `id` *?[x]{y}~#!",
} as const;

let dom0: Dom0;

beforeAll(async () => {
  dom0 = await Dom0.start();
  for (const [name, better] of Object.entries(NAMES)) {
    await dom0.simulator.set(["VM", dom0.fixture.vm(name).ref, "name_label", better]);
  }
  await dom0.offload("disable", "web 1", "--features", "tso");
});
afterAll(() => dom0.stop());

/** What is typed, and the words that the shell must make of it. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ["offload disa\t", ["disable"]],
  ["offload help feat\t", ["help", "features"]],
  ["offload disable AL\t--dr\t", ["disable", "ALL", "--dry-run"]],
  ["offload disable web\t", ["disable", "web 1"]],
  ["offload disable 'we\t", ["disable", "web 1"]],
  ['offload disable "we\t', ["disable", "web 1"]],
  ["offload disable eth1 web\t", ["disable", "eth1", "web 1"]],
  ["offload status prod:\t", ["status", "prod:db:1"]],
  ["offload status prod:d\t", ["status", "prod:db:1"]],
  ["offload status 'prod:db\t", ["status", "prod:db:1"]],
  ["offload status it\t", ["status", 'it\'s "quoted"']],
  ["offload status a=\t", ["status", "a=b & c|d;e"]],
  ["offload status \\$H\t", ["status", "$HOME `id` *?[x]{y}~#!"]],
  ["offload disable --vm prod\t", ["disable", "--vm", "prod:db:1"]],
  ["offload disable --vm=we\t", ["disable", "--vm=web 1"]],
  ["offload disable --vm=prod:\t", ["disable", "--vm=prod:db:1"]],
  ["offload disable --pif bon\t", ["disable", "--pif", "bond0"]],
  ["offload status eth0.\t", ["status", "eth0.100"]],
  ["offload status vif2\t", ["status", "vif2.0"]],
  ["offload verify --features tso,gr\t", ["verify", "--features", "tso,gro"]],
  ["offload verify --features=ufo,tso,rxh\t", ["verify", "--features=ufo,tso,rxhash"]],
  ["offload persist --method rc\t", ["persist", "--method", "rc.local"]],
  ["offload persist --remo\t", ["persist", "--remove"]],
  ["offload completions fi\t", ["completions", "fish"]],
  ["offload restore -- web\t", ["restore", "--", "web 1"]],
  ["offload restore AL\t", ["restore", "ALL"]],
];

describe.each(["bash", "zsh", "fish"] as const)("completion in a real %s at a terminal", (shell) => {
  test("completes every line to the intended words, whatever characters they contain", async () => {
    const session = await InteractiveShell.start(dom0, shell);
    try {
      for (const [typed, words] of CASES) {
        expect({ typed, words: await session.words(typed) }).toEqual({
          typed,
          words: ["offload", ...words],
        });
      }
    } finally {
      await session.stop();
    }
  });

  test("completes devices without XAPI, and prints nothing", async () => {
    await using dead = await Dom0.start({ scenarios: ["dead"] });
    const session = await InteractiveShell.start(dead, shell);
    try {
      const typed = "offload disable eth1\t --live\t";
      expect(await session.words(typed)).toEqual(["offload", "disable", "eth1", "--live-only"]);
      expect(await session.words("offload status vif2\t")).toEqual(["offload", "status", "vif2.0"]);
      expect(session.output).not.toContain("XAPI");
    } finally {
      await session.stop();
    }
  });
});

describe("completion in bash", () => {
  const env = { PATH: `${dirname(OFFLOAD)}:${SYSTEM_PATH}`, HOME: "/tmp" };

  async function offered(line: string): Promise<readonly string[]> {
    const script = `source <(offload completions bash)
      COMP_LINE=$1 COMP_POINT=\${#1}
      compopt() { :; }
      _offload
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const run = await dom0.run(["bash", "--norc", "-c", script, "bash", line], { env });
    expect(run.stderr).toBe("");
    return run.stdout.split("\n").filter((one) => one !== "");
  }

  test("offers every option of a command, and no other option", async () => {
    expect(await offered("offload verify --")).toContainAllValues([
      ...[
        "--features",
        "--vm",
        "--pif",
        "--host",
        "--strict",
        "--nagios",
        "--prometheus",
        "--verbose",
        "--pool",
        "--timeout",
        "--json",
        "--no-color",
        "--help",
      ],
    ]);
  });

  test("offers the commands for users, and no internal command", async () => {
    const names = COMMANDS.map(({ name }) => name);
    expect(await offered("offload ")).toEqual([...names, "help", "--help", "--version"]);
  });

  test("offers no feature twice", async () => {
    expect(await offered("offload status --features tso,")).not.toContain("tso,tso");
    expect(await offered("offload status --features tso,")).toContain("tso,gro");
  });

  test("offers nothing for a value that cannot be listed", async () => {
    expect(await offered("offload disable --wait ")).toEqual([]);
    expect(await offered("offload nonsense ")).toEqual([]);
    expect(await offered("offload confirm ")).toEqual([]);
  });

  test("omits names that double quotes cannot hold when inside double quotes", async () => {
    expect(await offered('offload status "$H')).toEqual([]);
    expect(await offered('offload status "a=')).toEqual(["a=b & c|d;e"]);
  });

  test("works through bash-completion, which loads it on demand", async () => {
    const own = { ...env, BASH_COMPLETION_USER_DIR: "/tmp/user" };
    const script = `mkdir -p /tmp/user/completions && offload completions bash > /tmp/user/completions/offload
      source /usr/share/bash-completion/bash_completion
      _completion_loader offload; complete -p offload`;
    const run = await dom0.run(["bash", "--norc", "-c", script], { env: own });
    expect(run.stdout).toBe("complete -F _offload offload\n");
  });
});

describe("offload complete", () => {
  test("prints every name once, with a description", async () => {
    const run = await dom0.offload("complete", "targets");
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    const lines = run.stdout.trimEnd().split("\n");
    for (const line of lines) expect(line).toMatch(/^[^\t]+\t[^\t]+$/);
    const names = lines.map((line) => line.split("\t")[0] ?? "");
    expect(names).toEqual([...new Set(names)]);
    expect(names).toContainAllValues([
      ...["ALL", "NICS", "VIFS", "web 1", "prod:db:1", 'it\'s "quoted"', "a=b & c|d;e", "win 10"],
      ...["$HOME `id` *?[x]{y}~#!", "bond0", "eth0", "eth0.100", "eth1", "eth2", "eth3"],
      ...["vif1.0", "vif1.1", "vif2.0", "vif3.0", "vif4.0", "vif4.1"],
    ]);
    expect(await dom0.simulator.sessions()).toBe(0);
  });

  test("prints only names that are valid targets", async () => {
    await using hostile = await Dom0.start({ scenarios: ["hostile", "coordinator", "sriov"] });
    const names = (await hostile.offload("complete", "targets")).stdout.trimEnd().split("\n");
    for (const name of names.map((line) => line.split("\t")[0] ?? "")) {
      const run = await hostile.offload("disable", "--dry-run", "--", name);
      expect({ name, exitCode: run.exitCode, stderr: run.stderr }).toEqual({
        name,
        exitCode: 0,
        stderr: "",
      });
    }
  });

  test("prints only devices that can be changed when XAPI is away", async () => {
    await using dead = await Dom0.start({ scenarios: ["dead"] });
    const names = (await dead.offload("complete", "targets")).stdout.trimEnd().split("\n");
    expect(names.length).toBeGreaterThan(5);
    for (const name of names.map((line) => line.split("\t")[0] ?? "")) {
      const run = await dead.offload("disable", "--dry-run", "--live-only", name);
      expect({ name, exitCode: run.exitCode }).toEqual({ name, exitCode: 0 });
    }
  });

  test.each(["starting", "dead", "emergency", "not-dom0"] as const)(
    "prints no error on a %s host",
    async (scenario) => {
      await using other = await Dom0.start({ scenarios: [scenario] });
      for (const kind of ["targets", "vms", "pifs", "nonsense", ""]) {
        const run = await other.offload("complete", kind);
        expect(run).toMatchObject({ exitCode: 0, stderr: "" });
        expect(run.stdout.includes("eth1")).toBe(scenario !== "not-dom0" && (kind === "targets" || kind === "pifs"));
      }
    },
  );
});

test("restore completes to what has originals, and to ALL, NICS and VIFS", async () => {
  await using own = await Dom0.start();
  const offer = async () => {
    const { stdout } = await own.offload("complete", "restorable");
    return stdout.split("\n").flatMap((line) => line.split("\t")[0] || []);
  };
  expect(await offer()).toEqual(["ALL", "NICS", "VIFS"]);
  await own.offload("disable", "web 1", "eth0", "--features", "tso");
  await own.offload("disable", "eth2", "--live-only");
  expect(await offer()).toEqual([
    ...["ALL", "NICS", "VIFS", "web 1", "bond0", "eth0", "eth0.100", "eth2"],
    ...["vif1.0", "vif1.1"],
  ]);
});

describe("offload completions", () => {
  test.each([[[]], [["tcsh"]], [["bash", "zsh"]], [["--json"]]])("refuses the arguments %j", async (words) => {
    const run = await dom0.run([OFFLOAD, "completions", ...words]);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
  });
});
