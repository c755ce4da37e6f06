import { describe, expect, test } from "bun:test";
import { type Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { PLUGIN, Pool } from "../dom0/pool/pool.ts";
import { stillOn } from "./truth.ts";

/**
 * As long as a host with many NICs takes that reset when they are changed, in seconds: so long that what
 * sixteen processes on the few cores of a test take beside it does not count.
 */
const RESETS = 20;

/** A plugin that takes so much longer to turn off: by the same path and from the same parent as the real one. */
function slowly(seconds: number): string {
  return `#!/bin/bash\ncase "$1" in *'<methodName>disable<'*) sleep ${seconds} ;; esac\nexec -a ${PLUGIN} ${OFFLOAD} "$@"\n`;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function disable(host: Dom0): Promise<void> {
  const run = await host.offload("disable", "--pool", "--yes");
  expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
}

describe("a pool of 16 hosts with 50 VMs each", () => {
  test("takes two calls a host and one a changed key, and hardly longer than its slowest host", async () => {
    await using pool = await Pool.start({ hosts: 16, nics: 2, vms: 50 });
    const home = pool.host(0);
    await Promise.all(pool.hosts.map((host) => pool.replacePlugin(host, slowly(RESETS))));
    // What xapi takes for a write, one after the other, and for a record that is read.
    await pool.simulator.cost({ callMs: 0.4, recordMs: 0.15 });
    await pool.simulator.clearCalls();
    // The hosts are at work side by side; their records go through one coordinator, a call a key.
    const taken = await seconds(() => disable(home));
    expect(taken).toBeLessThan(1.5 * RESETS);

    const calls = await pool.simulator.calls();
    const count = (method: RegExp) => calls.filter((call) => method.test(call.method)).length;
    // To turn off, and to see that what was recorded is still noted.
    expect(count(/^host\.call_plugin$/)).toBe(2 * 16);
    // Six keys of each NIC and of each VIF, that of the halted VM too; none had a value before.
    const keys = 16 * (2 + 50) * 6 + 6;
    expect(count(/add_to_other_config$/)).toBe(keys);
    // One event for each running VM whose VIFs have new records.
    expect(count(/^event\.inject$/)).toBe(16 * 50);
    // Inventory before and after, the hosts, login and logout.
    expect(calls.length - 2 * 16 - keys - 16 * 50).toBe(4 + 4 + 1 + 2);

    for (const host of pool.hosts) {
      const devices = host.world.devices.filter(({ kind }) => kind !== "bridge");
      const [first, last] = [devices.at(0), devices.at(-1)];
      if (first === undefined || last === undefined) throw new Error("a host without devices");
      expect([...(await stillOn(host, first.name)), ...(await stillOn(host, last.name))]).toEqual(
        [],
      );
    }
    console.log(`16 hosts that take ${RESETS} s each, with ${keys} records: ${taken.toFixed(1)} s`);
  }, 300_000);
});
