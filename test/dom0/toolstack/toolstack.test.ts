import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Dom0 } from "../dom0.ts";
import { isObject } from "../simulator/json.ts";
import { rpc } from "../simulator/raw-client.ts";

const OFF = ["rx", "tx", "sg", "tso", "gso"] as const;
const ALL_OFF = Object.fromEntries(OFF.map((name) => [`ethtool-${name}`, "off"]));

let dom0: Dom0;
let socket: string;
let session: string;

beforeAll(async () => {
  dom0 = await Dom0.start({ vms: 0 });
  socket = `/proc/${await outerPid(dom0)}/root/var/lib/xcp/xapi`;
  const reply = await rpc(socket, "session.login_with_password", "root", "", "1.0", "test");
  session = isObject(reply) ? String(reply["result"]) : "";
});
afterAll(() => dom0.stop());
afterEach(async () => {
  for (const { ref } of dom0.fixture.pifs) {
    await dom0.simulator.set(["PIF", ref, "other_config", {}]);
  }
  for (const device of ["eth0", "eth1", "eth2", "eth3"]) {
    await dom0.setFeatures(device, ...OFF.flatMap((name) => [name, "on"]), "gro", "on");
  }
  await dom0.toolstack.restart();
  await dom0.toolstack.networkdCommands();
});

/** A process of the dom0, as this machine counts them, through which its files can be reached. */
async function outerPid(of: Dom0): Promise<string> {
  const argv = of.namespace.command([], { env: {}, cwd: "/", place: "pipes" });
  return argv[argv.indexOf("--target") + 1] ?? "";
}

const plug = (device: string) => rpc(socket, "PIF.plug", session, dom0.fixture.pif(device).ref);
const setConfig = (device: string, config: Record<string, string>) =>
  dom0.simulator.set(["PIF", dom0.fixture.pif(device).ref, "other_config", config]);
const isOn = async (device: string, feature: string) => (await dom0.ethtool(device)).get(feature)?.active;
const VOID = { jsonrpc: "2.0", result: "", id: 1 };
const SAID = "rx off tx off sg off tso off gso off gro on lro off";

async function remembered(device: string): Promise<unknown> {
  const document = JSON.parse(await dom0.text(["cat", "/var/lib/xcp/networkd.db"]));
  return document.interface_config[device].ethtool_offload;
}

describe("PIF.plug", () => {
  test("applies a NIC's settings with one ethtool, then configures its bridge", async () => {
    await setConfig("eth0", ALL_OFF);
    expect(await plug("eth0")).toEqual(VOID);
    expect(await dom0.toolstack.networkdCommands()).toEqual([
      `/sbin/ethtool -K eth0 ${SAID}`,
      "/sbin/ethtool -K xenbr0 gro on lro off",
    ]);
    expect(await isOn("eth0", "tx-checksum-ip-generic")).toBe(false);
    expect(await isOn("eth0", "generic-receive-offload")).toBe(true);
  });

  test("turns GRO on when it was turned off live only", async () => {
    await dom0.setFeatures("eth1", "gro", "off", "tso", "off");
    await plug("eth1");
    expect(await isOn("eth1", "generic-receive-offload")).toBe(true);
    expect(await isOn("eth1", "tx-tcp-segmentation")).toBe(false);
  });

  test("applies to a bond the slaves' own settings, and refuses a slave", async () => {
    await setConfig("eth2", { "ethtool-tso": "off" });
    expect(await plug("eth2")).toMatchObject({
      error: { message: "CANNOT_PLUG_BOND_SLAVE", data: [dom0.fixture.pif("eth2").ref] },
    });
    expect(await plug("bond0")).toEqual(VOID);
    expect(await dom0.toolstack.networkdCommands()).toEqual([
      "/sbin/ethtool -K eth2 tso off gro on lro off",
      "/sbin/ethtool -K eth3 gro on lro off",
    ]);
  });

  test("applies to a VLAN the settings of the NIC under it", async () => {
    await setConfig("eth0", { "ethtool-tx": "off" });
    const vlan = dom0.fixture.pifs.find(({ record }) => record.VLAN === 100);
    expect(await rpc(socket, "PIF.plug", session, vlan?.ref)).toEqual(VOID);
    const commands = await dom0.toolstack.networkdCommands();
    expect(commands).toContain("/sbin/ethtool -K eth0 tx off gro on lro off");
  });

  test("attaches a PIF that is not attached", async () => {
    const { ref } = dom0.fixture.pif("eth1");
    await dom0.simulator.set(["PIF", ref, "currently_attached", false]);
    await plug("eth1");
    const { PIF } = await dom0.simulator.database();
    expect(PIF?.[ref]?.["currently_attached"]).toBe(true);
  });

  test("removes an address that is not in the record", async () => {
    await dom0.text(["ip", "address", "add", "192.0.2.99/24", "dev", "xenbr0"]);
    await plug("eth0");
    const addresses = async () => dom0.text(["ip", "-4", "-o", "address", "show", "xenbr0"]);
    expect(await addresses()).toContain("192.0.2.11/24");
    await dom0.simulator.set(["PIF", dom0.fixture.pif("eth0").ref, "ip_configuration_mode", "None"]);
    await plug("eth0");
    expect(await addresses()).toBe("");
    await dom0.simulator.set(["PIF", dom0.fixture.pif("eth0").ref, "ip_configuration_mode", "Static"]);
  });

  test("fails from the second time on when the NIC can apply none of its settings", async () => {
    await using fixed = await Dom0.start({ nics: 2, vms: 0, scenarios: ["fixed"] });
    const path = `/proc/${await outerPid(fixed)}/root/var/lib/xcp/xapi`;
    const reply = await rpc(path, "session.login_with_password", "root", "", "1.0", "test");
    const own = isObject(reply) ? String(reply["result"]) : "";
    const { ref } = fixed.fixture.pif("eth1");
    await fixed.simulator.set(["PIF", ref, "other_config", { "ethtool-rx": "off", "ethtool-gro": "off" }]);
    expect(await rpc(path, "PIF.plug", own, ref)).toEqual(VOID);
    expect(await rpc(path, "PIF.plug", own, ref)).toMatchObject({
      error: {
        message: "PIF_CONFIGURATION_ERROR",
        data: [
          ref,
          "script error [script = /sbin/ethtool, args = -K eth1 rx off gro off lro off, code = " +
            "Exit code 1, stdout = , stderr = Could not change any device features\n]",
        ],
      },
    });
  });
});

