import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateBootScript } from "../../src/boot/boot-script.ts";
import { DEFAULT_FEATURES } from "../../src/core/features.ts";
import { Dom0 } from "../dom0/dom0.ts";
import type { Feature } from "../dom0/ethtool.ts";
import { coverDevices, createCoverage } from "./script/coverages.ts";
import { NETBACK, PCI, runWithSys, VIRTUAL_FUNCTION } from "./script/fake-sysfs.ts";
import { EACH_SHELL } from "./script/shells.ts";

const QUIET = { exitCode: 0, signal: null, stdout: "", stderr: "" } as const;

/** What the default features come down to on the devices of a throwaway dom0. */
const CLEARED = [
  "rx-checksumming",
  "tx-checksum-ip-generic",
  "tx-checksum-sctp",
  "tx-scatter-gather",
  "tx-scatter-gather-fraglist",
  "tx-tcp-segmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp6-segmentation",
  "generic-segmentation-offload",
  "generic-receive-offload",
] as const;

/** The features that are on or will come on, and can be changed. */
function stillOn(features: ReadonlyMap<string, Feature>): readonly string[] {
  return CLEARED.filter((name) => {
    const feature = features.get(name);
    return feature !== undefined && feature.fixed !== true && (feature.active || feature.requested);
  });
}

describe.each(EACH_SHELL)("the boot script on real devices, with the ethtool of this machine, under %s", (_, shell) => {
  let dom0: Dom0;
  beforeAll(async () => {
    dom0 = await Dom0.start({ nics: 2, scenarios: ["requested-on", "fixed"] });
  });
  afterAll(() => dom0.stop());

  const run = (script: string, ...words: readonly string[]) => dom0.run([...shell, "-c", script, "script", ...words]);
  const left = async (device: string) => stillOn(await dom0.ethtool(device));

  test("turns a NIC off, and changes nothing in a second run", async () => {
    const script = generateBootScript(coverDevices(["eth0"]));
    expect(await left("eth0")).toEqual([...CLEARED]);
    expect(await run(script)).toEqual(QUIET);
    expect(await left("eth0")).toEqual([]);
    // All that it may do now is read.
    const reading = `mkdir -p /tmp/reading
printf '%s\\n' '#!/bin/sh' '[ "$1" = -k ] || { echo "ethtool $*" >&2; exit 9; }' 'exec /sbin/ethtool "$@"' > /tmp/reading/ethtool
chmod +x /tmp/reading/ethtool
PATH=/tmp/reading:$PATH
`;
    expect(await run(`${reading}${script}`)).toEqual(QUIET);
  });

  // No more than that: a guest that opens a tap asks for its offloads anew, which netback's does not.
  test("clears the requested bit of a feature that is off", async () => {
    expect(await left("vif1.0")).toContain("tx-tcp-segmentation");
    const { active } = (await dom0.ethtool("vif1.0")).get("tx-tcp-segmentation") ?? {};
    expect(active).toBe(false);
    expect(await run(generateBootScript(coverDevices(["vif1.0"])))).toEqual(QUIET);
    expect(await left("vif1.0")).toEqual([]);
  });

  test("turns off what is not fixed on a NIC, and exits 0", async () => {
    const fixed = async () => (await dom0.ethtool("eth1")).get("rx-checksumming");
    expect(await fixed()).toMatchObject({ active: true, fixed: true });
    expect(await left("eth1")).toContain("tx-tcp-segmentation");
    expect(await run(generateBootScript(coverDevices(["eth1"])))).toEqual(QUIET);
    expect(await left("eth1")).toEqual([]);
    expect((await fixed())?.active).toBe(true);
    expect(await run(generateBootScript(coverDevices(["eth1"])))).toEqual(QUIET);
  });

  test("skips a missing device at any position", async () => {
    const ended = await run(generateBootScript(coverDevices(["eth7", "vif2.0", "vif9.0"])));
    expect(ended).toEqual({
      ...QUIET,
      stdout: "offload: eth7: no such device\noffload: vif9.0: no such device\n",
    });
    expect(await left("vif2.0")).toEqual([]);
  });

  test("handles only the devices in its arguments", async () => {
    await dom0.setFeatures("eth0", "gro", "on");
    const script = generateBootScript(coverDevices(["eth0", "vif3.0"]));
    expect(await run(script, "vif3.0")).toEqual(QUIET);
    expect(await left("vif3.0")).toEqual([]);
    expect(await left("eth0")).toEqual(["generic-receive-offload"]);
    expect(await run(script)).toEqual(QUIET);
    expect(await left("eth0")).toEqual([]);
  });

  test("finds ethtool outside PATH", async () => {
    await dom0.setFeatures("eth0", "gro", "on");
    for (const before of ["PATH=/nowhere", "unset PATH", "PATH="]) {
      expect(await run(`${before}\n${generateBootScript(coverDevices(["eth0"]))}`)).toEqual(QUIET);
    }
    expect(await left("eth0")).toEqual([]);
  });

  test("does not take an unreadable device for a missing one without /sys", async () => {
    const hiding = 'mount -t tmpfs tmpfs /sys && exec "$@"';
    const ended = await dom0.run([
      ...["unshare", "--mount", "--propagation", "private", "sh", "-c", hiding, "sh"],
      ...[...shell, "-c", generateBootScript(coverDevices(["eth9"]))],
    ]);
    expect(ended).toEqual({
      ...QUIET,
      exitCode: 1,
      stderr: "offload: eth9: its features cannot be read\n",
    });
  });

  test("fails without ethtool, and does not claim that everything is off", async () => {
    const hiding = 'mount -t tmpfs tmpfs /usr/sbin && exec "$@"';
    const ended = await dom0.run([
      ...["unshare", "--mount", "--propagation", "private", "sh", "-c", hiding, "sh"],
      ...[...shell, "-c", generateBootScript(coverDevices(["eth0"]))],
    ]);
    expect(ended).toEqual({
      ...QUIET,
      exitCode: 3,
      stderr: "offload: ethtool is neither in PATH nor in /sbin or /usr/sbin\n",
    });
  });
});

