/** The network that the executable of a release uses: none. */
import { expect, test } from "bun:test";
import { Dom0 } from "../dom0/dom0.ts";
import { EXECUTABLE } from "./release.ts";

const TRACED = "trace=%network,execve,io_uring_setup";

/** The system calls about sockets that the executable made, without those of programs that it started. */
async function networkCalls(dom0: Dom0): Promise<string[]> {
  const lines = (await dom0.text(["cat", "/tmp/trace"])).split("\n");
  const others = new Set(
    lines
      .filter((line) => line.includes("execve(") && !line.includes(`execve("${EXECUTABLE}"`))
      .map((line) => line.split(" ")[0]),
  );
  return lines.filter((line) => line !== "" && !others.has(line.split(" ")[0]));
}

const LOCAL_SOCKET = /sun_path="(?:\/var\/lib\/xcp\/xapi|\/var\/run\/xenstored\/socket)"/;

/** One socket for ioctl, which is never connected, and connections to XAPI and xenstored; nothing else. */
function expectNoNetwork(calls: readonly string[]): void {
  const of = (pattern: RegExp) => calls.filter((line) => pattern.test(line));
  for (const line of of(/\bsocket\(/)) expect(line).toMatch(/AF_UNIX|AF_INET, SOCK_DGRAM/);
  for (const line of of(/\bconnect\(/)) expect(line).toMatch(LOCAL_SOCKET);
  expect(of(/sin6?_addr/)).toEqual([]);
  expect(of(/\b(?:bind|listen|accept4?|io_uring_setup)\(/)).toEqual([]);
}

test("every command works offline, and opens no socket but XAPI's, xenstored's and the one for ioctl", async () => {
  await using dom0 = await Dom0.start();
  expect(await dom0.text(["ip", "route"])).not.toContain("default");
  expect(await dom0.text(["ip", "-6", "route"])).not.toContain("default");
  const expected = [
    [0, "--version"],
    [0, "--help"],
    [0, "completions", "bash"],
    [1, "doctor"],
    [0, "status"],
    [1, "verify"],
    [0, "disable", "ALL", "--yes"],
    [0, "persist"],
    [0, "verify"],
    [0, "persist", "--remove"],
    [0, "restore", "--yes"],
    [2, "disable", "nothing of that name"],
  ] as const;
  for (const [exitCode, ...words] of expected) {
    const trace = ["strace", "-f", "-qq", "-e", TRACED, "-o", "/tmp/trace"];
    const run = await dom0.run([...trace, EXECUTABLE, ...words]);
    expect({ words, ...run }).toMatchObject({ words, exitCode });
    const calls = await networkCalls(dom0);
    expect(calls.length).toBeGreaterThan(0);
    expectNoNetwork(calls);
    if (words[0].startsWith("--") || words[0] === "completions")
      expect(calls.filter((line) => /socket\(/.test(line))).toEqual([]);
  }
}, 120_000);

test("a crash of the runtime is reported only on stderr, unless a variable asks for more", async () => {
  await using dom0 = await Dom0.start();
  for (const variable of [undefined, "BUN_ENABLE_CRASH_REPORTING=1", "BUN_CRASH_REPORT_URL=http://127.0.0.1:1/"]) {
    const env = ["env", ...(variable === undefined ? [] : [variable])];
    const trace = ["strace", "-f", "-qq", "-e", "trace=%network,execve", "-o", "/tmp/trace"];
    const asking = dom0.spawn([...trace, ...env, EXECUTABLE, "disable", "ALL"], { tty: true });
    await asking.waitFor(/\?/);
    const executed = (await dom0.text(["cat", "/tmp/trace"])).split("\n");
    const pid = executed.find((line) => line.includes(`execve("${EXECUTABLE}"`))?.split(" ")[0];
    await dom0.text(["kill", "-SEGV", String(pid)]);
    expect((await asking.exited).stdout).toContain("Segmentation fault");
    const lines = (await dom0.text(["cat", "/tmp/trace"])).split("\n");
    const sent = lines.some((line) => /execve\(".*curl"/.test(line));
    expect({ variable, sent }).toEqual({ variable, sent: variable !== undefined });
    if (variable === undefined) expectNoNetwork(await networkCalls(dom0));
  }
}, 60_000);
