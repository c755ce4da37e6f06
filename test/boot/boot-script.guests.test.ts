import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { generateBootScript } from "../../src/boot/boot-script.ts";
import type { Coverage } from "../../src/core/verify/coverage.ts";
import { Dom0 } from "../dom0/dom0.ts";
import { createCoverage } from "./script/coverages.ts";
import { EACH_SHELL } from "./script/shells.ts";

const QUIET = { exitCode: 0, signal: null, stdout: "", stderr: "" } as const;
const STORE = "/run/store";
const WEB = "6f0c2f52-7a3b-11ee-b962-0242ac120002";
const OTHER = "0d9d1a7e-1111-2222-3333-444455556666";

/** xenstore-read as far as the script needs it: a key is a file, and each question is written down. */
const XENSTORE_READ = `#!/bin/sh
echo "$1" >> ${STORE}/questions
exec cat "${STORE}$1" 2> /dev/null
`;

const WEB_ALONE = createCoverage({
  vms: new Map([[WEB, { features: ["gro", "gso"], vifs: new Map([["1", []]]) }]]),
});

describe.each(EACH_SHELL)("the boot script on interfaces of guests, under %s", (_, shell) => {
  let dom0: Dom0;
  beforeAll(async () => {
    dom0 = await Dom0.start({ nics: 1 });
    await dom0.text(["mkdir", "-p", "/tmp/bin"]);
    await write("/tmp/bin/xenstore-read", XENSTORE_READ);
    await dom0.text(["chmod", "+x", "/tmp/bin/xenstore-read"]);
  });
  afterAll(() => dom0.stop());

  beforeEach(async () => {
    await dom0.text(["rm", "-rf", STORE]);
    for (const device of DEVICES) await dom0.setFeatures(device, "gro", "on", "gso", "on");
  });

  const DEVICES = ["eth0", "vif1.0", "vif1.1", "vif2.0", "tap3.0"];

  async function write(path: string, text: string): Promise<void> {
    const script = 'mkdir -p "$(dirname "$0")" && cat > "$0"';
    const { exitCode } = await dom0.run(["sh", "-c", script, path], { stdin: text });
    expect(exitCode).toBe(0);
  }

  const setVm = (domid: number, uuid: string) => write(`${STORE}/local/domain/${domid}/vm`, `/vm/${uuid}`);

  const run = (coverage: Coverage, ...words: readonly string[]) =>
    dom0.run([...shell, "-c", `PATH=/tmp/bin:$PATH\n${generateBootScript(coverage)}`, "script", ...words]);

  /** The devices on which gro, and those on which gso is off. */
  async function off(feature: "gro" | "gso"): Promise<readonly string[]> {
    const name = { gro: "generic-receive-offload", gso: "generic-segmentation-offload" }[feature];
    const states = await Promise.all(
      DEVICES.map(async (device) => {
        const isOn = (await dom0.ethtool(device)).get(name)?.active === true;
        return isOn ? [] : [device];
      }),
    );
    return states.flat();
  }

  async function questions(): Promise<readonly string[]> {
    const { stdout } = await dom0.run(["cat", `${STORE}/questions`]);
    return stdout.trim().split("\n");
  }

  test("covers all of them under a standing rule, without a lookup in xenstore", async () => {
    await setVm(1, WEB);
    expect(await run(createCoverage({ vifs: ["gro"] }))).toEqual(QUIET);
    expect(await off("gro")).toEqual(["vif1.0", "vif1.1", "vif2.0", "tap3.0"]);
    expect(await questions()).toEqual([""]);
  });

  test("turns off the features of a VM, and other features of an exception", async () => {
    await setVm(1, WEB);
    await setVm(2, OTHER);
    expect(await run(WEB_ALONE)).toEqual(QUIET);
    expect(await off("gro")).toEqual(["vif1.0"]);
    expect(await off("gso")).toEqual(["vif1.0"]);
  });

  test("prefers the features of a VM to the whole rule, for its tap too", async () => {
    await setVm(3, WEB);
    const coverage = { ...WEB_ALONE, vifs: ["gro" as const] };
    const features = { features: ["gso" as const], vifs: new Map() };
    expect(await run({ ...coverage, vms: new Map([[WEB, features]]) })).toEqual(QUIET);
    expect(await off("gro")).toEqual(["vif1.0", "vif1.1", "vif2.0"]);
    expect(await off("gso")).toEqual(["tap3.0"]);
  });

  test("attributes the domain of an incoming migration to its VM", async () => {
    await setVm(1, WEB.replace(/[0-9a-f]{12}$/, "000000000001"));
    expect(await run(WEB_ALONE, "vif1.0", "vif1.1")).toEqual(QUIET);
    expect(await off("gro")).toEqual(["vif1.0"]);
  });

  test("applies only the rule when xenstore does not answer", async () => {
    expect(await run({ ...WEB_ALONE, vifs: ["gso"] })).toEqual(QUIET);
    expect(await off("gro")).toEqual([]);
    expect(await off("gso")).toEqual(["vif1.0", "vif1.1", "vif2.0", "tap3.0"]);
  });

  test("applies only the rule when xenstore-read is missing", async () => {
    await setVm(1, WEB);
    const script = generateBootScript({ ...WEB_ALONE, vifs: ["gso"] });
    expect(await dom0.run([...shell, "-c", script])).toEqual(QUIET);
    expect(await off("gso")).toEqual(["vif1.0", "vif1.1", "vif2.0", "tap3.0"]);
  });

  test("turns a new backend off after vif-real has finished with it", async () => {
    await setVm(1, WEB);
    const status = `${STORE}/local/domain/0/backend/vif/1/0/hotplug-status`;
    const running = run(WEB_ALONE, "vif-1-0");
    await Bun.sleep(500);
    expect(await off("gro")).toEqual([]);
    await write(status, "connected");
    expect(await running).toEqual(QUIET);
    expect(await off("gro")).toEqual(["vif1.0"]);
    const asked = `${status.slice(STORE.length)}`;
    expect(await questions()).toContain(asked);
  });

  test("turns a backend off after some seconds when its status never comes", async () => {
    await setVm(1, WEB);
    expect(await run(WEB_ALONE, "vif-1-0")).toEqual(QUIET);
    expect(await off("gro")).toEqual(["vif1.0"]);
  });

  test("never waits for interfaces that are not covered, nor for devices", async () => {
    await setVm(1, WEB);
    await setVm(2, OTHER);
    expect(await run(WEB_ALONE, "vif-1-1", "vif-2-0", "vif1.0")).toEqual(QUIET);
    expect(await questions()).toEqual([1, 2, 1].map((domid) => `/local/domain/${domid}/vm`));
    expect(await off("gro")).toEqual(["vif1.0"]);
  });

  test("ignores what is no device, and devices that are not covered", async () => {
    const coverage = createCoverage({ nics: ["gro"], vifs: ["gro"] });
    expect(await run(coverage, "xenbr0", "lo", "eth0", "nosuch0")).toEqual(QUIET);
    expect(await off("gro")).toEqual([]);
    expect(await run(coverage, "vif9.9", "vif-9-9")).toEqual({
      ...QUIET,
      stdout: "offload: vif9.9: no such device\noffload: vif9.9: no such device\n",
    });
  });
});
