import { describe, expect, test } from "bun:test";
import { readEtcState } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";

const RC_LOCAL = "/etc/rc.d/rc.local";
const RULE = "/etc/udev/rules.d/zz-offload.rules";
const SCRIPT = "/etc/offload/disable-offloads";

describe("verify of the boot layer", () => {
  async function verified(dom0: Dom0, ...args: string[]) {
    const run = await dom0.offload("verify", ...args, "--json");
    return { exitCode: run.exitCode, ...JSON.parse(run.stdout) };
  }

  test("notes a missing boot layer when settings keep everything off, and exits 1 with --strict", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "NICS", "--yes");
    const plain = await verified(dom0);
    expect(plain.exitCode).toBe(0);
    expect(plain.boot).toEqual({ method: null, state: "not-installed", covers: null });
    expect(plain.notes).toContainEqual(expect.objectContaining({ code: "not-persisted" }));
    expect((await verified(dom0, "--strict")).exitCode).toBe(1);
  });

  const damages: readonly (readonly [state: string, command: string, isFixed?: false])[] = [
    ["not-executable", `chmod -x ${RC_LOCAL}`],
    ["modified", `sed -i 's/^  turn_off() {/&:/; s/turn_off_covered "$device"/:/' ${SCRIPT}`],
    ["modified", `sed -i '2i exit 0' ${RC_LOCAL}`],
    ["modified", `sed -i 's/disable-offloads/nothing/' ${RC_LOCAL}`],
    ["modified", `sed -i '/END offload/d' ${RC_LOCAL}`, false],
    ["incomplete", `rm ${RULE}`],
    ["incomplete", `rm ${SCRIPT}`],
    ["modified", `sed -i 's/online/add/' ${RULE}`],
    ["incomplete", `sed -i 1,2d ${SCRIPT}`, false],
    ["outdated", `sed -i 's/^# offload-version: .*/# offload-version: 0.0.1/; s/^status=0$/status=00/' ${SCRIPT}`],
  ];
  for (const [state, command, isFixed = true] of damages) {
    test(`exits 1 when it is ${state} by ${command}, and persist ${isFixed ? "fixes" : "refuses"} it`, async () => {
      await using dom0 = await Dom0.start();
      await dom0.offload("disable", "ALL", "--yes");
      await dom0.offload("persist");
      expect((await verified(dom0)).boot.state).toBe("up-to-date");
      await dom0.run(["sh", "-c", command]);
      const after = await verified(dom0);
      expect(after.boot.state).toBe(state);
      expect(after.exitCode).toBe(1);
      const before = await readEtcState(dom0);
      const expected = isFixed ? [0] : [1, 2];
      expect(expected).toContain((await dom0.offload("persist")).exitCode ?? -1);
      expect((await readEtcState(dom0)) === before).toBe(!isFixed);
      if (isFixed) expect((await verified(dom0)).exitCode).toBe(0);
    });
  }

  test("accepts another version of offload as up to date when nothing else changed", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("persist");
    await dom0.run(["sed", "-i", "s/^# offload-version: .*/# offload-version: 0.0.1/", SCRIPT, RULE]);
    expect((await verified(dom0)).boot.state).toBe("up-to-date");
  });

  test("reports a boot layer that differs from the policy, and persist updates it", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "eth1", "eth2", "--features", "tso");
    // As another host of the pool, or xe, would.
    await dom0.simulator.set(["PIF", dom0.fixture.pif("eth2").ref, "other_config", {}]);
    const { exitCode, problems, advice } = await verified(dom0);
    expect(exitCode).toBe(1);
    expect(problems).toEqual([
      expect.objectContaining({
        code: "boot-drift",
        message: expect.stringContaining("does not follow the policy (different: eth2)"),
      }),
    ]);
    expect(advice).toEqual(["offload persist"]);
    expect((await dom0.offload("persist")).exitCode).toBe(0);
    expect((await verified(dom0)).exitCode).toBe(0);
  });

  test("reports a boot layer that no policy asks for", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "eth1", "--features", "tso");
    await dom0.simulator.set(["PIF", dom0.fixture.pif("eth1").ref, "other_config", {}]);
    const { exitCode, problems } = await verified(dom0);
    expect(exitCode).toBe(1);
    const message = expect.stringContaining("remove it with: offload persist --remove");
    expect(problems).toContainEqual({ code: "boot-drift", message, command: "offload persist --remove" });
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
    expect((await verified(dom0)).boot.state).toBe("not-installed");
  });
});
