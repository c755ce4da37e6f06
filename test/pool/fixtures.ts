import { expect } from "bun:test";
import Ajv from "ajv";
import * as v from "valibot";
import schema from "../../schema/report.schema.json" with { type: "json" };
import { type Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Vm } from "../dom0/fixture/database.ts";
import { PLUGIN, type Pool } from "../dom0/pool/pool.ts";
import type { Running } from "../dom0/running.ts";

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
  return Object.fromEntries(report.hosts.map(({ name, state, exitCode }) => [name, `${state} ${exitCode}`]));
}

/** The records of a class that keep an offload off, as `uuid key`. */
export async function recordedOff(pool: Pool, className: "PIF" | "VIF"): Promise<string[]> {
  const { [className]: records = {} } = await pool.simulator.database();
  return Object.values(records).flatMap(({ uuid, other_config: config }) =>
    config !== null && typeof config === "object"
      ? Object.entries(config).flatMap(([key, value]) => (value === "off" ? [`${uuid} ${key}`] : []))
      : [],
  );
}

/** A VM that runs on a host. */
export function running(host: Dom0, at = 0): Vm {
  const vm = host.fixture.vms.filter(
    ({ record }) => record.resident_on === host.fixture.host.ref && !record.is_control_domain,
  )[at];
  if (vm === undefined) throw new Error("no VM runs there");
  return vm;
}

/** Moves a VM to another host as a migration does at its end: records, devices, domains. */
export async function migrate(pool: Pool, vm: Vm, from: Dom0, to: Dom0, domid: number): Promise<void> {
  await from.link.remove(`vif${vm.record.domid}.0`);
  await to.link.add(`vif${domid}.0`);
  await place(pool, vm, to, domid);
}

type Field = [className: string, ref: string, field: string, value: unknown];

/** Makes XAPI say that a VM runs on a host. */
export async function place(pool: Pool, vm: Vm, to: Dom0, domid: number): Promise<void> {
  const { ref: target } = to.fixture.host;
  const { host: hosts = {} } = await pool.simulator.database();
  await pool.simulator.set(
    ["VM", vm.ref, "power_state", "Running"],
    ["VM", vm.ref, "resident_on", target],
    ["VM", vm.ref, "domid", domid],
    ...vm.vifs.map(({ ref }): Field => ["VIF", ref, "currently_attached", true]),
    ...Object.entries(hosts).map(([ref, record]): Field => {
      const vms = v.parse(v.array(v.string()), record["resident_VMs"]);
      const others = vms.filter((one) => one !== vm.ref);
      return ["host", ref, "resident_VMs", ref === target ? [...others, vm.ref] : others];
    }),
  );
}

/** Has someone else hold the lock of a host for so many seconds. */
export async function holdLock(host: Dom0, seconds: number): Promise<Running> {
  const script = `mkdir -p -m 700 /var/lib/offload; exec 9< /var/lib/offload; flock 9; echo held; exec sleep ${seconds}`;
  const busy = host.spawn(["sh", "-c", script]);
  await busy.waitFor("held");
  return busy;
}

/** Has a host's plugin come to a halt before it runs, for `meanwhile` to happen. */
export async function gate(pool: Pool, host: Dom0) {
  const wait = "touch /root/reached; while [ ! -e /root/go ]; do sleep 0.02; done";
  await pool.replacePlugin(host, `#!/bin/bash\n${wait}\nexec -a ${PLUGIN} ${OFFLOAD} "$@"\n`);
  return {
    reached: () => host.text(["sh", "-c", "while [ ! -e /root/reached ]; do sleep 0.02; done"]),
    open: () => host.text(["touch", "/root/go"]),
  };
}

/** How many sessions of offload's are open; XAPI has one more of its own for a plugin that runs. */
export async function openSessions(pool: Pool): Promise<number> {
  const calls = await pool.simulator.calls();
  const count = (wanted: string) => calls.filter(({ method, ok }) => ok && method === wanted).length;
  return count("session.login_with_password") - count("session.logout");
}

/** What was asked of the hosts, in order: the host's name and the command with its arguments. */
export async function commandsOf(pool: Pool): Promise<string[]> {
  const names = new Map(pool.hosts.map(({ fixture: { host } }) => [host.ref, host.record.name_label]));
  return (await pool.simulator.calls()).flatMap(({ method, params }) => {
    if (method !== "host.call_plugin") return [];
    const { request } = v.parse(v.object({ request: v.string() }), params[4]);
    const { command, args } = v.parse(Asked, JSON.parse(request));
    return [[names.get(String(params[1])), command, ...args].join(" ")];
  });
}

const Asked = v.object({ command: v.string(), args: v.array(v.string()) });

/** How many changes each host reports. */
export function changesOf(report: { hosts: { report: { changes: unknown[] } }[] }): number[] {
  return report.hosts.map((row) => row.report.changes.length);
}

/** What the fake plugin answers: the exit code, and codes of problems. */
export interface FakeAnswer {
  readonly exitCode: number;
  readonly problems?: readonly string[];
}

/** Puts a plugin in place that answers each call in turn, and the last answer from then on. */
export async function answerWith(pool: Pool, host: Dom0, answers: readonly FakeAnswer[]) {
  const { uuid, name_label: name } = host.fixture.host.record;
  const cases = answers.map(({ exitCode, problems = [] }, at) => {
    const report = {
      ...{ version: 1, command: "disable", host: { uuid, name }, exitCode, dryRun: false },
      ...{ devices: [], changes: [], notes: [], boot: null, pending: null, advice: [], commands: [], undo: null },
      problems: problems.map((code) => ({ code, message: code })),
    };
    const value = JSON.stringify({ report, text: null });
    const members = `<member><name>Status</name><value>Success</value></member><member><name>Value</name><value>${value}</value></member>`;
    const last = at === answers.length - 1 ? "*" : String(at + 1);
    return `${last}) echo '<methodResponse><params><param><value><struct>${members}</struct></value></param></params></methodResponse>' ;;`;
  });
  const count = `echo >> /root/calls; case "$(wc -l < /root/calls)" in ${cases.join("\n")} esac`;
  await pool.replacePlugin(host, `#!/bin/bash\n${count}\n`);
}
