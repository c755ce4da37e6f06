import { describe, expect, test } from "bun:test";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/** What syslog gets, one message a line. */
const SYSLOG = `
use Socket; $| = 1;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($socket, pack_sockaddr_un("/dev/log")) or die $!;
print "ready\\n";
sleep 60 if $ARGV[0] eq "silent";
while (defined recv($socket, my $message, 4096, 0)) { print "$message\\n" }
`;

async function startSyslog(dom0: Dom0, how: "prints" | "silent" = "prints") {
  const syslog = dom0.spawn(["perl", "-e", SYSLOG, how]);
  await syslog.waitFor("ready");
  return syslog;
}

describe("syslog gets one line", () => {
  test("for a change, with who asked, what, and the result", async () => {
    await using dom0 = await Dom0.start();
    const syslog = await startSyslog(dom0);
    const env = { SUDO_USER: "alice", SSH_CONNECTION: "192.0.2.7 50022 192.0.2.1 22" };
    const { exitCode } = await dom0.run([OFFLOAD, "disable", "eth1", "--features", "gro"], { env });
    expect(exitCode).toBe(0);
    await syslog.waitFor(
      /offload\[\d+\]: disable eth1 --features gro by alice \(sudo\), no terminal, from 192\.0\.2\.7: 1 live change, 1 setting, no problems; exit code 0\n/,
    );
    await syslog.signal("SIGTERM");
  });

  test("for persist and restore, and none for what changes nothing", async () => {
    await using dom0 = await Dom0.start();
    const syslog = await startSyslog(dom0);
    await dom0.offload("disable", "ALL", "--dry-run");
    await dom0.offload("verify");
    await dom0.offload("disable", "nosuch");
    await dom0.offload("persist", "ALL", "--yes");
    await dom0.offload("restore", "--yes");
    await syslog.waitFor(/offload\[\d+\]: restore --yes by /);
    await syslog.signal("SIGTERM");
    const { stdout } = await syslog.exited;
    expect(stdout.match(/offload\[\d+\]: \w+/g)?.map((line) => line.split(" ")[1])).toEqual(["persist", "restore"]);
  });
});

test("a change is done and reported where syslog does not answer", async () => {
  await using dom0 = await Dom0.start();
  const syslog = await startSyslog(dom0, "silent");
  // Fills the queue of the socket: the next message waits.
  await dom0.run(["sh", "-c", "for n in $(seq 999); do timeout 1 logger -- $n || break; done"]);
  const { exitCode, stdout } = await dom0.offload("disable", "eth1");
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining("Undo: offload restore eth1") });
  await syslog.signal("SIGKILL");
});
