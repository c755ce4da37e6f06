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
  OldEthtoolBench,
} from "./script/old-ethtool-bench.ts";
import { EACH_SHELL } from "./script/shells.ts";

const CAPTURES = join(import.meta.dir, "../fixtures/netback");
const QUIET = { exitCode: 0, stdout: "", stderr: "" } as const;
const ALL_OFF = DEFAULT_FEATURES.map((keyword) => `${keyword} off`).join(" ");

describe.each(netbackCaptures())("the stand-in on the netback of $name", (capture) => {
  const start = (text: "unconnected" | "connected", version: State["version"]): State => {
    const features = listFeatures(capture[text]).map((feature) => ({ ...feature }));
    const device = { features, forced: [], withheld: [], refusals: 0 };
    return { version, unknown: [], calls: [], devices: { [capture[text].device]: device } };
  };

  test.each(["unconnected", "connected"] as const)("shows it %s as it was captured", (state) => {
    const { device } = capture[state];
    const { stdout } = runOldEthtool(start(state, "4.19"), ["-k", device]);
    const lines = stdout.trimEnd().split("\n");
    // Old releases have a line for UFO also where the kernel does not: it then stands alone.
    expect(lines).toContain("udp-fragmentation-offload: off");
    const shown = lines.filter((line) => !line.startsWith("udp-fragmentation-offload:"));
    const text = readFileSync(join(CAPTURES, `${capture.name}.txt`), "utf8");
    expect(text).toContain(`${shown.join("\n")}\n`);
  });

  // The commands of the capture, in its order; the exit codes are those of 4.19, measured on dom0.
  test.each(["3.15", "4.19"] as const)("%s comes to the same end as in the capture", (version) => {
    const state = start("connected", version);
    const codes = DEFAULT_FEATURES.map((keyword) => runOldEthtool(state, ["-K", "vif1.0", keyword, "off"]).exitCode);
    expect(codes).toEqual(DEFAULT_FEATURES.map((keyword) => (keyword === "rx" ? 1 : 0)));
    const end = state.devices["vif1.0"]?.features;
    expect(end).toEqual([...listFeatures(capture.turnedOff)]);
  });
});

