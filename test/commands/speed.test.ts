import { expect, test } from "bun:test";
import { listWrites } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/** System calls that change something on disk, whatever they are called with. */
const CHANGING = [
  "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat",
  "truncate,ftruncate,chmod,fchmod,fchmodat,chown,fchown,fchownat,setxattr,fsetxattr,utimensat",
  "fsync,fdatasync",
].join(",");

/** The lines that strace gives of these system calls of one run. */
async function traced(dom0: Dom0, calls: string, ...words: readonly string[]): Promise<string[]> {
  const log = "/run/dom0/strace.log";
  const argv = ["strace", "-f", "-qq", "-y", "-o", log, "-e", `trace=${calls}`, OFFLOAD, ...words];
  expect((await dom0.run(argv)).exitCode).toBe(0);
  const lines = (await dom0.text(["cat", log])).split("\n");
  // Of a call that another thread has interrupted in the log, the line with its arguments counts.
  return lines.filter((line) => line !== "" && !/\+\+\+|--- SIG|<\.\.\. /.test(line));
}

test("a run without changes writes nothing, and makes as many kernel calls as verify", async () => {
  await using dom0 = await Dom0.start({ nics: 2, vms: 3, vifs: 2 });
  const again = ["disable", "ALL", "--yes"];
  // The first run has everything to change, and the exact bits of its devices to put on disk.
  expect((await traced(dom0, CHANGING, ...again)).join("\n")).toMatch(/fsync\(.*\n.*rename/s);
  expect((await dom0.offload("persist", "--yes")).exitCode).toBe(0);
  await dom0.simulator.clearCalls();

  expect(await traced(dom0, CHANGING, ...again)).toEqual([]);
  expect(await listWrites(dom0)).toEqual([]);
  const written = await traced(dom0, "write,pwrite64,writev,pwritev2", ...again);
  // What is left: its words, XAPI's socket, and the event loop's own wake-ups.
  const elsewhere = /write(?:64|v|v2)?\((?:[12]<|\d+<(?:socket|UNIX|pipe|anon_inode))/;
  expect(written.filter((line) => !elsewhere.test(line))).toEqual([]);

  // A write to a device would be one more ioctl than the reading of it.
  const ioctls = async (...words: readonly string[]) =>
    (await traced(dom0, "ioctl", ...words)).filter((line) => line.includes("SIOCETHTOOL")).length;
  expect(await ioctls(...again)).toBe(await ioctls("verify"));
});

test("disable reads each device once before and once after its change, and writes it once", async () => {
  const counted = async (vms: number) => {
    await using dom0 = await Dom0.start({ nics: 1, vms, vifs: 1 });
    const lines = await traced(dom0, "ioctl", "disable", "ALL", "--yes", "--live-only");
    const devices = dom0.fixture.devices.filter(({ kind }) => kind !== "bridge").length;
    return { ioctls: lines.filter((line) => line.includes("SIOCETHTOOL")).length, devices };
  };
  const [few, many] = await Promise.all([counted(1), counted(12)]);
  // Besides, the number of the kernel's features is asked for, and their names.
  expect(few.ioctls).toBe(2 + 3 * few.devices);
  expect(many.ioctls).toBe(2 + 3 * many.devices);
});

test("--version loads neither a command nor the XAPI client", async () => {
  await using dom0 = await Dom0.start({ nics: 1, vms: 1 });
  expect(await traced(dom0, "socket,connect,clone,clone3", "--version")).toEqual([]);
  const full = await dom0.run(["sh", "-c", `${OFFLOAD} --version > /dev/full`]);
  expect(full.exitCode).toBe(3);
  expect(full.stderr).toBe("offload: stdout cannot be written to: no space is left on its device\n");
});
