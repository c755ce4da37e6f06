/** What the executable of a release needs of the machine, and what it does with less. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as v from "valibot";
import { listAllFeaturesOn } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import { EXECUTABLE, output, RELEASE, VERSION, Workshop } from "./release.ts";

const workshop = new Workshop();
const ENOSYS = workshop.path("enosys");

beforeAll(() => {
  const source = join(import.meta.dir, "enosys.c");
  output(["gcc", "-O2", "-Wall", "-Werror", "-static", "-o", ENOSYS, source]);
});

afterAll(() => workshop.remove());

test("the executable needs at most glibc 2.17, and only the libraries of libc", () => {
  const symbols = output(["objdump", "-T", EXECUTABLE]);
  const versions = [...symbols.matchAll(/\((\w+)_([\d.]+)\)/g)];
  const newest = Math.max(...versions.map(([, , version = ""]) => Number(version.split(".")[1])));
  expect(newest).toBeLessThanOrEqual(17);
  expect([...new Set(versions.map(([, family]) => family))]).toEqual(["GLIBC"]);
  const needed = [...output(["readelf", "-d", EXECUTABLE]).matchAll(/NEEDED.*\[(.*)\]/g)];
  expect(needed.map(([, name]) => name).sort()).toEqual([
    ...["ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"],
  ]);
});

test("disable works when every system call newer than Linux 4.4 returns ENOSYS", async () => {
  await using dom0 = await Dom0.start();
  const run = await dom0.run([ENOSYS, EXECUTABLE, "disable", "ALL", "--yes"]);
  expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(await listAllFeaturesOn(dom0)).toEqual([]);
  expect((await dom0.run([ENOSYS, EXECUTABLE, "persist", "--yes"])).exitCode).toBe(0);
  expect((await dom0.run([ENOSYS, EXECUTABLE, "verify"])).exitCode).toBe(0);
});

/**
 * Processors that QEMU emulates, without hardware or a kernel of its own. It passes SIOCETHTOOL on to
 * nobody: the main job on such a processor is what scripts/boot-test cpu tests, on a whole machine.
 */
describe("the executable on an emulated CPU", async () => {
  const Manifest = v.object({ needs: v.object({ cpu: v.array(v.string()) }) });
  const told = v.parse(Manifest, await Bun.file(join(RELEASE, "manifest.json")).json());
  /** What install.sh asks for, in QEMU's words. */
  const needed = told.needs.cpu.map((flag) => flag.replace("_", "."));
  const emulated = (cpu: string, ...words: string[]) =>
    [...["qemu-x86_64-static", "-cpu", cpu], EXECUTABLE, ...words] as const;

  test("runs with only the flags that install.sh requires", async () => {
    expect(needed.length).toBeGreaterThan(0);
    const cpu = ["qemu64", ...needed.map((flag) => `+${flag}`)].join(",");
    await using dom0 = await Dom0.start();
    const version = await dom0.run(emulated(cpu, "--version"), { timeoutMs: 60_000 });
    expect(version.stdout).toBe(`${VERSION}\n`);
    const status = await dom0.run(emulated(cpu, "status", "--json"), { timeoutMs: 120_000 });
    expect(JSON.parse(status.stdout)).toMatchObject({ problems: [{ code: "no-ethtool" }] });
    const removal = await dom0.run(emulated(cpu, "persist", "--remove"), { timeoutMs: 120_000 });
    expect(removal.exitCode).toBe(0);
  }, 200_000);

  test.each(needed)("does not run without %s, which install.sh therefore requires", (flag) => {
    const run = Bun.spawnSync(emulated(`Nehalem,-${flag}`, "--version").slice());
    expect(run.exitCode).not.toBe(0);
    expect(run.stderr.toString()).toMatch(/Illegal instruction|CPU is missing SSE4.2/);
  });

  test("runs on a Nehalem, but not on a Core 2 Duo", () => {
    expect(Bun.spawnSync(emulated("core2duo", "--version").slice()).exitCode).not.toBe(0);
    expect(output(emulated("Nehalem", "--version").slice())).toBe(`${VERSION}\n`);
  });
});
