import { describe, expect } from "bun:test";
import { listChangeableOn } from "./features.ts";
import type { Machine } from "./machine.ts";
import { machineTests } from "./machine-tests.ts";

let toolstackCount = 0;

/**
 * Starts a unit that plays xapi: the command is its child, once, and a restart kills everything in its cgroup. A name
 * is used once, for systemd remembers a unit that was killed.
 */
async function startToolstack(machine: Machine, command: string): Promise<string> {
  toolstackCount += 1;
  const unit = `plays-xapi-${toolstackCount}.service`;
  const script = `[ -e /run/has-run ] || { touch /run/has-run; ${command} < /dev/null & }; exec sleep infinity`;
  await machine.text(["rm", "-f", "/run/has-run"]);
  await machine.text([
    ...["systemd-run", `--unit=${unit}`, "--property=KillSignal=SIGKILL"],
    ...["/bin/sh", "-c", script],
  ]);
  await waitUntil("nothing was changed", async () => (await listOn(machine)).length === 0);
  return unit;
}

async function waitUntil(failure: string, isReached: () => Promise<boolean>, seconds = 240): Promise<void> {
  const deadlineMs = performance.now() + seconds * 1000;
  while (!(await isReached())) {
    if (performance.now() > deadlineMs) throw new Error(failure);
    await Bun.sleep(1000);
  }
}

async function listOn(machine: Machine): Promise<string[]> {
  return listChangeableOn(await machine.ethtool("eth1"));
}

/** The revert timers that systemd lists. */
async function listTimers(machine: Machine): Promise<string[]> {
  const text = await machine.text(["systemctl", "list-timers", "--all", "--no-pager", "--no-legend"]);
  return [...text.matchAll(/offload-revert-\S+\.timer/g)].map(([name]) => name);
}

function listFailedUnits(machine: Machine): Promise<string> {
  return machine.text(["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "offload-revert-*"]);
}

async function readMainPid(machine: Machine, service: string): Promise<number> {
  const text = await machine.text(["systemctl", "show", "--property=MainPID", service]);
  return Number(text.trim().replace("MainPID=", ""));
}

describe("the revert timer on a machine with systemd", () => {
  const lab = machineTests({ kind: "plain", units: "present" });

  lab.test("survives a restart of the toolstack, a SIGKILL and a clock set back, and reverts", async ({ machine }) => {
    const before = await listOn(machine);
    expect(before).not.toEqual([]);
    const toolstack = await startToolstack(machine, "offload disable eth1 --confirm-within 150");
    const [timer = "", ...others] = await listTimers(machine);
    expect({ timer, others }).toEqual({ timer: expect.stringMatching(/^offload-revert-/), others: [] });
    const service = timer.replace(/\.timer$/, ".service");
    const first = await readMainPid(machine, service);
    expect(await machine.text(["cat", `/proc/${first}/cgroup`])).toContain(service);

    await machine.text(["systemctl", "restart", toolstack]);
    await machine.text(["date", "--set", "-1 hour"]);
    expect(await readMainPid(machine, service)).toBe(first);
    expect((await machine.run(["pgrep", "-f", "offload disable"])).stdout).toBe("");

    await machine.text(["kill", "-KILL", String(first)]);
    await waitUntil("the process was not started again", async () => {
      const pid = await readMainPid(machine, service);
      return pid !== 0 && pid !== first;
    });
    expect(await listOn(machine)).toEqual([]);
    expect(await listTimers(machine)).toEqual([timer]);

    await waitUntil("it was not reverted", async () => (await listOn(machine)).length > 0);
    expect(await listOn(machine)).toEqual(before);
    await waitUntil("the timer is still there", async () => (await listTimers(machine)).length === 0);
    expect(await listFailedUnits(machine)).toBe("");
    await machine.text(["systemctl", "stop", toolstack]);
  });

  lab.test("is gone once the change is confirmed", async ({ machine }) => {
    const toolstack = await startToolstack(machine, "offload disable eth1 --confirm-within 600");
    const [timer = ""] = await listTimers(machine);
    const confirmed = await machine.offload("confirm");
    expect(confirmed.exitCode).toBe(0);
    expect(await listTimers(machine)).toEqual([]);
    const service = timer.replace(/\.timer$/, ".service");
    await waitUntil("the process is still there", async () => (await readMainPid(machine, service)) === 0);
    expect(await listOn(machine)).toEqual([]);
    await machine.text(["systemctl", "stop", toolstack]);
  });

  lab.test("reverts when systemd stops its service", async ({ machine }) => {
    expect((await machine.offload("restore", "--yes")).exitCode).toBe(0);
    const before = await listOn(machine);
    const toolstack = await startToolstack(machine, "offload disable eth1 --confirm-within 600");
    const [timer = ""] = await listTimers(machine);
    await machine.text(["systemctl", "stop", timer.replace(/\.timer$/, ".service")]);
    await waitUntil("it was not reverted", async () => (await listOn(machine)).length > 0);
    expect(await listOn(machine)).toEqual(before);
    expect(await listTimers(machine)).toEqual([]);
    await machine.text(["systemctl", "stop", toolstack]);
  });
});
