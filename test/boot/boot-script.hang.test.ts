import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generateBootScript } from "../../src/boot/boot-script.ts";
import { coverDevices } from "./script/coverages.ts";
import { EACH_SHELL, Scratch } from "./script/shells.ts";

/** Ends a program sooner than the script asks for, so that the test does. */
const SOONER = '#!/bin/sh\n[ "$1" != -k ] || shift 2\nshift\nexec /usr/bin/timeout -k 0.2 0.3 "$@"\n';

const ON = "echo 'Features for x:'; echo 'tcp-segmentation-offload: on'; echo 'generic-receive-offload: on'";

/** Notes each call, then does as it is told for the device. */
function fakeEthtool(behavior: string): string {
  return `#!/bin/sh\necho "$*" >> "\${0%/*}/calls"\ncase "$*" in\n${behavior}\n*) ${ON} ;;\nesac\n`;
}

describe.each(EACH_SHELL)("the boot script under %s", (_, shell) => {
  function run(behavior: string) {
    using scratch = new Scratch();
    scratch.executable("ethtool", fakeEthtool(behavior));
    scratch.executable("timeout", SOONER);
    const ended = scratch.run(generateBootScript(coverDevices(["lo", "nic1"], ["tso", "gro"])), { shell });
    return { ...ended, calls: readFileSync(join(scratch.directory, "calls"), "utf8").trim().split("\n") };
  }

  test("does not ask a driver that hangs again, feature by feature, and goes on with the next device", () => {
    const { exitCode, stderr, calls } = run("'-K lo '*) trap '' TERM; sleep 100 ;;");
    expect(calls.filter((call) => call.startsWith("-K lo"))).toEqual(["-K lo tso off gro off"]);
    expect(calls).toContain("-K nic1 tso off gro off");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("offload: lo: tso could not be turned off\n");
  });

  test("gives up on a device whose reading hangs, says so, and goes on with the next", () => {
    const { exitCode, stderr, calls } = run("'-k lo') sleep 100 ;;");
    expect(calls.filter((call) => call.includes(" lo"))).toEqual(["-k lo"]);
    expect(calls).toContain("-K nic1 tso off gro off");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("offload: lo: its features cannot be read\n");
  });

  test.each([
    ["nothing", ":"],
    ["a heading alone", "echo 'Features for lo:'"],
    ["something else", "echo 'ethtool: this is not supported'"],
  ])("does not take an ethtool -k that prints %s for everything off", (_what, printed) => {
    const { exitCode, stderr, calls } = run(`'-k lo') ${printed} ;;`);
    expect(calls.filter((call) => call.includes(" lo"))).toEqual(["-k lo"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("offload: lo: its features cannot be read\n");
  });
});
