import { describe, expect, test } from "bun:test";
import { listAllFeaturesOn, listFeaturesOn, listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Scenario } from "../dom0/fixture/scenarios.ts";

/** Exit code 3, one line on stderr, nothing on stdout, the kernel untouched. */
async function cannot(dom0: Dom0, ...args: readonly string[]): Promise<string> {
  const before = await readLiveState(dom0);
  const run = await dom0.offload(...args);
  expect({ exitCode: run.exitCode, stderr: run.stderr }).toMatchObject({ exitCode: 3 });
  expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
  expect(run.stdout).toBe("");
  expect(await readLiveState(dom0)).toBe(before);
  return run.stderr;
}

describe("a host that is not ready", () => {
  const scenarios: readonly (readonly [Scenario, string])[] = [
    ["dead", "XAPI does not answer"],
    ["starting", "still starting"],
    ["emergency", "emergency mode (HOST_"],
    ["old-member", "older than 8.2"],
    ["not-dom0", "no XenServer or XCP-ng dom0"],
  ];
  for (const [scenario, words] of scenarios) {
    test(`exits 3, names the problem and changes nothing: ${scenario}`, async () => {
      await using dom0 = await Dom0.start({ scenarios: [scenario] });
      expect(await cannot(dom0, "disable", "ALL", "--yes")).toContain(words);
      expect(await cannot(dom0, "verify")).toContain(words);
    });
  }

  test("exits 3 with one line when not run as root", async () => {
    await using dom0 = await Dom0.start();
    const argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", OFFLOAD, "verify"];
    const run = await dom0.run(argv);
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toBe("offload: offload needs root; run it as root in dom0\n");
  });

  test("changes devices live on an old pool member", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["old-member"] });
    const run = await dom0.offload("disable", "eth1", "--live-only");
    expect(run.exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
  });

  test("works on a current pool member, including the untranslated errors of forwarded calls", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["member"] });
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
  });

  test("shows with status what the kernel knows, names the problem and exits 3", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const run = await dom0.offload("status");
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toContain("eth0");
    expect(run.stdout).toContain("XAPI does not answer");
  });
});

describe("a XAPI that sends invalid replies", () => {
  const faults = ["http500", "html", "half", "refuse"] as const;
  for (const fault of faults) {
    test(`exits 3 on ${fault}, at the first call and at the reads`, async () => {
      await using dom0 = await Dom0.start();
      await dom0.simulator.fault({ fault });
      await cannot(dom0, "disable", "ALL", "--yes");
      await dom0.simulator.fault({ fault: "none" });
      await dom0.simulator.fault({ fault, after: 2 });
      await cannot(dom0, "disable", "ALL", "--yes");
    });
  }

  test("exits 3 and names a login that hangs for five seconds", async () => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault({ fault: "silence" });
    const started = performance.now();
    expect(await cannot(dom0, "disable", "ALL", "--yes")).toContain(
      "no reply to session.login_with_password in 5 seconds",
    );
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 60_000);

  test("repeats an error of XAPI", async () => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault({
      fault: "error",
      method: "PIF.get_all_records_where",
      code: "INTERNAL_ERROR",
      params: ["Db_exn.DBCache_NotFound"],
    });
    expect(await cannot(dom0, "disable", "ALL", "--yes")).toContain("INTERNAL_ERROR");
    expect(await dom0.simulator.sessions()).toBe(0);
  });
});

test("a signal during the login leaves no session open", async () => {
  await using dom0 = await Dom0.start();
  await dom0.simulator.fault({ fault: "slow", ms: 800 });
  const command = dom0.spawn([OFFLOAD, "verify"]);
  await Bun.sleep(400);
  await command.signal("SIGTERM");
  expect((await command.exited).signal).toBe("SIGTERM");
  expect(await dom0.simulator.sessions()).toBe(0);
});

test("HTTP 500 on a current pool member is not taken for an old release", async () => {
  await using dom0 = await Dom0.start({ scenarios: ["member"] });
  await dom0.simulator.fault({ fault: "http500", method: "VM.get_all_records_where" });
  const run = await dom0.offload("verify");
  expect(run.exitCode).toBe(3);
  expect(run.stderr).toContain("HTTP 500");
  expect(run.stderr).not.toContain("8.2");
});

