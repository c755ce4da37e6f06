import { describe, expect, test } from "bun:test";
import { Dom0 } from "../dom0/dom0.ts";

describe("verify --nagios", () => {
  test("is CRITICAL on a fresh host, WARNING while a reboot would turn something on, OK after persist", async () => {
    await using dom0 = await Dom0.start();
    const fresh = await dom0.offload("verify", "--nagios");
    expect(fresh.exitCode).toBe(2);
    expect(fresh.stdout).toMatch(/^OFFLOAD CRITICAL: [^|\n]+ \| interfaces=\d+;;;0 on=\d+;;0;0 .*\n$/);
    expect(fresh.stderr).toBe("");
    await dom0.offload("disable", "ALL", "--yes");
    // XAPI has no setting for the gro of a VIF.
    const returning = await dom0.offload("verify", "--nagios");
    expect(returning.exitCode).toBe(1);
    expect(returning.stdout).toStartWith("OFFLOAD WARNING: ");
    expect(returning.stdout).toContain("gro");
    await dom0.offload("persist", "--yes");
    const done = await dom0.offload("verify", "--nagios");
    expect(done.exitCode).toBe(0);
    expect(done.stdout).toStartWith("OFFLOAD OK: ");
  });

  test("is WARNING when a setting is removed", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "NICS", "--yes");
    expect((await dom0.offload("verify", "--nagios")).exitCode).toBe(0);
    await dom0.simulator.set(["PIF", dom0.fixture.pif("eth1").ref, "other_config", {}]);
    const later = await dom0.offload("verify", "--nagios");
    expect(later.exitCode).toBe(1);
    expect(later.stdout).toStartWith("OFFLOAD WARNING: ");
  });

  test("follows the policy, and ignores what it does not ask for", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "--features", "tso");
    const run = await dom0.offload("verify", "--nagios");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toStartWith("OFFLOAD OK: ");
    await dom0.setFeatures("eth1", "tso", "on");
    expect((await dom0.offload("verify", "--nagios")).exitCode).toBe(2);
  });

  test("is UNKNOWN without XAPI, and for an invalid command line", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    for (const args of [[], ["nosuch"], ["--nosuch"], ["--json"], ["all"]]) {
      const run = await dom0.offload("verify", "--nagios", ...args);
      expect(run.exitCode).toBe(3);
      expect(run.stdout).toMatch(/^OFFLOAD UNKNOWN: [^|\n]+\n$/);
    }
  });

  test("escapes names chosen by tenants", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["hostile"] });
    const run = await dom0.offload("verify", "--nagios");
    expect(run.stdout.split("\n")).toHaveLength(2);
    expect(run.stdout.split("|")).toHaveLength(2);
    expect(run.stdout).not.toMatch(/[^\P{C}\n]/u);
  });
});
