import { describe, expect } from "bun:test";
import { ALL_NICS_OFF, listChangeableOn, listNicFeaturesOn } from "./features.ts";
import { Guest } from "./guest.ts";
import type { Machine } from "./machine.ts";
import { machineTests } from "./machine-tests.ts";

/** Runs offload and expects it to have done all it was asked for. */
async function done(machine: Machine, ...args: readonly string[]): Promise<void> {
  const run = await machine.offload(...args);
  expect({ command: args.join(" "), ...run }).toMatchObject({ exitCode: 0 });
}

describe("persist on a machine without the toolstack's units", () => {
  const lab = machineTests({ kind: "plain", units: "absent" });
  let before: Record<string, string[]> = {};

  for (const method of ["systemd", "rc.local"] as const) {
    lab.test(`keeps everything off over a reboot by ${method}`, async ({ machine }) => {
      before = await listNicFeaturesOn(machine);
      expect(before).not.toEqual(ALL_NICS_OFF);
      await done(machine, "disable", "ALL", "--yes");
      await done(machine, "persist", "--method", method);
      await machine.reboot();
      expect(await listNicFeaturesOn(machine)).toEqual(ALL_NICS_OFF);
    });

    lab.test(`lets a reboot turn everything on again after --remove from ${method}`, async ({ machine }) => {
      await done(machine, "persist", "--remove");
      await machine.reboot();
      expect(await listNicFeaturesOn(machine)).toEqual(before);
    });
  }
});

describe("persist on a machine with the toolstack's units", () => {
  const lab = machineTests({ kind: "plain", units: "present" });

  // networkd and XAPI's start of day turn GRO on again, on this machine whatever is recorded.
  lab.test("turns off again what the toolstack turns on at boot", async ({ machine }) => {
    await done(machine, "disable", "ALL", "--yes");
    await done(machine, "persist", "--method", "systemd");
    await machine.reboot();
    expect(await listNicFeaturesOn(machine)).toEqual(ALL_NICS_OFF);
  });

  lab.test("runs after XAPI is ready and before VMs start", async ({ machine }) => {
    const moment = async (unit: string, property: string) => {
      const show = ["systemctl", "show", "--value", `--property=${property}`, unit];
      return Number(await machine.text(show));
    };
    const ready = await moment("xapi-init-complete.target", "ActiveEnterTimestampMonotonic");
    const begin = await moment("offload.service", "InactiveExitTimestampMonotonic");
    const end = await moment("offload.service", "ActiveEnterTimestampMonotonic");
    const starts = await moment("xapi-domains.service", "InactiveExitTimestampMonotonic");
    expect(ready).toBeGreaterThan(0);
    expect(begin).toBeGreaterThanOrEqual(ready);
    expect(end).toBeGreaterThan(0);
    expect(starts).toBeGreaterThanOrEqual(end);
  });
});

describe("persist on a Xen dom0", () => {
  const lab = machineTests({ kind: "xen", units: "absent" });

  lab.test("turns off the offloads of a guest from its start", async (dom0) => {
    await done(dom0.machine, "disable", "ALL", "--yes");
    await done(dom0.machine, "persist", "--method", "systemd");
    const guest = new Guest(dom0, dom0.fixture.vm("web 1"));
    await guest.start();
    const features = await dom0.machine.ethtool(guest.vif);
    expect(listChangeableOn(features)).toEqual([]);
    expect(features.get("generic-receive-offload")).toMatchObject({ active: false });
    expect(features.get("rx-checksumming")).toMatchObject({ active: true, fixed: true });
  });
});
