import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

const PLAYBOOK = resolve(import.meta.dir, "../../examples/ansible/offloads-off.yml");

const INVENTORY = "[hypervisors]\nhere ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n";

/** What Ansible's recap says of the host. */
interface Recap {
  readonly ok: number;
  readonly changed: number;
  readonly failed: number;
  readonly skipped: number;
}

async function start(): Promise<Dom0> {
  const dom0 = await Dom0.start();
  await dom0.text(["sh", "-ec", `ln -s ${OFFLOAD} /usr/local/bin/offload; printf '${INVENTORY}' > /root/inventory`]);
  return dom0;
}

async function play(dom0: Dom0, ...flags: readonly string[]): Promise<Recap> {
  const run = await dom0.run(["ansible-playbook", "-i", "/root/inventory", PLAYBOOK, ...flags], {
    env: { ANSIBLE_LOCALHOST_WARNING: "false", ANSIBLE_NOCOLOR: "1" },
  });
  const [, line = ""] = /^here +: (.*)$/m.exec(run.stdout) ?? [];
  const number = (word: string) => Number(new RegExp(`${word}=(\\d+)`).exec(line)?.[1] ?? "-1");
  const recap = {
    ...{ ok: number("ok"), changed: number("changed") },
    ...{ failed: number("failed"), skipped: number("skipped") },
  };
  if (recap.ok < 0) throw new Error(run.stdout + run.stderr);
  return recap;
}

describe("the Ansible example", () => {
  test("turns everything off, and reports no change in a second run", async () => {
    await using dom0 = await start();
    expect(await play(dom0)).toMatchObject({ changed: 2, failed: 0 });
    expect((await dom0.offload("verify")).exitCode).toBe(0);
    expect(await play(dom0)).toMatchObject({ changed: 0, failed: 0, skipped: 1 });
  }, 60_000);

  test("reports a change when one feature is on again", async () => {
    await using dom0 = await start();
    await play(dom0);
    await dom0.setFeatures("eth1", "gro", "on");
    expect(await play(dom0)).toMatchObject({ changed: 1, failed: 0 });
  }, 60_000);

  test("reports what would change with --check, and changes nothing", async () => {
    await using dom0 = await start();
    const before = await readLiveState(dom0);
    expect(await play(dom0, "--check")).toMatchObject({ changed: 1, failed: 0 });
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  }, 60_000);

  test("fails on a host whose XAPI does not answer", async () => {
    await using dom0 = await start();
    await dom0.killXapi();
    expect(await play(dom0)).toMatchObject({ failed: 1, changed: 0 });
  }, 60_000);
});