describe("the boot script's search for NICs", () => {
  let dom0: Dom0;
  beforeAll(async () => {
    dom0 = await Dom0.start({ nics: 4 });
  });
  afterAll(() => dom0.stop());

  const untouched = async (devices: readonly string[]) => {
    const lines = await Promise.all(
      devices.map(async (device) => [device, await dom0.text(["ethtool", "-k", device])] as const),
    );
    return Object.fromEntries(lines);
  };

  test("ignores lo, veth, tap, macvtap and bridges in the real /sys", async () => {
    // 8021q, bonding and dummy are not built into every kernel, so those that are there take part.
    await dom0.run([
      "sh",
      "-c",
      "ip link add vlan0 link eth0 type vlan id 5; ip link add bond9 type bond; ip link add dummy9 type dummy",
    ]);
    await dom0.text(["ip", "link", "add", "macvtap0", "link", "eth0", "type", "macvtap"]);
    const devices = await dom0.interfaces();
    for (const name of ["lo", "eth0", "tap3.0", "xenbr0", "macvtap0"]) {
      expect(devices).toContain(name);
    }
    const before = await untouched(devices);
    expect(await dom0.run(["sh", "-c", generateBootScript(createCoverage({ nics: DEFAULT_FEATURES }))])).toEqual(QUIET);
    expect(await untouched(devices)).toEqual(before);
    await dom0.text(["ip", "link", "delete", "macvtap0"]);
  });

  test.each(EACH_SHELL)("finds under %s the devices with hardware, and no others", async (_, shell) => {
    const all = ["eth0", "eth1", "eth2", "eth3", "vif1.0", "vif1.1", "vif2.0", "tap3.0", "xenbr0"];
    for (const device of all) await dom0.setFeatures(device, "gro", "on");
    const on = async () => {
      const states = await Promise.all(
        all.map(async (device) => {
          const feature = (await dom0.ethtool(device)).get("generic-receive-offload");
          return feature?.active === true ? [device] : [];
        }),
      );
      return states.flat();
    };
    expect(await on()).toEqual(all);
    // The veth eth3 plays a virtual function, and vif1.1 a VLAN; only what /sys says of them counts.
    const look = {
      lo: { directories: [] },
      eth0: PCI,
      eth1: { bus: "usb", driver: "r8152" },
      eth2: PCI,
      eth3: VIRTUAL_FUNCTION,
      "vif1.0": NETBACK,
      "vif1.1": { directories: ["lower_eth0"] },
      "vif2.0": { directories: ["bonding"] },
      "tap3.0": { directories: ["tun_flags"] },
      xenbr0: { directories: ["bridge", "brif"] },
    };
    const gro = { ...coverDevices(["eth0"], ["gro"]), nics: ["gro" as const] };
    expect(await runWithSys(dom0, look, shell, generateBootScript(gro))).toEqual(QUIET);
    expect(await on()).toEqual(["eth3", "vif1.0", "vif1.1", "vif2.0", "tap3.0", "xenbr0"]);
  });

  test.each(EACH_SHELL)(
    "finds under %s a NIC that udev has not renamed yet, and one with a hostile name",
    async (_, shell) => {
      const names = ["side-0-eth1", "e$(x);'*", "-k"];
      const fresh = ["vif2.0", "vif4.0", "vif4.1"];
      for (const [at, device] of fresh.entries()) {
        await dom0.setFeatures(device, "gro", "on");
        await dom0.link.rename(device, names[at] ?? "");
      }
      const look = Object.fromEntries(names.map((name) => [name, PCI]));
      const gro = createCoverage({ nics: ["gro"] });
      const ended = await runWithSys(dom0, look, shell, generateBootScript(gro));
      for (const [at, device] of fresh.entries()) await dom0.link.rename(names[at] ?? "", device);
      expect(ended).toEqual(QUIET);
      for (const device of fresh) {
        const feature = (await dom0.ethtool(device)).get("generic-receive-offload");
        expect(feature?.active).toBe(false);
      }
    },
  );

  test("reports a NIC once that is both named and found", async () => {
    const failing = `PATH=/tmp/stubborn:$PATH\n`;
    const making =
      "mkdir -p /tmp/stubborn; printf '#!/bin/sh\\necho generic-receive-offload: on\\n' > /tmp/stubborn/ethtool; chmod +x /tmp/stubborn/ethtool";
    await dom0.text(["sh", "-c", making]);
    const gro = { ...coverDevices(["eth0"], ["gro"]), nics: ["gro" as const] };
    const ended = await runWithSys(dom0, { eth0: PCI, eth1: PCI }, ["sh"], `${failing}${generateBootScript(gro)}`);
    expect(ended).toEqual({
      ...QUIET,
      exitCode: 1,
      stderr: "offload: eth0: gro could not be turned off\noffload: eth1: gro could not be turned off\n",
    });
  });
});