describe("a XAPI that crashes between two writes", () => {
  test("exits 1, reports what was done and what was not, and a second run completes it", async () => {
    await using dom0 = await Dom0.start();
    // By then every one of the 8 VIFs has its text, and some their settings.
    await dom0.simulator.fault({ fault: "die", method: "VIF.add_to_other_config", after: 11 });
    const first = await dom0.offload("disable", "ALL", "--yes");
    expect(first.exitCode).toBe(1);
    expect(first.stdout).toContain("was not written");
    expect(first.stdout).toContain("could not be read back");
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    await completes(dom0);
  });

  test("changes nothing on an interface whose originals could not be stored", async () => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault({ fault: "die", method: "VIF.add_to_other_config", after: 3 });
    const first = await dom0.offload("disable", "ALL", "--yes", "--json");
    expect(first.exitCode).toBe(1);
    const unstored = JSON.parse(first.stdout)
      .problems.filter(({ code }: { code: string }) => code === "policy-write-failed")
      .map(({ uuid }: { uuid: string }) => uuid);
    expect(unstored.length).toBeGreaterThan(3);
    for (const vm of dom0.fixture.running) {
      for (const { record } of vm.vifs) {
        const device = `vif${vm.record.domid}.${record.device}`;
        const isChanged = (await listFeaturesOn(dom0, device)).length === 0;
        expect({ device, isChanged }).toEqual({
          device,
          isChanged: !unstored.includes(record.uuid),
        });
      }
    }
    await completes(dom0);
  });

  async function completes(dom0: Dom0): Promise<void> {
    await dom0.simulator.fault({ fault: "none" });
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect((await dom0.offload("persist", "--yes")).exitCode).toBe(0);
    expect((await dom0.offload("verify")).exitCode).toBe(0);
  }

  test("is waited for once in a run, where it falls silent", async () => {
    await using dom0 = await Dom0.start({ vms: 12, vifs: 1 });
    await dom0.simulator.fault({ fault: "silence", method: "VIF.add_to_other_config", after: 6 });
    const started = performance.now();
    const run = await dom0.offload("disable", "ALL", "--yes");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("xenopsd does not have");
    expect(performance.now() - started).toBeLessThan(35_000);
  }, 60_000);

  test.each([
    ["a text, and leaves that NIC alone", 0, 1],
    ["a setting", 4, 0],
  ])("reports a refused write of %s, and continues with the others", async (_, after, unchanged) => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault({
      fault: "error",
      method: "PIF.add_to_other_config",
      times: 1,
      after,
      code: "HANDLE_INVALID",
      params: ["PIF", "OpaqueRef:gone"],
    });
    const run = await dom0.offload("disable", "ALL", "--yes");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("HANDLE_INVALID");
    expect(run.stdout).toContain("settings in XAPI");
    const failed = (await listWrites(dom0)).filter(({ ok }) => !ok);
    expect(failed).toHaveLength(1);
    const devices = new Set((await listAllFeaturesOn(dom0)).map((line) => line.split(" ")[0]));
    expect(devices.size).toBe(unchanged);
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
  });

  test.each([
    ["texts", "offload-", "originals could not be stored: interrupted"],
    ["settings", "ethtool-", "was not written: interrupted"],
  ])(
    "reports the rest, closes the session and ends by SIGTERM when it arrives while %s are written",
    async (_, key, words) => {
      await using dom0 = await Dom0.start({ vms: 40, vifs: 2 });
      await dom0.simulator.fault({ fault: "slow", ms: 10 });
      const before = await readLiveState(dom0);
      const command = dom0.spawn([OFFLOAD, "disable", "ALL", "--yes"]);
      const written = async () =>
        (await listWrites(dom0)).filter(({ params }) => JSON.stringify(params).includes(`"${key}`));
      while ((await written()).length < 10) await Bun.sleep(20);
      await command.signal("SIGTERM");
      const run = await command.exited;
      expect(run.signal).toBe("SIGTERM");
      expect(run.stdout).toContain(words);
      expect((await readLiveState(dom0)) === before).toBe(key === "offload-");
      expect(await dom0.simulator.sessions()).toBe(0);
    },
  );
});
