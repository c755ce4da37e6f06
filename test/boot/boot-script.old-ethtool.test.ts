import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generateBootScript } from "../../src/boot/boot-script.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES } from "../../src/core/features.ts";
import { netbackCaptures } from "../fakes/ethtool-text.ts";
import { coverDevices, createCoverage } from "./script/coverages.ts";
import { runOldEthtool, type State } from "./script/old-ethtool.ts";
import {
  createCapturedVif,
  createNic,
  DEFAULT_KERNEL_FEATURES,
  listFeatures,
  OldEthtoolFixture,
} from "./script/old-ethtool-fixture.ts";
import { EACH_SHELL } from "./script/shells.ts";

const CAPTURES = join(import.meta.dir, "../fixtures/netback");
const QUIET = { exitCode: 0, stdout: "", stderr: "" } as const;
const ALL_OFF = DEFAULT_FEATURES.map((keyword) => `${keyword} off`).join(" ");

describe.each(netbackCaptures())("the fake ethtool on the netback of $name", (capture) => {
  const start = (text: "unconnected" | "connected", version: State["version"]): State => {
    const features = listFeatures(capture[text]).map((feature) => ({ ...feature }));
    const device = { features, forced: [], withheld: [], refusals: 0 };
    return { version, unknown: [], calls: [], devices: { [capture[text].device]: device } };
  };

  test.each(["unconnected", "connected"] as const)("prints the capture when it is %s", (state) => {
    const { device } = capture[state];
    const { stdout } = runOldEthtool(start(state, "4.19"), ["-k", device]);
    const lines = stdout.trimEnd().split("\n");
    // Old releases have a line for UFO also where the kernel does not: it then stands alone.
    expect(lines.filter((line) => line.startsWith("udp-fragmentation-offload: off"))).toHaveLength(1);
    const hasUfo = capture[state].kernel.names.includes("tx-udp-fragmentation");
    const shown = lines.filter((line) => hasUfo || !line.startsWith("udp-fragmentation-offload:"));
    const text = readFileSync(join(CAPTURES, `${capture.name}.txt`), "utf8");
    expect(text).toContain(`${shown.join("\n")}\n`);
  });

  // The commands of the capture, in its order; the exit codes are those of 4.19, measured on dom0.
  test.each(["3.15", "4.19"] as const)("ends as release %s did in the capture", (version) => {
    const state = start("connected", version);
    const codes = DEFAULT_FEATURES.map((keyword) => runOldEthtool(state, ["-K", "vif1.0", keyword, "off"]).exitCode);
    expect(codes).toEqual(DEFAULT_FEATURES.map((keyword) => (keyword === "rx" ? 1 : 0)));
    const end = state.devices["vif1.0"]?.features;
    expect(end).toEqual([...listFeatures(capture.turnedOff)]);
  });
});

describe("the fake ethtool has the errors of old releases", () => {
  const start = (version: State["version"]): State => ({
    version,
    unknown: [],
    calls: [],
    devices: { "vif1.0": createCapturedVif("connected") },
  });

  test.each(["3.15", "4.19"] as const)(
    "%s exits 0 when any bit changed, and 1 when asked the same again",
    (version) => {
      const state = start(version);
      const argv = ["-K", "vif1.0", "rx", "off", "gro", "off"];
      expect(runOldEthtool(state, argv).exitCode).toBe(0);
      const again = runOldEthtool(state, argv);
      expect(again.exitCode).toBe(1);
      expect(again.stderr).toEndWith("Could not change any device features\n");
    },
  );

  test.each(["3.15", "4.19"] as const)("%s changes nothing when one keyword is unknown", (version) => {
    const state = start(version);
    for (const word of ["sgo", "generic-receive-offload"]) {
      const argv = ["-K", "vif1.0", "tx", "off", word, "off"];
      const { exitCode, stderr } = runOldEthtool(state, argv);
      expect(exitCode).toBe(1);
      expect(stderr).toStartWith("ethtool: bad command line argument(s)\n");
    }
    expect(state.devices).toEqual(start(version).devices);
  });

  test("3.15 prints UFO when the kernel does not have it, 4.19 does not", () => {
    const say = (version: State["version"]) => runOldEthtool(start(version), ["-k", "vif1.0"]).stderr;
    expect(say("3.15")).toBe("Cannot get device udp-fragmentation-offload settings: Operation not supported\n");
    expect(say("4.19")).toBe("");
  });

  test("exits 1 for a missing device", () => {
    for (const mode of ["-k", "-K"]) {
      const { exitCode, stderr } = runOldEthtool(start("4.19"), [mode, "eth9"]);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: "Cannot get device feature names: No such device\n",
      });
    }
  });
});

/** On a dom0 sh is bash; the two releases differ too little to go with every shell. */
const RELEASES = [["4.19", EACH_SHELL] as const, ["3.15", EACH_SHELL.slice(1, 2)] as const];

