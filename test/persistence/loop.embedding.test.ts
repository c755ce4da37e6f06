import { describe, expect, test } from "bun:test";
import { type LoopPlan, loopScript } from "../../src/persistence/loop.ts";
import { Scratch, SHELLS } from "./loop/shells.ts";

const PLAN: LoopPlan = { keywords: ["tso", "gro"], devices: ["d0", "d1"], everyNic: false };

/** Shells as an rc.local may be run by: what its first line says, `/bin/sh -e` on many hosts. */
const RUNNERS = [...SHELLS, ["bash"] as const].flatMap((shell) => [
  [shell.join(" "), shell] as const,
  [`${shell.join(" ")} -e`, [...shell, "-e"]] as const,
]);

/** What the script around the loop may have done before it. */
const BEFORE = [
  ["nothing", ""],
  ["set -u", "set -u"],
  ["set -f", "set -f"],
  ["set -euf", "set -euf"],
  ["set -C", "set -C"],
  ["an odd IFS", "IFS=of"],
  ["an empty IFS", "IFS="],
  ["no IFS", "unset IFS"],
  ["no PATH", "unset PATH; PATH=$SCRATCH"],
  ["arguments", "set -- a 'b c' '*'"],
  ["no arguments", "set --"],
  ["a trap", "trap 'echo trap' EXIT"],
  ["read-only variables", "readonly HOME UID0=1"],
  [
    "variables of the same names",
    "line=1 feature=2 on=3 parts=4 text=5 device=6 left=7 nic=8 status=9",
  ],
  ["functions of the same names", "look() { echo outer; }; still_on() { echo outer; }"],
  ["closed standard input", "exec < /dev/null; exec 0<&-"],
] as const;

/** Everything of a shell that a part of its script could change for the rest. */
const INVENTORY = `
echo "options $-"
echo "arguments $#: $*"
echo "IFS \${IFS-unset}" | od -c
echo "PATH \${PATH-unset}"
for name in line feature on parts text device left nic status; do
  eval "echo \\"$name \\\${$name-unset}\\""
done
for name in look still_on turn_off; do command -v $name || echo "no $name"; done
pwd
umask
trap
`;

describe.each(RUNNERS)("in an rc.local run by %s", (_, shell) => {
  /** An ethtool that turns off as asked, or that never does. */
  function bench(kind: "obedient" | "stubborn"): Scratch {
    const scratch = new Scratch();
    const off = kind === "obedient" ? 'echo "$2" >> off' : ":";
    scratch.executable(
      "ethtool",
      `#!/bin/sh
PATH=/usr/bin:/bin
case $1 in
-K) ${off} ;;
-k) if grep -qsx "$2" off; then state=off; else state=on; fi
    echo "tcp-segmentation-offload: $state"
    echo "generic-receive-offload: $state" ;;
esac
`,
    );
    return scratch;
  }

  function rcLocal(scratch: Scratch, before: string, loop: string): string {
    const setting = before.replace("$SCRATCH", scratch.path);
    return `#!/bin/sh -e\n${setting}\n${loop}\n${INVENTORY}\necho after\nexit 0\n`;
  }

  test.each(BEFORE)("that has %s before it: it runs, and leaks nothing", (_name, before) => {
    using scratch = bench("obedient");
    const without = scratch.run(rcLocal(scratch, before, ""), { shell });
    const script = rcLocal(scratch, before, loopScript(PLAN));
    expect(scratch.run(script, { shell })).toEqual(without);
    expect(without.exitCode).toBe(0);
    expect(without.stdout).toContain("\nafter\n");
    expect(scratch.run("cat off\n", { shell: ["sh"] }).stdout).toBe("d0\nd1\n");
  });

  test("where something stays on, `|| :` lets the rest of the file run", () => {
    using scratch = bench("stubborn");
    const script = rcLocal(scratch, "", `${loopScript(PLAN)} || :`);
    const { exitCode, stdout, stderr } = scratch.run(script, { shell });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("\nafter\n");
    expect(stderr.split("\n").filter((line) => line.startsWith("offload: "))).toEqual([
      "offload: d0: tso could not be turned off",
      "offload: d0: gro could not be turned off",
      "offload: d1: tso could not be turned off",
      "offload: d1: gro could not be turned off",
    ]);
  });

  test("where something stays on, the status of the fragment says so", () => {
    using scratch = bench("stubborn");
    const script = `if ${loopScript(PLAN)} 2> /dev/null; then echo well; else echo "status $?"; fi\n`;
    expect(scratch.run(script, { shell }).stdout).toBe("status 1\n");
  });
});

test("what bash alone can have set before it does no harm", () => {
  const settings = [
    "set -o pipefail",
    "set -E; trap 'echo ERR; exit 9' ERR",
    "shopt -s nullglob failglob extglob dotglob",
    "shopt -s lastpipe",
    "set -o posix",
  ];
  for (const before of settings) {
    using scratch = new Scratch();
    scratch.executable(
      "ethtool",
      '#!/bin/sh\n[ "$1" = -K ] || echo "generic-receive-offload: off"\n',
    );
    const loop = `${loopScript({ ...PLAN, everyNic: true })}\necho "status $?"`;
    const script = `${before}\n${loop}\numount /sys\n${loop}\n`;
    const { stdout, stderr } = scratch.run(script, { shell: ["bash"] });
    const status = "status 0\nstatus 0\n";
    expect({ before, stdout, stderr }).toEqual({ before, stdout: status, stderr: "" });
  }
});
