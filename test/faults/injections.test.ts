import { describe, expect, test } from "bun:test";
import { listAllFeaturesOn, readOtherConfig } from "../assertions/ethtool.ts";
import { FaultHost } from "./host.ts";
import {
  type FaultRun,
  listFileErrors,
  listIgnoredWrites,
  listKernelErrors,
  listXapiFaults,
  runFaults,
} from "./injections.ts";
import { type Command, findProblemsBeyondBoot } from "./kills.ts";
import { runWithOtherClientWrite } from "./race.ts";

/** What goes wrong, and how few of all the cases are tried here; scripts/fault-test tries them all. */
const ROWS: readonly (readonly [
  what: string,
  make: (host: FaultHost, command: Command) => Promise<readonly FaultRun[]>,
  every: number,
])[] = [
  ["the kernel refuses", listKernelErrors, 13],
  ["a driver accepts and does nothing", listIgnoredWrites, 3],
  ["the disk is full, read-only or broken", listFileErrors, 9],
  ["XAPI dies, restarts, errs or forgets the session", listXapiFaults, 47],
];

for (const command of ["disable", "enable", "restore", "persist"] as const) {
  // What a driver ignored, the boot script asks for again, and a plug before `enable` writes: they have no state of
  // their own to be held to.
  const rows =
    command === "persist" || command === "enable" ? ROWS.filter(([, make]) => make !== listIgnoredWrites) : ROWS;
  for (const [what, make, every] of rows) {
    test(`${command}: ${what}`, async () => {
      await using host = await FaultHost.start();
      const faultRuns = await make(host, command);
      const { runs, failures } = await runFaults(host, command, faultRuns, {
        every,
        alternate: true,
      });
      expect(runs).toBeGreaterThan(1);
      expect(failures).toEqual([]);
    }, 120_000);
  }
}

describe("another client that writes between our read and our write", () => {
  test("keeps its own key through disable and restore", async () => {
    await using host = await FaultHost.start();
    const { ref } = host.dom0.fixture.pif("eth0");
    const run = await runWithOtherClientWrite(host, "disable", "PIF", ref, "note", "rack 7");
    expect(run.exitCode).toBe(0);
    expect(await readOtherConfig(host.dom0, "PIF", ref)).toMatchObject({ note: "rack 7" });
    expect((await host.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await readOtherConfig(host.dom0, "PIF", ref)).toEqual({ note: "rack 7" });
  });

  test("keeps its own key through restore", async () => {
    await using host = await FaultHost.start();
    await host.offload("disable", "ALL", "--yes");
    const { ref } = host.dom0.fixture.pif("eth0");
    const run = await runWithOtherClientWrite(host, "restore", "PIF", ref, "note", "rack 7");
    expect(run.exitCode).toBe(0);
    expect(await readOtherConfig(host.dom0, "PIF", ref)).toEqual({ note: "rack 7" });
  });

  test("is reported by disable when it writes one of our keys, and a second run completes", async () => {
    await using host = await FaultHost.start();
    const { ref } = host.dom0.fixture.vif("db");
    const run = await runWithOtherClientWrite(host, "disable", "VIF", ref, "ethtool-tso", "on");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("MAP_DUPLICATE_KEY");
    expect(await readOtherConfig(host.dom0, "VIF", ref)).toMatchObject({ "ethtool-tso": "on" });
    expect((await host.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await findProblemsBeyondBoot(host)).toEqual([]);
    expect(await listAllFeaturesOn(host.dom0)).toEqual([]);
  });

  test("causes a conflict that restore reports, and keeps its value", async () => {
    await using host = await FaultHost.start();
    const { ref } = host.dom0.fixture.vif("db");
    await runWithOtherClientWrite(host, "disable", "VIF", ref, "ethtool-tso", "on");
    const run = await host.offload("restore", "--yes");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("ethtool-tso");
    expect(await readOtherConfig(host.dom0, "VIF", ref)).toMatchObject({ "ethtool-tso": "on" });
    expect((await host.offload("restore", "--yes", "--force")).exitCode).toBe(0);
    expect(await host.readState()).toEqual(host.original);
  });

  test("loses its value to a second disable, and restore brings the original back", async () => {
    await using host = await FaultHost.start();
    const { ref } = host.dom0.fixture.vif("db");
    await runWithOtherClientWrite(host, "disable", "VIF", ref, "ethtool-tso", "on");
    expect((await host.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect((await host.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await host.readState()).toEqual(host.original);
  });
});

test("restore brings back a setting that disable removed when its new value was refused", async () => {
  await using host = await FaultHost.start();
  await host.dom0.simulator.fault({
    fault: "error",
    method: "PIF.add_to_other_config",
    code: "INTERNAL_ERROR",
    params: ["Not_found"],
  });
  expect((await host.offload("disable", "ALL", "--yes")).exitCode).toBe(1);
  await host.dom0.simulator.fault({ fault: "none" });
  const { exitCode } = await host.offload("restore", "--yes");
  const { ref } = host.dom0.fixture.pif("eth1");
  const config = await readOtherConfig(host.dom0, "PIF", ref);
  expect({ exitCode, tso: config["ethtool-tso"] }).toEqual({ exitCode: 0, tso: "on" });
});
