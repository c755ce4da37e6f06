import { expect } from "bun:test";
import Ajv from "ajv";
import schema from "../../schema/report.schema.json" with { type: "json" };
import { type Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { PLUGIN, type Pool } from "../dom0/pool/pool.ts";
import type { Running } from "../dom0/running.ts";
import type { Vm } from "../dom0/world/database.ts";

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema);

/** The document of a run, which the published schema takes and which says how the run ended. */
export async function document(host: Dom0, ...args: readonly string[]) {
  const run = await host.offload(...args, "--json");
  const parsed = JSON.parse(run.stdout);
  expect({ args, valid: validate(parsed), errors: validate.errors }).toMatchObject({
    errors: null,
  });
  expect(parsed.exitCode).toBe(run.exitCode);
  return parsed;
}

/** State and exit code of each host, by its name. */
export function statesOf(report: { hosts: { name: string; state: string; exitCode: number }[] }) {
  return Object.fromEntries(
    report.hosts.map(({ name, state, exitCode }) => [name, `${state} ${exitCode}`]),
  );
}

/** The records of a class that keep an offload off, as `uuid key`. */
export async function recordedOff(pool: Pool, className: "PIF" | "VIF"): Promise<string[]> {
  const { [className]: records = {} } = await pool.simulator.database();
  return Object.values(records).flatMap(({ uuid, other_config: config }) =>
    config !== null && typeof config === "object"
      ? Object.entries(config).flatMap(([key, value]) =>
          value === "off" ? [`${uuid} ${key}`] : [],
        )
      : [],
  );
}

/** A VM that runs on a host. */
export function running(host: Dom0, at = 0): Vm {
  const vm = host.world.vms.filter(
    ({ record }) => record.resident_on === host.world.host.ref && !record.is_control_domain,
  )[at];
  if (vm === undefined) throw new Error("no VM runs there");
  return vm;
}

/** Moves a VM to another host as a migration does at its end: records, devices, domains. */
export async function migrate(
  pool: Pool,
  vm: Vm,
  from: Dom0,
  to: Dom0,
  domid: number,
): Promise<void> {
  await from.link.remove(`vif${vm.record.domid}.0`);
  await to.link.add(`vif${domid}.0`);
  await pool.simulator.set(
    ["VM", vm.ref, "resident_on", to.world.host.ref],
    ["VM", vm.ref, "domid", domid],
  );
}

/** What xenopsd makes of the records when it plugs a VIF. */
export const AS_RECORDED = ["tx", "off", "sg", "off", "tso", "off", "gso", "off"];

/** Holds that these hosts have noted nothing. */
export async function noJournal(...hosts: readonly Dom0[]) {
  for (const host of hosts) {
    expect(await host.text(["ls", "/var/lib/offload"])).not.toContain("journal");
  }
}

/** Has somebody else hold the lock of a host for so many seconds. */
export async function holdLock(host: Dom0, seconds: number): Promise<Running> {
  const script = `mkdir -p -m 700 /var/lib/offload; exec 9>>/var/lib/offload/lock; flock 9; echo held; exec sleep ${seconds}`;
  const busy = host.spawn(["sh", "-c", script]);
  await busy.waitFor("held");
  return busy;
}

/** Has a host's plugin come to a halt before it carries out a function, for `meanwhile` to happen. */
export async function gate(pool: Pool, host: Dom0, name: string) {
  const wait = "touch /root/reached; while [ ! -e /root/go ]; do sleep 0.02; done";
  await pool.replacePlugin(
    host,
    `#!/bin/bash\ncase "$1" in *'<methodName>${name}<'*) ${wait} ;; esac\nexec -a ${PLUGIN} ${OFFLOAD} "$@"\n`,
  );
  return {
    reached: () => host.text(["sh", "-c", "while [ ! -e /root/reached ]; do sleep 0.02; done"]),
    open: () => host.text(["touch", "/root/go"]),
  };
}

/** Has a host's plugin break at the n-th call of a function. */
export async function breakAt(pool: Pool, host: Dom0, name: string, call: number) {
  const count = `echo >> /root/calls; [ "$(wc -l < /root/calls)" -ne ${call} ] || kill -9 $$`;
  await pool.replacePlugin(
    host,
    `#!/bin/bash\ncase "$1" in *'<methodName>${name}<'*) ${count} ;; esac\nexec -a ${PLUGIN} ${OFFLOAD} "$@"\n`,
  );
}
