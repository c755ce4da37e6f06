import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

const SCRIPT = "/etc/offload/disable-offloads";
const RULE = "/etc/udev/rules.d/zz-offload.rules";
const UNIT = "/etc/systemd/system/offload.service";
const UNIT_LINK = "/etc/systemd/system/multi-user.target.wants/offload.service";
const RC_LOCAL = "/etc/rc.d/rc.local";
const DIRECTORY = "/etc/offload";
const INSTALLER = resolve(import.meta.dir, "../../install.sh");

/** What follows a link; it has to stay as it is. */
const VICTIM = "/etc/victim";

/** A file with our signature: what makes it another's is not its text. */
const SIGNED = `printf '%s\\n' '# Written by "offload persist"; remove with "offload persist --remove".'`;

/** How a thing of each kind is put at $1. */
const KINDS = {
  "a mask": 'ln -s /dev/null "$1"',
  "an empty file": ': > "$1"',
  "a link to a file": `ln -s ${VICTIM} "$1"`,
  "a link to nothing": 'ln -s /etc/nothing "$1"',
  "a link to itself": 'ln -s "$1" "$1"',
  "a pipe": 'mkfifo "$1"',
  "a directory with a file": 'mkdir "$1"; echo theirs > "$1/file"',
  "a socket": 'python3 -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "$1"',
  "a device": 'mknod "$1" c 1 3',
  "a foreign file": 'echo theirs > "$1"',
  "a signed file of another user": `${SIGNED} > "$1"; chown 1234 "$1"`,
  "a signed file that its group may write to": `${SIGNED} > "$1"; chmod 664 "$1"`,
} as const;

type Kind = keyof typeof KINDS;

const MASKS: readonly Kind[] = ["a mask", "an empty file"];

/** What is there: kind, owner, permissions, link, when it was changed last; and all that could be hit behind it. */
const IDENTIFY = `stat -c '%F %i %u %a %N %z' "$1" $(find "$1" -mindepth 1) ${VICTIM}
stat -c '%F %t %T' /dev/null; ls /etc/nothing 2>&1; cat ${VICTIM}`;

interface Expectation {
  readonly exitCode: number;
  /** Whether the output names what is left alone. */
  readonly isNamed: boolean;
}

/** How each command ends with something in the place of a file of ours, which nothing but XAPI's settings need. */
const COMMANDS: readonly (readonly [args: readonly string[], third: Expectation, mask: Expectation])[] = [
  [["verify"], { exitCode: 1, isNamed: true }, { exitCode: 0, isNamed: true }],
  [["verify", "--strict"], { exitCode: 1, isNamed: true }, { exitCode: 1, isNamed: true }],
  [["status"], { exitCode: 0, isNamed: true }, { exitCode: 0, isNamed: true }],
  [["doctor"], { exitCode: 1, isNamed: true }, { exitCode: 0, isNamed: true }],
  [["persist", "--dry-run"], { exitCode: 1, isNamed: true }, { exitCode: 1, isNamed: true }],
  [["persist", "NICS", "--yes"], { exitCode: 1, isNamed: true }, { exitCode: 1, isNamed: true }],
  [["persist", "--remove"], { exitCode: 1, isNamed: true }, { exitCode: 0, isNamed: true }],
  [["restore", "--yes"], { exitCode: 1, isNamed: true }, { exitCode: 0, isNamed: false }],
  [["disable", "NICS", "--yes"], { exitCode: 0, isNamed: false }, { exitCode: 0, isNamed: false }],
];

let dom0: Dom0;

beforeAll(async () => {
  dom0 = await Dom0.start({ nics: 2, vms: 1, vifs: 1 });
  await dom0.text(["sh", "-c", `echo untouched > ${VICTIM}`]);
  await dom0.offload("disable", "NICS", "--yes");
});
afterAll(() => dom0.stop());

function shell(script: string, path: string) {
  return dom0.text(["sh", "-c", `${script}\ntrue`, "sh", path]);
}

/** Puts a thing there, and gives back what was there before when it is disposed of. */
async function put(kind: Kind, path: string): Promise<AsyncDisposable> {
  await shell('mkdir -p "$(dirname "$1")" /run/kept; rm -rf /run/kept/*; [ ! -e "$1" ] || mv "$1" /run/kept/it', path);
  await shell(KINDS[kind], path);
  const putBack = `rm -rf "$1"; [ ! -e /run/kept/it ] || mv /run/kept/it "$1"; rmdir ${DIRECTORY} 2> /dev/null`;
  return { [Symbol.asyncDispose]: async () => void (await shell(putBack, path)) };
}

