import { describe, expect, test } from "bun:test";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { liveState, otherConfig, stillOn } from "./truth.ts";

/** In a throwaway dom0 no systemd runs: these are about rc.local. test/boot boots real machines. */
const RC_LOCAL = "/etc/rc.d/rc.local";
const RULE = "/etc/udev/rules.d/95-offload.rules";

/** Every file under /etc with its mode and bytes, to see what was touched. */
async function etc(dom0: Dom0): Promise<string> {
  const script =
    "cd /etc && find . -newer /etc/xensource-inventory -o -path './rc*' -o -path './udev*' | sort | while read -r f; do stat -c '%n %a %F %N' \"$f\"; [ -f \"$f\" ] && cksum < \"$f\"; done; true";
  return dom0.text(["sh", "-c", script]);
}

/** Boots, as far as offloads go: everything on again, then what rc.local says. */
async function boot(dom0: Dom0): Promise<void> {
  for (const device of ["eth0", "eth1", "eth2", "eth3"]) {
    const all = ["rx", "tx", "sg", "tso", "gso", "gro"].flatMap((feature) => [feature, "on"]);
    await dom0.setFeatures(device, ...all);
  }
  const run = await dom0.run([
    "sh",
    "-c",
    `[ -x ${RC_LOCAL} ] && mkdir -p /var/lock/subsys && exec ${RC_LOCAL}`,
  ]);
  expect({ stderr: run.stderr, exitCode: run.exitCode }).toEqual({ stderr: "", exitCode: 0 });
}

describe("persist", () => {
  test("with nothing turned off and nothing recorded it says so: exit code 2, nothing written", async () => {
    await using dom0 = await Dom0.start();
    const before = await etc(dom0);
    const run = await dom0.offload("persist");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("run offload disable ALL first");
    expect(await etc(dom0)).toBe(before);
  });

  test("after disable ALL it covers every NIC and the guests' interfaces, and boot turns all off", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const run = await dom0.offload("persist");
    expect(run.exitCode).toBe(0);
    await boot(dom0);
    for (const device of ["eth0", "eth1", "eth2", "eth3"]) {
      expect(await stillOn(dom0, device)).toEqual([]);
    }
    expect(await dom0.text(["cat", RULE])).toContain('KERNEL=="vif[0-9]*.[0-9]*"');
  });

  test("after a reinstallation, which takes all of /var/lib/offload, XAPI's records tell what to cover", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.run(["rm", "-rf", "/var/lib/offload"]);
    const run = await dom0.offload("persist", "--json");
    expect(JSON.parse(run.stdout).boot.covers).toEqual({
      keywords: ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"],
      devices: ["eth0", "eth1", "eth2", "eth3"],
      everything: true,
    });
  });

  test("after disable of one NIC it covers that NIC, and no rule for later interfaces is made", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "--features", "tso,gso");
    const run = await dom0.offload("persist", "--json");
    const { boot: layer } = JSON.parse(run.stdout);
    expect(layer.covers).toEqual({
      keywords: ["tso", "gso"],
      devices: ["eth1"],
      everything: false,
    });
    expect((await dom0.run(["ls", RULE])).exitCode).not.toBe(0);
    await boot(dom0);
    expect((await dom0.ethtool("eth1")).get("tcp-segmentation-offload")?.active).toBe(false);
    expect((await dom0.ethtool("eth0")).get("tcp-segmentation-offload")?.active).toBe(true);
  });

  test("twice is once: the second run writes nothing", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("persist");
    const stat = () => dom0.text(["stat", "-c", "%n %i %y", RC_LOCAL, RULE]);
    const before = await stat();
    expect((await dom0.offload("persist")).exitCode).toBe(0);
    expect(await stat()).toBe(before);
  });

  test("--remove leaves /etc as it was, modes and links included", async () => {
    await using dom0 = await Dom0.start();
    const before = await etc(dom0);
    await dom0.offload("persist", "ALL");
    expect(await etc(dom0)).not.toBe(before);
    const run = await dom0.offload("persist", "--remove");
    expect(run.exitCode).toBe(0);
    expect(await etc(dom0)).toBe(before);
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
  });

  test("--dry-run prints every file and touches nothing", async () => {
    await using dom0 = await Dom0.start();
    const before = await etc(dom0);
    const run = await dom0.offload("persist", "ALL", "--dry-run");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain(`# ${RC_LOCAL}\n`);
    expect(run.stdout).toContain(`# ${RULE}\n`);
    expect(await etc(dom0)).toBe(before);
  });

  test("an rc.local that ends before the block could run is refused with the line", async () => {
    await using dom0 = await Dom0.start();
    await dom0.run(["sh", "-c", `printf '#!/bin/sh\\nexit 0\\ntouch /x\\n' > ${RC_LOCAL}`]);
    const before = await etc(dom0);
    const run = await dom0.offload("persist", "ALL");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("line 2");
    expect(await etc(dom0)).toBe(before);
  });

  test("bad input is refused: a VM alone, an unknown method, --remove with a target", async () => {
    await using dom0 = await Dom0.start();
    const before = await etc(dom0);
    for (const args of [["web 1"], ["ALL", "--method", "cron"], ["ALL", "--remove"], ["all"]]) {
      const run = await dom0.offload("persist", ...args);
      expect(run.exitCode).toBe(2);
      expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
    }
    expect(await etc(dom0)).toBe(before);
  });

  test("where systemd does not run, --method systemd is refused before anything is written", async () => {
    await using dom0 = await Dom0.start();
    const before = await etc(dom0);
    const run = await dom0.offload("persist", "ALL", "--method", "systemd");
    expect(run.exitCode).toBe(3);
    expect(await etc(dom0)).toBe(before);
  });

  test("--remove works without XAPI", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "ALL");
    await dom0.killXapi();
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
  });

  test("a state file that is damaged is named, and nothing is guessed", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    await dom0.run(["sh", "-c", "echo '{' > /var/lib/offload/disabled.json"]);
    const run = await dom0.offload("persist");
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain("/var/lib/offload/disabled.json");
  });
});