describe("the stand-in errs as old releases do", () => {
  const start = (version: State["version"]): State => ({
    version,
    unknown: [],
    calls: [],
    devices: { "vif1.0": createCapturedVif("connected") },
  });

  test.each(["3.15", "4.19"] as const)("%s: 0 when any bit changed, 1 on the same again", (version) => {
    const state = start(version);
    const argv = ["-K", "vif1.0", "rx", "off", "gro", "off"];
    expect(runOldEthtool(state, argv).exitCode).toBe(0);
    const again = runOldEthtool(state, argv);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toEndWith("Could not change any device features\n");
  });

  test.each(["3.15", "4.19"] as const)("%s: one unknown keyword, and nothing is changed", (version) => {
    const state = start(version);
    for (const word of ["sgo", "generic-receive-offload"]) {
      const argv = ["-K", "vif1.0", "tx", "off", word, "off"];
      const { exitCode, stderr } = runOldEthtool(state, argv);
      expect(exitCode).toBe(1);
      expect(stderr).toStartWith("ethtool: bad command line argument(s)\n");
    }
    expect(state.devices).toEqual(start(version).devices);
  });

  test("3.15 speaks of UFO where the kernel does not have it, 4.19 does not", () => {
    const say = (version: State["version"]) => runOldEthtool(start(version), ["-k", "vif1.0"]).stderr;
    expect(say("3.15")).toBe("Cannot get device udp-fragmentation-offload settings: Operation not supported\n");
    expect(say("4.19")).toBe("");
  });

  test("a missing device is 1", () => {
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

describe.each(RELEASES)("with ethtool %s", (version, shells) => {
  describe.each(shells)("under %s", (_, shell) => {
    test("a NIC is turned off in one call, and not touched by a second run", () => {
      using bench = new OldEthtoolBench({ version, devices: { nic0: createNic() } });
      expect(bench.run(generateBootScript(coverDevices(["nic0"])), { shell })).toEqual(QUIET);
      expect(bench.changes).toEqual([`-K nic0 ${ALL_OFF}`]);
      expect(bench.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
      expect(bench.isOff("nic0", ["rx-hashing"])).toBe(false);

      expect(bench.run(generateBootScript(coverDevices(["nic0"])), { shell })).toEqual(QUIET);
      expect(bench.changes).toHaveLength(1);
    });

    test("every feature can be asked for", () => {
      using bench = new OldEthtoolBench({ version, devices: { nic0: createNic() } });
      const everything = coverDevices(["nic0"], FEATURE_NAMES);
      expect(bench.run(generateBootScript(everything), { shell })).toEqual(QUIET);
      const names = bench.state.devices["nic0"]?.features.map(({ name }) => name) ?? [];
      expect(bench.isOff("nic0", names)).toBe(true);
    });

    test("a vif's rx is fixed: no failure, and never asked for", () => {
      using bench = new OldEthtoolBench({
        version,
        devices: { "vif1.0": createCapturedVif("connected") },
      });
      expect(bench.run(generateBootScript(coverDevices(["vif1.0"])), { shell })).toEqual(QUIET);
      expect(bench.changes).toEqual(["-K vif1.0 tx off sg off tso off gso off gro off"]);
      expect(bench.run(generateBootScript(coverDevices(["vif1.0"])), { shell })).toEqual(QUIET);
      expect(bench.changes).toHaveLength(1);
    });

    test("what is off and requested is turned off: it would come on when the guest connects", () => {
      using bench = new OldEthtoolBench({
        version,
        devices: { "vif7.0": createCapturedVif("unconnected") },
      });
      const tso = coverDevices(["vif7.0"], ["tso"]);
      expect(bench.run(generateBootScript(tso), { shell })).toEqual(QUIET);
      expect(bench.changes).toEqual(["-K vif7.0 tso off"]);
      expect(bench.isOff("vif7.0", ["tx-tcp-segmentation", "tx-tcp6-segmentation"])).toBe(true);
      expect(bench.run(generateBootScript(tso), { shell })).toEqual(QUIET);
      expect(bench.changes).toHaveLength(1);
    });

    test("what the driver keeps on is tried again by itself, once, and then reported", () => {
      const stubborn = createNic({ forced: ["rx-gro", "rx-checksum"] });
      using bench = new OldEthtoolBench({
        version,
        devices: { nic0: stubborn, nic1: createNic() },
      });
      const ended = bench.run(generateBootScript(coverDevices(["nic0", "nic1"])), { shell });
      expect(ended).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: "offload: nic0: rx could not be turned off\noffload: nic0: gro could not be turned off\n",
      });
      expect(bench.changes).toEqual([`-K nic0 ${ALL_OFF}`, "-K nic0 rx off", "-K nic0 gro off", `-K nic1 ${ALL_OFF}`]);
      expect(bench.isOff("nic1", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("a driver that refuses at first is asked again, feature by feature", () => {
      using bench = new OldEthtoolBench({ version, devices: { nic0: createNic({ refusals: 1 }) } });
      expect(bench.run(generateBootScript(coverDevices(["nic0"])), { shell })).toEqual(QUIET);
      expect(bench.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("an ethtool that does not know a feature does not stop the others", () => {
      const unknown = ["rxhash", "ntuple", "lro"];
      using bench = new OldEthtoolBench({ version, unknown, devices: { nic0: createNic() } });
      const everything = coverDevices(["nic0"], FEATURE_NAMES);
      expect(bench.run(generateBootScript(everything), { shell })).toEqual(QUIET);
      expect(bench.changes).toHaveLength(1);
      expect(bench.isOff("nic0", ["tx-checksum-ipv4", "rx-gro", "rx-vlan-hw-parse"])).toBe(true);
    });

    test("a missing device is passed over", () => {
      using bench = new OldEthtoolBench({ version, devices: { nic0: createNic() } });
      const ended = bench.run(generateBootScript(coverDevices(["absent0", "nic0", ""])), { shell });
      expect(ended).toEqual({
        exitCode: 0,
        stdout: "offload: : no such device\noffload: absent0: no such device\n",
        stderr: "",
      });
      expect(bench.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("a device that is there and cannot be read is a failure, and does not stop the rest", () => {
      // Every machine has lo; this stand-in does not know it.
      using bench = new OldEthtoolBench({ version, devices: { nic0: createNic() } });
      const ended = bench.run(generateBootScript(coverDevices(["lo", "nic0"])), { shell });
      expect(ended).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: "offload: lo: its features cannot be read\n",
      });
      expect(bench.isOff("nic0", DEFAULT_KERNEL_FEATURES)).toBe(true);
    });

    test("with arguments, it turns off what is covered of them, and nothing else", () => {
      const devices = { nic0: createNic(), nic1: createNic(), nic2: createNic() };
      using bench = new OldEthtoolBench({ version, devices });
      const words = { shell, arguments: ["nic1", "nic2"] };
      expect(bench.run(generateBootScript(coverDevices(["nic0", "nic1"])), words)).toEqual(QUIET);
      expect(bench.changes).toEqual([`-K nic1 ${ALL_OFF}`]);
    });

    test("each device keeps its own features off, and an exception keeps its own", () => {
      const devices = { nic0: createNic(), nic1: createNic(), nic2: createNic() };
      using bench = new OldEthtoolBench({ version, devices });
      const coverage = createCoverage({
        devices: new Map([
          ["nic0", ["tso"]],
          ["nic1", []],
          ["nic2", ["gro", "gso"]],
        ]),
      });
      expect(bench.run(generateBootScript(coverage), { shell })).toEqual(QUIET);
      expect(bench.changes).toEqual(["-K nic0 tso off", "-K nic2 gso off gro off"]);
    });
  });
});
