import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Dom0 } from "./dom0.ts";

/** The login every version understands; the password of root on the Unix socket is never looked at. */
const LOGIN = JSON.stringify({
  method: "session.login_with_password",
  params: ["root", ""],
  id: 1,
});

function login(dom0: Dom0) {
  const url = "http://localhost/jsonrpc";
  return dom0.run(["curl", "-sS", "--unix-socket", "/var/lib/xcp/xapi", "-d", LOGIN, url]);
}

/** By what the remains of a dom0 could be told: its directory and its network namespace. */
interface Mark {
  readonly directory: string;
  readonly network: string;
}

async function markOf(dom0: Dom0): Promise<Mark> {
  const network = await dom0.text(["readlink", "/proc/self/ns/net"]);
  return { directory: dom0.namespace.directory, network: network.trim() };
}

function remainsOf({ directory, network }: Mark): string[] {
  const inside = readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/net`) === network;
    } catch {
      return false;
    }
  });
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...inside.map((process) => `process ${process}`),
    ...mounts.filter((line) => line.includes(directory)),
    ...(existsSync(directory) ? [directory] : []),
  ];
}

/** The kernel and the shell that tidies up need a moment where nobody waited for them. */
async function expectNothingLeft(marks: readonly Mark[]): Promise<void> {
  for (let wait = 0; wait < 200 && marks.flatMap(remainsOf).length > 0; wait++) await Bun.sleep(20);
  expect(marks.flatMap(remainsOf)).toEqual([]);
}

describe("the default fixture", () => {
  let dom0: Dom0;
  beforeAll(async () => {
    dom0 = await Dom0.start();
  });
  afterAll(() => dom0.stop());

  test("has the devices of a dom0 under their real names, and no peers", async () => {
    expect(await dom0.interfaces()).toEqual(
      [
        ...["eth0", "eth1", "eth2", "eth3", "lo", "xenbr0"],
        ...["vif1.0", "vif1.1", "vif2.0", "vif3.0", "tap3.0", "vif4.0", "vif4.1"],
      ].sort(),
    );
  });

  test("has devices whose features can be changed", async () => {
    for (const device of ["eth1", "vif2.0"]) {
      await dom0.setFeatures(device, "tso", "off");
      const features = await dom0.ethtool(device);
      expect(features.get("tx-tcp-segmentation")).toEqual({
        active: false,
        fixed: false,
        requested: false,
      });
      expect(features.get("generic-receive-offload")?.active).toBe(true);
    }
  });

  test("has a tap without a guest, as that of an emulated NIC", async () => {
    expect((await dom0.ethtool("tap3.0")).get("tx-checksum-ip-generic")).toEqual({
      active: false,
      fixed: false,
      requested: true,
    });
  });

  test("has an inventory with the UUIDs of its records", async () => {
    const inventory = await dom0.text(["cat", "/etc/xensource-inventory"]);
    expect(inventory).toContain(`INSTALLATION_UUID='${dom0.fixture.host.record.uuid}'\n`);
    expect(inventory).toContain("PRODUCT_BRAND='XCP-ng'\n");
    expect(inventory).toContain("MANAGEMENT_INTERFACE='xenbr0'\n");
    expect(await dom0.text(["cat", "/etc/xensource/pool.conf"])).toBe("master");
    expect(await dom0.text(["stat", "-c", "%a", "/var/lib/xcp"])).toBe("700\n");
  });

  test("has a XAPI that root can log in to, with the records of the fixture", async () => {
    expect(JSON.parse((await login(dom0)).stdout)).toMatchObject({ error: null });
    expect(await dom0.simulator.sessions()).toBe(1);
    const { VIF } = await dom0.simulator.database();
    expect(Object.keys(VIF ?? {}).sort()).toEqual(Object.keys(dom0.fixture.database.VIF).sort());
  });

  test("has a /dev of its own: what is done to its nodes is not done to the machine's", async () => {
    const inside = await dom0.text(["stat", "-c", "%d", "/dev", "/dev/shm", "/dev/pts"]);
    const machine = ["/dev", "/dev/shm", "/dev/pts"].map((path) => String(statSync(path).dev));
    // Known before anything is removed.
    for (const device of machine) expect(inside.split("\n")).not.toContain(device);
    const before = readdirSync("/dev");
    const replaced = await dom0.text(["sh", "-c", "rm /dev/null && echo kept > /dev/null && cat /dev/null"]);
    expect(replaced).toBe("kept\n");
    expect(readdirSync("/dev")).toEqual(before);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    await dom0.text(["sh", "-c", "rm /dev/null && mknod -m 666 /dev/null c 1 3"]);
  });

  test("has the nodes that programs open, pseudo terminals among them", async () => {
    const script = "head -c 1 /dev/zero | wc -c; ls /dev/net/tun; (echo > /dev/full) 2> /dev/null || echo full";
    expect(await dom0.text(["bash", "-c", script])).toBe("1\n/dev/net/tun\nfull\n");
    const typescript = await dom0.text(["script", "-qc", "tty; echo seen > /dev/tty", "/dev/null"]);
    expect(typescript).toBe("/dev/pts/0\r\nseen\r\n");
  });

  test("leaves the machine's files unchanged", async () => {
    const secret = `offload-test-${process.pid}`;
    const files = ["/etc", "/var/lib", "/run", "/tmp", "/root", "/opt"].map((at) => `${at}/${secret}`);
    expect((await dom0.run(["touch", ...files])).exitCode).toBe(0);
    expect((await dom0.run(["ls", ...files])).exitCode).toBe(0);
    expect(files.filter((file) => existsSync(file))).toEqual([]);
    expect(existsSync("/etc/xensource-inventory")).toBe(false);
  });

  test("lets devices appear, disappear and be renamed", async () => {
    await dom0.link.add("vif77.0");
    await dom0.link.rename("vif77.0", "vif78.0");
    expect(await dom0.interfaces()).toContain("vif78.0");
    await dom0.link.remove("vif78.0");
    expect(await dom0.interfaces()).not.toContain("vif78.0");
  });

  test("restarts XAPI after a crash", async () => {
    await dom0.killXapi();
    expect((await login(dom0)).exitCode).toBe(7);
    await dom0.startXapi();
    expect((await login(dom0)).exitCode).toBe(0);
  });
});

describe("a command inside", () => {
  let dom0: Dom0;
  beforeAll(async () => {
    dom0 = await Dom0.start({ vms: 1 });
  });
  afterAll(() => dom0.stop());

  test("has streams, a status and a minimal environment", async () => {
    const script = "cat; echo wrong >&2; exit 3";
    expect(await dom0.run(["sh", "-c", script], { stdin: "in" })).toEqual({
      exitCode: 3,
      signal: null,
      stdout: "in",
      stderr: "wrong\n",
    });
    const env = await dom0.run(["env"], { env: { NO_COLOR: "1" } });
    expect(env.stdout.split("\n").filter((line) => !line.startsWith("PATH="))).toEqual([
      "HOME=/root",
      "LANG=C.UTF-8",
      "NO_COLOR=1",
      "",
    ]);
  });

  test("can be interrupted with and without a terminal", async () => {
    const plain = dom0.spawn(["sleep", "60"]);
    await plain.signal("SIGINT");
    expect(await plain.exited).toMatchObject({ exitCode: null, signal: "SIGINT" });
    const script = "trap 'exit 130' INT; echo on; while :; do sleep 0.1; done";
    const terminal = dom0.spawn(["sh", "-c", script], { tty: true });
    await terminal.waitFor("on");
    terminal.write("\u0003");
    expect(await terminal.exited).toMatchObject({ exitCode: 130, signal: null });
  });

  test("can prompt at a terminal and receives the input", async () => {
    const { stdout } = await dom0.run(["bash", "-c", "read -p 'Go on? ' a; echo $a; stty size"], {
      tty: { cols: 100, rows: 30 },
      answers: [{ prompt: "Go on?", input: "yes\n" }],
    });
    expect(stdout).toContain("Go on? yes\r\nyes\r\n30 100\r\n");
  });

  test("is killed when it does not end, and the run fails", async () => {
    const late = dom0.run(["sleep", "60"], { timeoutMs: 100 });
    await expect(late).rejects.toThrow("did not end in 100 ms");
  });

  test("leaves no zombies, because the first process reaps orphans", async () => {
    const script = "(sh -c 'sleep 0.1' &); sleep 0.4; ps -eo stat= | grep -c '^Z'";
    expect((await dom0.run(["sh", "-c", script])).stdout).toBe("0\n");
  });
});

describe("scenarios", () => {
  test("dead and not-dom0 have no socket, and only dead has the inventory", async () => {
    await using dead = await Dom0.start({ scenarios: ["dead"] });
    await using other = await Dom0.start({ scenarios: ["not-dom0"] });
    const paths = ["/etc/xensource-inventory", "/var/lib/xcp/xapi"];
    const present = (dom0: Dom0) =>
      Promise.all(paths.map(async (path) => (await dom0.run(["test", "-e", path])).exitCode === 0));
    expect(await present(dead)).toEqual([true, false]);
    expect(await present(other)).toEqual([false, false]);
    expect(await other.interfaces()).toEqual(["eth0", "eth1", "eth2", "eth3", "lo"]);
    expect(() => dead.simulator).toThrow("no XAPI");
  });

  test("emergency answers logins with an error, starting has no cookie", async () => {
    await using emergency = await Dom0.start({ scenarios: ["emergency"] });
    expect((await login(emergency)).stdout).toContain("HOST_");
    expect(await emergency.text(["cat", "/etc/xensource/pool.conf"])).toBe("slave:192.0.2.12");
    await using starting = await Dom0.start({ scenarios: ["starting"] });
    const cookie = "/run/xapi_init_complete.cookie";
    expect((await starting.run(["test", "-e", cookie])).exitCode).toBe(1);
    expect((await emergency.run(["test", "-e", cookie])).exitCode).toBe(0);
  });

  test("fixed has a NIC that cannot be changed, requested-on a vif with requested-on features", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["fixed", "requested-on", "predictable"] });
    const nic = await dom0.ethtool("eno12439np1");
    expect(nic.get("rx-checksumming")).toMatchObject({ active: true, fixed: true });
    expect(nic.get("tx-scatter-gather")).toMatchObject({ active: true, fixed: true });
    const tso = async () => (await dom0.ethtool("vif1.0")).get("tx-tcp-segmentation");
    expect(await tso()).toEqual({ active: false, fixed: false, requested: true });
    await dom0.link.connect("vif1.0");
    expect(await tso()).toEqual({ active: true, fixed: false, requested: true });
  });

  test("hostile names arrive in XAPI unchanged", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["hostile", "duplicates"] });
    const { VM } = await dom0.simulator.database();
    const labels = (records: object) => Object.values(records).map((vm: { name_label?: unknown }) => vm.name_label);
    expect(labels(VM ?? {})).toEqual(labels(dom0.fixture.database.VM));
    expect(labels(VM ?? {})).toContain("$(touch /tmp/owned)");
  });
});

describe("a dom0 under load", () => {
  test("starts with 500 VIFs in a bounded time", async () => {
    const began = performance.now();
    await using dom0 = await Dom0.start({ vms: 250, vifs: 2 });
    expect(performance.now() - began).toBeLessThan(10_000);
    const vifs = (await dom0.interfaces()).filter((name) => name.startsWith("vif"));
    expect(vifs).toHaveLength(500);
  }, 30_000);

  test("is isolated from nine others, and leaves nothing behind", async () => {
    const dom0s = await Promise.all(Array.from({ length: 10 }, (_, n) => Dom0.start({ vms: n, vifs: 1, seed: n })));
    const found = await Promise.all(
      dom0s.map(async (dom0) => (await dom0.interfaces()).filter((name) => name.startsWith("vif"))),
    );
    expect(found.map((vifs) => vifs.length)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const marks = await Promise.all(dom0s.map(markOf));
    for (const mark of marks) expect(remainsOf(mark)).not.toEqual([]);
    await Promise.all(dom0s.map((dom0) => dom0.stop()));
    await expectNothingLeft(marks);
  }, 30_000);

  test("ends when the test process is killed", async () => {
    const module = JSON.stringify(resolve(import.meta.dir, "dom0.ts"));
    const script = `const { Dom0 } = await import(${module});
      const dom0 = await Dom0.start(); dom0.spawn(["sleep", "1000"]);
      const network = await dom0.text(["readlink", "/proc/self/ns/net"]);
      console.log(dom0.namespace.directory, network.trim(), "started"); await Bun.sleep(60_000);`;
    const harness = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    let line = "";
    for await (const chunk of harness.stdout) {
      line += new TextDecoder().decode(chunk);
      if (line.includes("started")) break;
    }
    const [directory = "", network = ""] = line.split(" ");
    expect(remainsOf({ directory, network })).not.toEqual([]);
    harness.kill("SIGKILL");
    await harness.exited;
    await expectNothingLeft([{ directory, network }]);
  }, 30_000);
});

describe("scripts/dom0", () => {
  const script = resolve(import.meta.dir, "../../scripts/dom0");

  test("runs a command from any directory, and returns its exit code", async () => {
    const argv = [script, "--vms", "1", "--ethtool", "eth0 tso off", "--", "sh", "-c"];
    const run = Bun.spawn([...argv, "ethtool -k eth0; hostname; pwd; exit 5"], { cwd: "/usr" });
    const text = await new Response(run.stdout).text();
    expect(text).toContain("tx-tcp-segmentation: off\n");
    expect(text).toEndWith("xcp-1\n/usr\n");
    expect(await run.exited).toBe(5);
  });

  test("prints its usage, and rejects unknown options", async () => {
    const help = Bun.spawnSync([script, "--help"]);
    expect(help.stdout.toString()).toContain("--scenario");
    expect(help.exitCode).toBe(0);
    const wrong = Bun.spawnSync([script, "--scenario", "nonsense", "true"]);
    expect(wrong.stderr.toString()).toBe("scripts/dom0: no scenario is called nonsense; --help lists them\n");
    expect(wrong.exitCode).toBe(2);
  });
});

test("a dom0 has its directory in the temporary directory, unreadable for others", async () => {
  await using dom0 = await Dom0.start({ vms: 0 });
  expect(dom0.namespace.directory.startsWith(join(tmpdir(), "dom0-"))).toBe(true);
  expect(await dom0.text(["stat", "-c", "%a", "/run/dom0"])).toBe("700\n");
});
