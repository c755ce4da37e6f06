import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { basename, join } from "node:path";
import { UNIT } from "../../src/boot/systemd.ts";
import { BOOT_SCRIPT_PATH, UDEV_RULE_PATH } from "../../src/paths.ts";
import { Dom0 } from "../dom0/dom0.ts";
import { Scratch } from "./script/shells.ts";

const WORKER = join(import.meta.dir, "boot-layer-worker.ts");
const GRO = { nics: ["gro"], vifs: ["gro"], devices: { eth1: [] }, vms: {} };

describe("rewriting the boot script", () => {
  let dom0: Dom0;
  beforeEach(async () => {
    dom0 = await Dom0.start({ nics: 2, vms: 1, vifs: 1 });
  });
  afterEach(() => dom0.stop());

  async function rewrite(coverage: unknown) {
    return JSON.parse(await dom0.text([process.execPath, WORKER, JSON.stringify(coverage)]));
  }

  test("writes nothing where persist has installed nothing", async () => {
    const { rewritten, layer } = await rewrite(GRO);
    expect(rewritten).toBe(false);
    expect(layer.state).toBe("not-installed");
    expect((await dom0.run(["test", "-e", BOOT_SCRIPT_PATH])).exitCode).toBe(1);
  });

  test("changes what is covered, and no other file", async () => {
    await dom0.offload("persist", "ALL", "--yes");
    const others = ["/etc/rc.d/rc.local", UDEV_RULE_PATH];
    const before = await dom0.text(["stat", "-c", "%i %z", ...others]);
    const { rewritten, layer } = await rewrite(GRO);
    expect(rewritten).toBe(true);
    expect(layer).toEqual({ method: "rc.local", state: "up-to-date", covers: GRO });
    expect(await dom0.text(["stat", "-c", "%i %z", ...others])).toBe(before);
    expect((await rewrite(GRO)).rewritten).toBe(false);
  });

  test("restores a missing script, and refuses a third-party one", async () => {
    await dom0.offload("persist", "ALL", "--yes");
    await dom0.text(["rm", BOOT_SCRIPT_PATH]);
    expect((await rewrite(GRO)).layer.state).toBe("up-to-date");
    await dom0.text(["sh", "-c", `echo theirs > ${BOOT_SCRIPT_PATH}`]);
    const { rewritten, layer } = await rewrite(GRO);
    expect(rewritten.failures).toEqual([expect.objectContaining({ kind: "refused" })]);
    expect(layer.state).toBe("incomplete");
    expect(await dom0.text(["cat", BOOT_SCRIPT_PATH])).toBe("theirs\n");
  });
});

test("the udev rule sorts after that of the toolstack's hotplug script", () => {
  const names = [basename(UDEV_RULE_PATH), "xen-backend.rules", "60-net.rules"].sort();
  expect(names.at(-1)).toBe(basename(UDEV_RULE_PATH));
});

describe("the systemd unit", () => {
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(UNIT)?.[1] ?? "";

  /** Runs what comes before the boot script, as systemd splits it into words. */
  function refresh(offload: string | null): number {
    using scratch = new Scratch();
    if (offload !== null) scratch.executable("offload", `#!/bin/sh\n${offload}\n`);
    const [, command = ""] = /^-\/bin\/sh -c "(.*)"$/.exec(value("ExecStartPre")) ?? [];
    expect(command).not.toBe("");
    const path = `${scratch.directory}:/usr/bin:/bin`;
    return Bun.spawnSync(["/bin/sh", "-c", command], { env: { PATH: path } }).exitCode;
  }

  test("rewrites the boot script when offload is installed, and never fails because of it", () => {
    expect(refresh('[ "$*" = refresh-boot-script ]')).toBe(0);
    expect(refresh(null)).toBe(0);
    // The minus sign makes any of these no failure of the unit (systemd.service(5)).
    expect(refresh("exit 3")).toBe(3);
    expect(value("ExecStartPre")).toStartWith("-");
  });

  test("has a timeout, so that VMs start whatever hangs", () => {
    expect(value("ExecStartPre")).toContain("timeout -k 5 30 ");
    expect(Number(value("TimeoutStartSec"))).toBeGreaterThan(30 + 5);
    expect(Number(value("TimeoutStopSec"))).toBeGreaterThan(0);
  });

  test("passes systemd-analyze verify", () => {
    using scratch = new Scratch();
    const path = scratch.executable("offload.service", UNIT);
    const { stderr } = Bun.spawnSync(["systemd-analyze", "verify", path]);
    const complaints = stderr.toString().split("\n");
    // It is not marked executable anywhere else, and the boot script is a word of its command line.
    expect(complaints.filter((line) => line.includes("offload.service") && !line.includes("executable"))).toEqual([]);
  });
});