test("PIF.set_property applies at once", async () => {
  const set = (...params: string[]) => rpc(socket, "PIF.set_property", session, ...params);
  const { ref } = dom0.fixture.pif("eth1");
  expect(await set(ref, "gro", "off")).toEqual(VOID);
  expect(await isOn("eth1", "generic-receive-offload")).toBe(false);
  expect(await set(ref, "gro", "on")).toEqual(VOID);
  expect(await isOn("eth1", "generic-receive-offload")).toBe(true);
});

describe("networkd", () => {
  test("has at the start what the last plug wrote", async () => {
    expect(await remembered("eth1")).toEqual({ gro: "on", lro: "off" });
  });

  test("writes its file on request and when it ends, but not at a plug", async () => {
    await setConfig("eth1", ALL_OFF);
    await plug("eth1");
    expect(await remembered("eth1")).toEqual({ gro: "on", lro: "off" });
    await dom0.toolstack.syncNetworkd();
    expect(await remembered("eth1")).toMatchObject({ tx: "off", gro: "on" });
  });

  test("turns features off at a restart when settings were removed without a plug", async () => {
    await setConfig("eth1", ALL_OFF);
    await plug("eth1");
    await setConfig("eth1", {});
    await dom0.setFeatures("eth1", ...OFF.flatMap((name) => [name, "on"]));
    await dom0.toolstack.restart();
    expect(await isOn("eth1", "tx-checksum-ip-generic")).toBe(false);
    const commands = await dom0.toolstack.networkdCommands();
    expect(commands.filter((line) => line.includes("eth1"))).toEqual([
      `/sbin/ethtool -K eth1 ${SAID}`,
      `/sbin/ethtool -K eth1 ${SAID}`,
      "/sbin/ethtool -K eth1 gro on lro off",
    ]);
    expect(await remembered("eth1")).toEqual({ gro: "on", lro: "off" });
  });

  test("turns GRO on at a restart without a coordinator when the settings were never plugged", async () => {
    await setConfig("eth1", { "ethtool-gro": "off" });
    await dom0.setFeatures("eth1", "gro", "off");
    await dom0.toolstack.restart({ coordinator: "away" });
    expect(await isOn("eth1", "generic-receive-offload")).toBe(true);
    const pending = rpc(socket, "session.login_with_password", "root", "", "1.0", "test");
    expect(await Promise.race([pending, Bun.sleep(100)])).toBeUndefined();
    await dom0.toolstack.reconnectCoordinator();
    expect(await pending).toMatchObject({ result: expect.any(String) });
    expect(await isOn("eth1", "generic-receive-offload")).toBe(false);
  });

  test("reads the old file after a power loss, with new devices and a new boot ID", async () => {
    const bootId = () => dom0.text(["cat", "/proc/sys/kernel/random/boot_id"]);
    const index = () => dom0.text(["cat", "/sys/class/net/eth1/ifindex"]);
    const before = [await bootId(), await index()];
    await setConfig("eth1", ALL_OFF);
    await plug("eth1");
    let between: unknown;
    await dom0.toolstack.reboot({
      powerLoss: true,
      beforeXapi: async () => {
        between = await isOn("eth1", "tx-checksum-ip-generic");
      },
    });
    expect(between).toBe(true);
    expect(await isOn("eth1", "tx-checksum-ip-generic")).toBe(false);
    expect(before).not.toContain(await bootId());
    expect(before).not.toContain(await index());
    expect(await dom0.text(["cat", "/sys/class/net/eth1/carrier"])).toBe("1\n");
  });
});
