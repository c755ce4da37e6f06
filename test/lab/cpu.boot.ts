import { describe, expect } from "bun:test";
import { resolve } from "node:path";
import { ALL_NICS_OFF, listNicFeaturesOn } from "./features.ts";
import { NICS } from "./hardware.ts";
import { PROGRAM } from "./lab.ts";
import { machineTests } from "./machine-tests.ts";

const INSTALLER = resolve(import.meta.dir, "../../install.sh");

// Nehalem, of 2008, is the oldest processor that install.sh accepts: SSE 4.2 and POPCNT, and no AVX.
describe("a machine with a CPU of 2008", () => {
  const lab = machineTests({ kind: "plain", units: "absent", processor: "Nehalem" });

  lab.test("has no AVX, and runs the executable under test", async ({ machine }) => {
    const info = await machine.text(["cat", "/proc/cpuinfo"]);
    const flags = /^flags\s*:(.*)$/m.exec(info)?.[1]?.trim().split(" ") ?? [];
    expect(flags).toEqual(expect.arrayContaining(["ssse3", "sse4_1", "sse4_2", "popcnt"]));
    expect(flags.filter((flag) => /^(?:avx|bmi|fma|f16c|movbe|abm)/.test(flag))).toEqual([]);
    const hash = Bun.SHA256.hash(await Bun.file(PROGRAM).bytes(), "hex");
    const found = await machine.text(["sha256sum", "/usr/local/bin/offload"]);
    expect(found).toBe(`${hash}  /usr/local/bin/offload\n`);
  });

  lab.test("runs install.sh and the executable that it installs", async ({ machine }) => {
    const script = await Bun.file(INSTALLER).text();
    const words = ["--dir", "/opt", "--binary", "/usr/local/bin/offload"];
    const run = await machine.run(["sh", "-s", "--", ...words], { stdin: script });
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await machine.text(["/opt/offload", "--version"])).toMatch(/^\d+\.\d+\.\d+/);
  });

  lab.test("disable ALL turns off everything that can be off", async (dom0) => {
    expect(await listNicFeaturesOn(dom0.machine)).not.toEqual(ALL_NICS_OFF);
    const run = await dom0.machine.run(["/opt/offload", "disable", "ALL", "--yes"]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await listNicFeaturesOn(dom0.machine)).toEqual(ALL_NICS_OFF);
    const { PIF } = await dom0.database();
    for (const { name } of NICS) {
      const record = PIF?.[dom0.fixture.pif(name).ref];
      expect(record?.["other_config"]).toMatchObject({ "ethtool-tso": "off" });
    }
  });

  lab.test("persist, verify and restore work", async ({ machine }) => {
    for (const words of [["persist"], ["verify"], ["restore", "ALL", "--yes"]]) {
      const run = await machine.run(["/opt/offload", ...words]);
      expect({ words, ...run }).toMatchObject({ words, exitCode: 0 });
    }
    expect(await listNicFeaturesOn(machine)).not.toEqual(ALL_NICS_OFF);
  });
});
