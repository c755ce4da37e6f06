import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { VERSION } from "../../src/version.ts";
import { listAllFeaturesOn, readLiveState } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import { buildVersion } from "../dom0/pool/other-version.ts";
import { PLUGIN, Pool } from "../dom0/pool/pool.ts";
import { document, openSessions, recordedOff, statesOf } from "./fixtures.ts";

describe("hosts that fail", () => {
  let other: string;
  beforeAll(async () => {
    other = await buildVersion("0.0.9");
  });
  afterAll(() => rm(dirname(dirname(other)), { recursive: true, force: true }));

  test("have a row with the reason, and the other hosts complete", async () => {
    await using pool = await Pool.start({ hosts: 9, nics: 1, vms: 1 });
    const at = (index: number) => pool.host(index);
    await at(1).text(["rm", PLUGIN]);
    await at(2).text(["ln", "-sf", other, PLUGIN]);
    await pool.offline(at(3));
    await pool.replacePlugin(at(4), "#!/bin/sh\nexec sleep 600\n");
    await pool.replacePlugin(at(5), "#!/bin/sh\necho oops OpaqueRef:1-2 >&2\nkill -9 $$\n");
    await pool.replacePlugin(at(6), "#!/bin/sh\necho '<html>'; seq 100000\n");
    const value =
      "<member><name>Status</name><value>Success</value></member><member><name>Value</name><value>42</value></member>";
    await pool.replacePlugin(
      at(7),
      `#!/bin/sh\necho '<methodResponse><params><param><value><struct>${value}</struct></value></param></params></methodResponse>'\n`,
    );
    await pool.simulator.set(["host", at(8).fixture.host.ref, "enabled", false]);
    const untouched = pool.hosts.slice(1);
    const states = await Promise.all(untouched.map(readLiveState));

    const report = await document(at(0), "disable", "--pool", "--yes", "--timeout", "3");
    expect(report.exitCode).toBe(1);
    expect(statesOf(report)).toEqual({
      "xcp-1": "ok 0",
      "xcp-2": "plugin-missing 3",
      "xcp-3": "version-mismatch 3",
      "xcp-4": "unreachable 3",
      "xcp-5": "unreachable 3",
      "xcp-6": "failed 3",
      "xcp-7": "failed 3",
      "xcp-8": "failed 3",
      "xcp-9": "disabled 3",
    });
    const messages = report.hosts.map((row: { message: string }) => row.message);
    expect(messages[2]).toStartWith(`offload 0.0.9 is installed there, and ${VERSION} here`);
    expect(messages[4]).toStartWith("no answer within 3 seconds");
    expect(messages[5]).toContain("oops");
    expect(messages.join(" ")).not.toContain("OpaqueRef");
    expect(messages[6].length).toBeLessThan(600);
    expect(report.hosts[1].advice).toEqual([`ln -s /usr/local/bin/offload ${PLUGIN}`]);
    expect(await recordedOff(pool, "PIF")).toHaveLength(6);
    expect(await Promise.all(untouched.map(readLiveState))).toEqual(states);
    expect(await listAllFeaturesOn(at(0))).toEqual([]);
    expect(await openSessions(pool)).toBe(0);

    expect((await at(0).offload("persist", "--yes")).exitCode).toBe(0);
    const verified = await at(0).offload("verify", "--pool", "--timeout", "3");
    expect(verified.exitCode).toBe(3);
    expect(verified.stdout).toContain(`    Run there: ln -s /usr/local/bin/offload ${PLUGIN}\n`);
    expect(verified.stdout).toEndWith(
      "1 of 9 hosts ok, 1 plugin-missing, 1 version-mismatch, 2 unreachable, 3 failed, 1 disabled.\n",
    );
    const nagios = await at(0).offload("verify", "--pool", "--timeout", "3", "--nagios");
    expect(nagios.exitCode).toBe(3);
    expect(nagios.stdout).toStartWith("OFFLOAD UNKNOWN: 1 of 9 hosts ok; xcp-2: ");
  });

  test("can restore what they changed before they were killed", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 2, vms: 4 });
    const dying = pool.host(1);
    const state = await readLiveState(dying);
    // Killed by the kernel's own hand at a call in the middle of its writes, as strace can have it.
    const strace = Bun.which("strace") ?? "strace";
    await dying.text(["sh", "-c", `cp ${strace} /root/xapi; cp -P ${PLUGIN} ${PLUGIN}-real`]);
    const inject = "-e trace=ioctl -e inject=ioctl:signal=KILL:when=26";
    await pool.replacePlugin(dying, `#!/bin/sh\nexec /root/xapi -f -qq -o /dev/null ${inject} ${PLUGIN}-real "$@"\n`);
    const report = await document(pool.host(0), "disable", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "ok 0", "xcp-2": "failed 3" });
    expect(await listAllFeaturesOn(dying)).not.toEqual([]);
    expect(await readLiveState(dying)).not.toBe(state);
    expect((await dying.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await readLiveState(dying)).toBe(state);
  });

  test("include the local host without a plugin, where offload works without --pool", async () => {
    await using dom0 = await Dom0.start();
    expect((await document(dom0, "verify", "--pool")).exitCode).toBe(3);
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
  });
});