/** Runs a command, which has to end in bounded time, to change nothing there and to speak of no mistake of its own. */
async function run(argv: readonly string[], path: string) {
  const before = await shell(IDENTIFY, path);
  const result = await dom0.run(argv, { timeoutMs: 20_000 });
  expect(await shell(IDENTIFY, path)).toBe(before);
  // Lines are wrapped, also within a path.
  const output = `${result.stdout}${result.stderr}`;
  expect(output).not.toContain("internal error");
  return { exitCode: result.exitCode, isNamed: output.replace(/\s+/g, "").includes(path) };
}

describe.each(Object.keys(KINDS) as Kind[])("%s", (kind) => {
  test.each([SCRIPT, RULE, UNIT])("in the place of %s is named and left alone by every command", async (path) => {
    await using _ = await put(kind, path);
    for (const [args, third, mask] of COMMANDS) {
      const expected = MASKS.includes(kind) ? mask : third;
      expect({ args, ...(await run([OFFLOAD, ...args], path)) }).toEqual({ args, ...expected });
    }
  });

  test("in the place of the unit's link is named and left alone by every command", async () => {
    await using _ = await put(kind, UNIT_LINK);
    for (const [args, third] of COMMANDS) {
      expect({ args, ...(await run([OFFLOAD, ...args], UNIT_LINK)) }).toEqual({ args, ...third });
    }
  });

  test("keeps the program from being uninstalled only where it may do something at boot", async () => {
    await using _ = await put(kind, RULE);
    const directory = "/opt/bin";
    await dom0.text(["sh", "-c", `mkdir -p ${directory} && ln -sf ${OFFLOAD} ${directory}/offload`]);
    const isMask = MASKS.includes(kind);
    const ended = await run(["sh", INSTALLER, "--uninstall", "--dir", directory], RULE);
    expect(ended).toEqual({ exitCode: isMask ? 0 : 1, isNamed: true });
    expect((await dom0.run(["test", "-e", `${directory}/offload`])).exitCode).toBe(isMask ? 1 : 0);
  });
});

const IN_DIRECTORY: readonly Kind[] = ["a mask", "a link to a file", "a link to nothing", "a pipe", "a foreign file"];

describe.each(IN_DIRECTORY)("%s", (kind) => {
  test("in the place of /etc/offload is named and left alone by every command", async () => {
    await using _ = await put(kind, DIRECTORY);
    for (const [args, third] of COMMANDS) {
      expect({ args, ...(await run([OFFLOAD, ...args], DIRECTORY)) }).toEqual({ args, ...third });
    }
  });
});

const NO_FILES = ["a mask", "a link to itself", "a pipe", "a directory with a file", "a socket", "a device"] as const;

describe.each(NO_FILES)("%s", (kind) => {
  test("in the place of rc.local keeps persist from using it, and nothing else from its work", async () => {
    await using _ = await put(kind, RC_LOCAL);
    for (const [args] of COMMANDS) {
      const needsIt = args[0] === "persist" && !args.includes("--remove");
      const { exitCode, isNamed } = await run([OFFLOAD, ...args], RC_LOCAL);
      // doctor reads the rc.local of others, too, and says what it cannot read.
      const isUnreadable = kind === "a link to itself" && args[0] === "doctor";
      const incomplete = needsIt || args.includes("--strict") ? 1 : 0;
      expect({ args, exitCode }).toEqual({ args, exitCode: isUnreadable ? 3 : incomplete });
      if (needsIt) expect({ args, isNamed }).toEqual({ args, isNamed: true });
    }
  });
});

test("an installed rule that is masked afterwards is reported as masked, the script follows the policy, and the mask outlives --remove", async () => {
  await dom0.offload("persist", "NICS", "--yes");
  await dom0.text(["ln", "-sf", "/dev/null", RULE]);
  const masked = await dom0.offload("verify", "--json");
  expect(masked.exitCode).toBe(1);
  expect(JSON.parse(masked.stdout).problems).toEqual([
    {
      code: "boot-masked",
      message: `${RULE} is left alone: an administrator has masked it with a link to /dev/null; remove the mask`,
    },
  ]);
  expect((await dom0.offload("restore", "eth1")).exitCode).toBe(0);
  const { boot } = JSON.parse((await dom0.offload("verify", "--json")).stdout);
  expect(boot.covers.devices.eth1).toEqual([]);
  expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
  expect((await dom0.run(["ls", SCRIPT])).exitCode).not.toBe(0);
  expect(await dom0.text(["readlink", RULE])).toBe("/dev/null\n");
});
