import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { listCurrentStates, parseMetrics } from "../assertions/prometheus.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

const EXAMPLES = resolve(import.meta.dir, "../../examples/systemd");
const UNITS = readdirSync(EXAMPLES).filter((name) => /\.(?:service|timer)$/.test(name));

/** Writes down how it was called, one argument a line. */
const RECORDER = '#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done >> /root/said\n';

/** The files where the example has them, a recorder in place of xe and logger. */
async function start(): Promise<Dom0> {
  const dom0 = await Dom0.start();
  const script = `
    cp ${EXAMPLES}/*.service ${EXAMPLES}/*.timer /etc/systemd/system/
    mkdir -p /usr/local/sbin /opt/xensource/bin
    cp ${EXAMPLES}/offload-alert ${EXAMPLES}/offload-metrics /usr/local/sbin/
    ln -s ${OFFLOAD} /usr/local/bin/offload
    printf '%s' '${RECORDER}' | tee /opt/xensource/bin/xe > /usr/local/bin/logger
    chmod 755 /opt/xensource/bin/xe /usr/local/bin/logger`;
  await dom0.text(["sh", "-ec", `mkdir -p /etc/systemd/system${script}`]);
  return dom0;
}

/** The command of a unit, as its file has it. */
async function commandOf(unit: string): Promise<string> {
  const text = await Bun.file(join(EXAMPLES, unit)).text();
  return /^ExecStart=(.*)$/m.exec(text)?.[1] ?? "";
}

describe("the systemd example", () => {
  test("passes systemd-analyze verify", async () => {
    await using dom0 = await start();
    for (const unit of UNITS) {
      const run = await dom0.run(["systemd-analyze", "verify", `/etc/systemd/system/${unit}`]);
      expect({ unit, said: run.stdout + run.stderr, exitCode: run.exitCode }).toEqual({
        ...{ unit, said: "", exitCode: 0 },
      });
    }
  });

  test("fails while something is on, and starts the alert then", async () => {
    await using dom0 = await start();
    const text = await Bun.file(join(EXAMPLES, "offload-verify.service")).text();
    expect(text).toContain("OnFailure=offload-alert.service");
    const command = (await commandOf("offload-verify.service")).split(" ");
    expect((await dom0.run(command)).exitCode).toBe(2);
    await dom0.offload("disable", "ALL", "--yes");
    // Off, and gro of VIFs comes back.
    expect((await dom0.run(command)).exitCode).toBe(1);
    await dom0.offload("persist", "ALL", "--yes");
    expect((await dom0.run(command)).exitCode).toBe(0);
  });

  test("reports to the system log and XAPI what is on, and nothing when everything is off by then", async () => {
    await using dom0 = await start();
    const command = (await commandOf("offload-alert.service")).split(" ");
    await dom0.text(command);
    const said = (await dom0.text(["cat", "/root/said"])).split("\n");
    expect(said.filter((line) => line.includes("OFFLOAD CRITICAL: "))).toHaveLength(2);
    expect(said).toContain("message-create");
    expect(said).toContain(`host-uuid=${dom0.fixture.host.record.uuid}`);
    await dom0.offload("persist", "ALL", "--yes");
    await dom0.text(["rm", "/root/said"]);
    await dom0.text(command);
    expect((await dom0.run(["cat", "/root/said"])).exitCode).not.toBe(0);
  });

  test("writes metrics whole, readable by everybody, and keeps the last ones when there are none", async () => {
    await using dom0 = await start();
    const command = (await commandOf("offload-metrics.service")).split(" ");
    const directory = command.at(-1) ?? "";
    await dom0.text(["mkdir", "-p", directory]);
    await dom0.text(command);
    const read = async () => listCurrentStates(parseMetrics(await dom0.text(["cat", `${directory}/offload.prom`])));
    expect(await read()).toEqual(["critical"]);
    await dom0.offload("persist", "ALL", "--yes");
    await dom0.text(command);
    expect(await read()).toEqual(["ok"]);
    await dom0.text(["ln", "-sf", "/bin/false", "/usr/local/bin/offload"]);
    expect((await dom0.run(command)).exitCode).not.toBe(0);
    expect(await read()).toEqual(["ok"]);
    expect(await dom0.text(["stat", "-c", "%a %n", "--", directory, `${directory}/offload.prom`])).toContain("644 ");
    expect(await dom0.text(["ls", "-A", directory])).toBe("offload.prom\n");
  });
});
