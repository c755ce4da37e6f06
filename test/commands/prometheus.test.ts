import { describe, expect, test } from "bun:test";
import { listCurrentStates, parseMetrics } from "../assertions/prometheus.ts";
import { Dom0 } from "../dom0/dom0.ts";

async function readState(dom0: Dom0): Promise<readonly string[]> {
  const run = await dom0.offload("verify", "--prometheus");
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  return listCurrentStates(parseMetrics(run.stdout));
}

describe("verify --prometheus", () => {
  test("is critical on a fresh host, warning while something will come back, ok after persist", async () => {
    await using dom0 = await Dom0.start();
    expect(await readState(dom0)).toEqual(["critical"]);
    await dom0.offload("disable", "ALL", "--yes");
    expect(await readState(dom0)).toEqual(["warning"]);
    await dom0.offload("persist", "--yes");
    expect(await readState(dom0)).toEqual(["ok"]);
  });

  test("names every interface that has features on, as ethtool shows them", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    await dom0.setFeatures("eth1", "tso", "on");
    const run = await dom0.offload("verify", "--prometheus", "eth1");
    const samples = parseMetrics(run.stdout).find(({ name }) => name === "offload_interface_features_on")?.samples;
    const labels = { device: "eth1", kind: "pif", uuid: dom0.fixture.pif("eth1").record.uuid, vm: "" };
    expect(samples).toEqual([{ labels, value: 1 }]);
  });

  test("is unknown without XAPI, and says why on standard error", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const run = await dom0.offload("verify", "--prometheus");
    expect(listCurrentStates(parseMetrics(run.stdout))).toEqual(["unknown"]);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("XAPI");
  });

  test("prints no metrics for a wrong command line, or for a pool", async () => {
    await using dom0 = await Dom0.start();
    for (const args of [["nosuch"], ["--nosuch"], ["--json"], ["--nagios"], ["--pool"], ["all"]]) {
      const run = await dom0.offload("verify", "--prometheus", ...args);
      const isPlugin = args.includes("--nagios");
      expect({ args, exitCode: run.exitCode }).toEqual({ args, exitCode: isPlugin ? 3 : 2 });
      expect(run.stdout).not.toContain("offload_");
    }
  });

  test("stays in the format with names chosen by tenants", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["hostile"] });
    const { stdout } = await dom0.offload("verify", "--prometheus");
    expect(parseMetrics(stdout).length).toBe(7);
    expect(stdout).not.toMatch(/[^\P{C}\n]/u);
  });
});
