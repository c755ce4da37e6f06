import { describe, expect, test } from "bun:test";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { Pool } from "../dom0/pool/pool.ts";

/*
 * What a person sees, as text to be read and reviewed. After a change that is meant:
 * bun test --update-snapshots test/commands/screens.test.ts
 */

const SIZES = [
  { cols: 80, rows: 24 },
  { cols: 120, rows: 40 },
] as const;

type Size = (typeof SIZES)[number];

/** A command at a terminal, and what it prints there, without colors. */
async function screenOf(dom0: Dom0, size: Size, ...args: readonly string[]): Promise<string> {
  const { stdout } = await dom0.run([OFFLOAD, ...args], { tty: size });
  // What progress has drawn and wiped again is not to be seen.
  const drawn = stdout
    .split("\r\x1b[2K")
    .map((part, index, parts) => (index === parts.length - 1 ? part : wipeLastLine(part)));
  const lines = Bun.stripANSI(drawn.join("")).split(/\r?\n/);
  return [`$ offload ${args.join(" ")}`, ...lines.map((line) => line.trimEnd())].join("\n");
}

function wipeLastLine(text: string): string {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

/** Whether the prompt of the command and all that it prints can be seen at once. */
function expectOneScreen(screen: string, { cols, rows }: Size): void {
  const lines = screen.trimEnd().split("\n");
  const rowCount = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(Bun.stringWidth(line) / cols)), 0);
  // The last row is for the next prompt.
  expect(rowCount).toBeLessThan(rows);
}

/** All that has to fit one screen on a host, or in a pool, of any size, one after the other. */
async function showAll(dom0: Dom0, size: Size, commands: readonly (readonly string[])[]): Promise<void> {
  for (const args of commands) {
    const screen = await screenOf(dom0, size, ...args);
    expect(screen).toMatchSnapshot();
    expectOneScreen(screen, size);
  }
}

describe.each(SIZES)("a screen of $cols x $rows shows", (size) => {
  test.each([5, 200])("a host with %i VMs, untouched, healthy and with one drift", async (vms) => {
    await using dom0 = await Dom0.start({ vms });
    await showAll(dom0, size, [
      ["status"],
      ["verify"],
      ["disable", "ALL", "--yes"],
      ["persist", "--yes"],
      ["disable", "ALL", "--yes"],
      ["verify"],
      ["status"],
      ["disable", "ALL", "--dry-run"],
    ]);
    await dom0.setFeatures("vif4.1", "gro", "on");
    await showAll(dom0, size, [
      ["verify"],
      ["status"],
      ["disable", "vif4.1", "--dry-run"],
      ["disable", "vif4.1", "--features", "gro"],
      ["disable", "eth1", "--features", "sg"],
      ["restore", "--yes"],
    ]);
  });

  test.each([3, 16])("a pool of %i hosts, healthy and with one drift", async (hosts) => {
    const pool = await Pool.start({ hosts });
    try {
      const coordinator = pool.host(0);
      await showAll(coordinator, size, [
        ["disable", "--pool", "--yes"],
        ["persist", "--pool", "--yes"],
        ["verify", "--pool"],
      ]);
      await pool.host(1).setFeatures("eth1", "tso", "on");
      await showAll(coordinator, size, [
        ["verify", "--pool"],
        ["restore", "--pool", "--yes"],
      ]);
    } finally {
      await pool.stop();
    }
  });
});
