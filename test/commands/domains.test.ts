import { describe, expect, test } from "bun:test";
import { listFeaturesOn } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

const OTHER_VM = "5d1f0f6e-0000-4000-8000-000000000001";
const XENSTORE = "/run/xenstored/socket";

/** A host on which the domain of `web 1` is another VM's by now, which XAPI does not know yet. */
async function startWithReusedDomid() {
  const dom0 = await Dom0.start();
  const { domid } = dom0.fixture.vm("web 1").record;
  return { dom0, domid, device: `vif${domid}.0` };
}

/** The document of a run, and of it the problems that are about domains. */
async function run(dom0: Dom0, ...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await dom0.offload(...args, "--json");
  const problems: { code: string; message: string }[] = JSON.parse(stdout).problems;
  const codes = problems.map(({ code }) => code);
  return { exitCode, stderr, codes, messages: problems.map(({ message }) => message).join("\n") };
}

describe("a domain that is another VM's by now", () => {
  test.each([
    [["disable", "web 1"]],
    [["disable", "ALL", "--yes"]],
    [["disable", "VIFS", "--yes", "--live-only"]],
    [["disable", "web 1", "--live-only"]],
  ])("is not changed by %j", async (args) => {
    await using host = (await startWithReusedDomid()).dom0;
    const { domid } = host.fixture.vm("web 1").record;
    const device = `vif${domid}.0`;
    const before = await listFeaturesOn(host, device);
    await host.domain(domid, OTHER_VM);
    const refused = await run(host, ...args);
    expect(refused.exitCode).toBe(1);
    expect(refused.codes).toContain("domain-mismatch");
    expect(refused.messages).toContain(`domain ${domid} is another VM's by now`);
    expect(await listFeaturesOn(host, device)).toEqual(before);
    await host.domain(domid);
    await host.offload(...args);
    expect(await listFeaturesOn(host, device)).toEqual([]);
  });

  test.each([[["restore", "--yes"]], [["restore", "web 1"]]])("is not changed by %j", async (args) => {
    const { dom0, domid, device } = await startWithReusedDomid();
    await using host = dom0;
    const before = await listFeaturesOn(host, device);
    await host.offload("disable", "web 1");
    await host.domain(domid, null);
    const refused = await run(host, ...args);
    expect(refused.exitCode).toBe(1);
    expect(refused.codes).toContain("domain-mismatch");
    expect(await listFeaturesOn(host, device)).toEqual([]);
    await host.domain(domid);
    expect((await host.offload(...args)).exitCode).toBe(0);
    expect(await listFeaturesOn(host, device)).toEqual(before);
  });

  test("is not changed further by confirm, and nothing is stored of it", async () => {
    const { dom0, domid } = await startWithReusedDomid();
    await using host = dom0;
    const pending = host.spawn([OFFLOAD, "disable", "web 1", "--features", "tx", "--confirm-within", "60"]);
    while (!pending.output.includes("offload confirm")) await Bun.sleep(20);
    await host.domain(domid, OTHER_VM);
    const confirmed = await run(host, "confirm");
    await pending.exited;
    expect(confirmed.exitCode).toBe(1);
    expect(confirmed.codes).toContain("domain-mismatch");
    const { VIF } = await host.simulator.database();
    expect(JSON.stringify(VIF)).not.toContain('"ethtool-tx":"off"');
  });
});

describe("a xenstored that is away", () => {
  test.each([
    ["its socket does not exist", `rm ${XENSTORE}`],
    [
      "connection refused",
      `rm ${XENSTORE}; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("${XENSTORE}")'`,
    ],
  ])("is named once, and only VIFs of running VMs are left out: %s", async (reason, away) => {
    const { dom0, device } = await startWithReusedDomid();
    await using host = dom0;
    const before = await listFeaturesOn(host, device);
    await host.text(["sh", "-c", `mv ${XENSTORE} ${XENSTORE}.away; ${away.replace(`rm ${XENSTORE}`, "true")}`]);
    const disabled = await run(host, "disable", "ALL", "--yes");
    expect(disabled.exitCode).toBe(1);
    expect(disabled.codes.filter((code) => code === "xenstore-unavailable")).toHaveLength(1);
    expect(disabled.messages).toContain(`xenstore cannot be asked whose domain is which: ${reason}`);
    expect(disabled.messages).not.toMatch(/moved|migrat|on the move/);
    expect(await listFeaturesOn(host, device)).toEqual(before);
    expect(await listFeaturesOn(host, "eth1")).toEqual([]);
    const restored = await run(host, "restore", "--yes");
    expect(restored.exitCode).toBe(1);
    expect(restored.messages).toContain(reason);
    expect(restored.messages).not.toMatch(/moved|migrat|on the move/);
    expect((await host.offload("verify", "web 1")).exitCode).toBe(3);
    await host.text(["sh", "-c", `mv ${XENSTORE}.away ${XENSTORE}`]);
    expect((await host.offload("restore", "--yes")).exitCode).toBe(0);
    expect((await host.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await listFeaturesOn(host, device)).toEqual([]);
  });
});