describe.each(RELEASES)("the boot script with ethtool %s", (version, shells) => {
  describe.each(shells)("under %s", (_, shell) => {
    test("turns a NIC off in one call, and does not touch it in a second run", () => {
      using fixture = new OldEthtoolFixture({ version, devices: { nic0: createNic() } });
      expect(fixture.run(generateBootScript(coverDevices(["nic0"])), { shell })).toEqual(QUIET);
      expect(fixture.changes).toEqual([`-K nic0 ${ALL_OFF}`]);
      expect(fixture.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
      expect(fixture.isOff("nic0", ["rx-hashing"])).toBe(false);

      expect(fixture.run(generateBootScript(coverDevices(["nic0"])), { shell })).toEqual(QUIET);
      expect(fixture.changes).toHaveLength(1);
    });

    test("can turn off every feature", () => {
      using fixture = new OldEthtoolFixture({ version, devices: { nic0: createNic() } });
      const everything = coverDevices(["nic0"], FEATURE_NAMES);
      expect(fixture.run(generateBootScript(everything), { shell })).toEqual(QUIET);
      const names = fixture.state.devices["nic0"]?.features.map(({ name }) => name) ?? [];
      expect(fixture.isOff("nic0", names)).toBe(true);
    });

    test("never asks for the fixed rx of a vif, and exits 0", () => {
      using fixture = new OldEthtoolFixture({
        version,
        devices: { "vif1.0": createCapturedVif("connected") },
      });
      expect(fixture.run(generateBootScript(coverDevices(["vif1.0"])), { shell })).toEqual(QUIET);
      expect(fixture.changes).toEqual(["-K vif1.0 tx off sg off tso off gso off gro off"]);
      expect(fixture.run(generateBootScript(coverDevices(["vif1.0"])), { shell })).toEqual(QUIET);
      expect(fixture.changes).toHaveLength(1);
    });

    test("turns off what is off and requested, which would turn on when the guest connects", () => {
      using fixture = new OldEthtoolFixture({
        version,
        devices: { "vif7.0": createCapturedVif("unconnected") },
      });
      const tso = coverDevices(["vif7.0"], ["tso"]);
      expect(fixture.run(generateBootScript(tso), { shell })).toEqual(QUIET);
      expect(fixture.changes).toEqual(["-K vif7.0 tso off"]);
      expect(fixture.isOff("vif7.0", ["tx-tcp-segmentation", "tx-tcp6-segmentation"])).toBe(true);
      expect(fixture.run(generateBootScript(tso), { shell })).toEqual(QUIET);
      expect(fixture.changes).toHaveLength(1);
    });

    test("tries a feature that the driver keeps on once more alone, and then reports it", () => {
      const stubborn = createNic({ forced: ["rx-gro", "rx-checksum"] });
      using fixture = new OldEthtoolFixture({
        version,
        devices: { nic0: stubborn, nic1: createNic() },
      });
      const ended = fixture.run(generateBootScript(coverDevices(["nic0", "nic1"])), { shell });
      expect(ended).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: "offload: nic0: rx could not be turned off\noffload: nic0: gro could not be turned off\n",
      });
      expect(fixture.changes).toEqual([
        `-K nic0 ${ALL_OFF}`,
        "-K nic0 rx off",
        "-K nic0 gro off",
        `-K nic1 ${ALL_OFF}`,
      ]);
      expect(fixture.isOff("nic1", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("asks a driver that refuses at first again, feature by feature", () => {
      using fixture = new OldEthtoolFixture({ version, devices: { nic0: createNic({ refusals: 1 }) } });
      expect(fixture.run(generateBootScript(coverDevices(["nic0"])), { shell })).toEqual(QUIET);
      expect(fixture.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("turns off the other features when ethtool does not know one", () => {
      const unknown = ["rxhash", "ntuple", "lro"];
      using fixture = new OldEthtoolFixture({ version, unknown, devices: { nic0: createNic() } });
      const everything = coverDevices(["nic0"], FEATURE_NAMES);
      expect(fixture.run(generateBootScript(everything), { shell })).toEqual(QUIET);
      expect(fixture.changes).toHaveLength(1);
      expect(fixture.isOff("nic0", ["tx-checksum-ipv4", "rx-gro", "rx-vlan-hw-parse"])).toBe(true);
    });

    test("skips a missing device", () => {
      using fixture = new OldEthtoolFixture({ version, devices: { nic0: createNic() } });
      const ended = fixture.run(generateBootScript(coverDevices(["absent0", "nic0", ""])), { shell });
      expect(ended).toEqual({
        exitCode: 0,
        stdout: "offload: : no such device\noffload: absent0: no such device\n",
        stderr: "",
      });
      expect(fixture.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("fails for a device that cannot be read, and continues with the others", () => {
      // Every machine has lo; this stand-in does not know it.
      using fixture = new OldEthtoolFixture({ version, devices: { nic0: createNic() } });
      const ended = fixture.run(generateBootScript(coverDevices(["lo", "nic0"])), { shell });
      expect(ended).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: "offload: lo: its features cannot be read\n",
      });
      expect(fixture.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("turns off only the covered devices among its arguments", () => {
      const devices = { nic0: createNic(), nic1: createNic(), nic2: createNic() };
      using fixture = new OldEthtoolFixture({ version, devices });
      const words = { shell, arguments: ["nic1", "nic2"] };
      expect(fixture.run(generateBootScript(coverDevices(["nic0", "nic1"])), words)).toEqual(QUIET);
      expect(fixture.changes).toEqual([`-K nic1 ${ALL_OFF}`]);
    });

    test("keeps the own features of each device and of an exception off", () => {
      const devices = { nic0: createNic(), nic1: createNic(), nic2: createNic() };
      using fixture = new OldEthtoolFixture({ version, devices });
      const coverage = createCoverage({
        devices: new Map([
          ["nic0", ["tso"]],
          ["nic1", []],
          ["nic2", ["gro", "gso"]],
        ]),
      });
      expect(fixture.run(generateBootScript(coverage), { shell })).toEqual(QUIET);
      expect(fixture.changes).toEqual(["-K nic0 tso off", "-K nic2 gso off gro off"]);
    });
  });
});