describe("verify sees the boot layer", () => {
  async function verified(dom0: Dom0, ...args: string[]) {
    const run = await dom0.offload("verify", ...args, "--json");
    return { exitCode: run.exitCode, ...JSON.parse(run.stdout) };
  }

  test("absent is advice, and drift under --strict", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const plain = await verified(dom0);
    expect(plain.exitCode).toBe(0);
    expect(plain.boot).toEqual({ method: null, state: "absent", covers: null });
    expect(plain.notes).toContainEqual(expect.objectContaining({ code: "not-persisted" }));
    expect((await verified(dom0, "--strict")).exitCode).toBe(1);
  });

  const damages: readonly (readonly [state: string, command: string])[] = [
    ["not-executable", `chmod -x ${RC_LOCAL}`],
    ["edited", `sed -i 's/turn_off "$device"/:/' ${RC_LOCAL}`],
    ["unreachable", `sed -i '2i exit 0' ${RC_LOCAL}`],
    ["edited", `sed -i '/END offload/d' ${RC_LOCAL}`],
    ["incomplete", `rm ${RULE}`],
    ["edited", `sed -i 's/gro off//' ${RULE}`],
    [
      "stale",
      `sed -i 's/"program":"[^"]*"/"program":"0.0.1"/; s/^  status=0$/  status=00/' ${RC_LOCAL}`,
    ],
  ];
  for (const [state, command] of damages) {
    test(`${state} after ${command.split(" ").slice(0, 2).join(" ")}: exit code 1, and persist mends it`, async () => {
      await using dom0 = await Dom0.start();
      await dom0.offload("disable", "ALL", "--yes");
      await dom0.offload("persist");
      expect((await verified(dom0)).boot.state).toBe("current");
      await dom0.run(["sh", "-c", command]);
      const after = await verified(dom0);
      expect(after.boot.state).toBe(state);
      expect(after.exitCode).toBe(1);
      const mended = await dom0.offload("persist");
      const repairable = command.includes("END offload") || state === "unreachable";
      expect(mended.exitCode).toBe(repairable ? 2 : 0);
      if (!repairable) expect((await verified(dom0)).exitCode).toBe(0);
    });
  }

  test("features or NICs that are not covered are told of", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("persist", "eth1", "--features", "tso");
    const { notes } = await verified(dom0);
    const messages = notes.map(({ message }: { message: string }) => message).join("\n");
    expect(messages).toContain("does not cover");
    expect(messages).toContain("eth0");
  });
});

test("disable, persist and verify together leave XAPI's other keys and the guests' devices alone", async () => {
  await using dom0 = await Dom0.start();
  const before = await liveState(dom0);
  await dom0.run([OFFLOAD, "persist", "eth1", "--dry-run"]);
  expect(await liveState(dom0)).toBe(before);
  expect(await otherConfig(dom0, "PIF", dom0.world.pif("eth1").ref)).toEqual({});
});
