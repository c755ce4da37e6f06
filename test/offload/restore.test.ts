import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { planDisable } from "../../src/offload/disable.ts";
import { DEFAULT_KEYWORDS, type Keyword } from "../../src/offload/features.ts";
import type { Inventory, Vif, Vm } from "../../src/offload/inventory.ts";
import { journalKey } from "../../src/offload/journal.ts";
import { carryBack, planRestore, settle } from "../../src/offload/restore.ts";
import { survey } from "../../src/offload/survey.ts";
import { everyInterface, resolveTargets } from "../../src/offload/targets.ts";
import { keywordLists, worlds } from "./arbitraries.ts";
import { carryOutNoted, MemoryJournal, MemoryKernel, MemoryToolstack } from "./memory.ts";
import {
  ALPHA,
  config,
  featureSet,
  haltedVm,
  inventory,
  KERNEL,
  NIC_ON,
  namesOf,
  pif,
  VIF_ON,
  valued,
  vif,
  vm,
} from "./worlds.ts";

const NEVER = () => false;

/** A host in memory, with what is kept of what was there before. */
class Host {
  readonly kernel: MemoryKernel;
  readonly toolstack: MemoryToolstack;
  readonly journal = new MemoryJournal();

  constructor(readonly pool: Inventory) {
    const devices = { eth0: NIC_ON, eth1: NIC_ON, "vif3.0": VIF_ON };
    this.kernel = new MemoryKernel(KERNEL, devices);
    this.toolstack = new MemoryToolstack(pool);
  }

  async disable(keywords: readonly Keyword[] = DEFAULT_KEYWORDS): Promise<void> {
    const all = resolveTargets([{ text: "ALL", kind: "any" }], this.toolstack.now());
    const { interfaces } = valued(all);
    const plan = planDisable(interfaces, keywords, valued(survey(interfaces, this.kernel)));
    await carryOutNoted(plan, this.kernel, this.toolstack, NEVER, this.journal);
  }

  /** As XAPI tells of it: the VM runs from now on, and its VIFs are plugged. */
  start(halted: Vm, domid: number): void {
    const running = { ...halted, powerState: "Running", domid, residentOn: ALPHA } as const;
    const plugged = (one: Vif): Vif =>
      one.vm.uuid === halted.uuid ? { ...one, vm: running, attached: true } : one;
    const { pool } = this.toolstack;
    Object.assign(this.toolstack, {
      pool: {
        ...pool,
        vms: pool.vms.map((one) => (one.uuid === halted.uuid ? running : one)),
        vifs: pool.vifs.map(plugged),
      },
    });
  }

  plan(options = { force: false }) {
    const known = everyInterface(this.toolstack.now());
    const interfaces = [...this.journal.journal.keys()].flatMap((key) => known.get(key) ?? []);
    const before = valued(survey(interfaces, this.kernel));
    return planRestore(this.journal.journal, interfaces, before, options);
  }

  async restore(options = { force: false }) {
    const plan = this.plan(options);
    const restored = await carryBack(plan, this.kernel, this.toolstack, NEVER);
    this.journal.journal = settle(this.journal.journal, plan, restored);
    return restored;
  }

  records(uuid: string): Record<string, string> {
    return Object.fromEntries(this.toolstack.records.get(uuid) ?? []);
  }
}

const eth0 = pif("eth0");
const web = vm("web", { domid: 3 });
const web0 = vif(web, "0", { otherConfig: config({ "ethtool-tx": "on", other: "kept" }) });
const db = haltedVm("db");
const db0 = vif(db, "0", { attached: false });

function host(): Host {
  return new Host(inventory({ pifs: [eth0], vms: [web, db], vifs: [web0, db0] }));
}

describe("putting back", () => {
  test("asks for what was requested, gives records their former value, and empties the journal", async () => {
    const one = host();
    await one.disable();
    expect(one.records(web0.uuid)["ethtool-tx"]).toBe("off");
    const { problems } = await one.restore();
    expect(problems).toEqual([]);
    expect(one.kernel.devices.get("eth0")?.requested).toEqual(NIC_ON.requested);
    expect(one.kernel.devices.get("vif3.0")?.requested).toEqual(VIF_ON.requested);
    expect(one.records(web0.uuid)).toEqual({ "ethtool-tx": "on", other: "kept" });
    expect(one.records(eth0.uuid)).toEqual({});
    expect(one.journal.journal.size).toBe(0);
  });

  test("what somebody else has recorded since is a conflict; force puts it back", async () => {
    const one = host();
    await one.disable();
    one.toolstack.records.get(web0.uuid)?.set("ethtool-tso", "true");
    const { problems } = await one.restore();
    expect(problems.map(({ code }) => code)).toEqual(["conflict"]);
    expect(one.records(web0.uuid)["ethtool-tso"]).toBe("true");
    expect([...one.journal.journal.keys()]).toEqual([web0.uuid]);
    await one.restore({ force: true });
    expect(one.records(web0.uuid)["ethtool-tso"]).toBeUndefined();
    expect(one.journal.journal.size).toBe(0);
  });

  test("a driver that does not follow: told, and kept for another try", async () => {
    const one = host();
    await one.disable();
    one.kernel.deaf.add("eth0");
    const { problems } = await one.restore();
    expect(problems.map(({ code, device }) => [code, device])).toEqual([["write-failed", "eth0"]]);
    expect([...one.journal.journal.keys()]).toEqual([eth0.uuid]);
  });
});

describe("a VM that was halted when its VIF was recorded", () => {
  test("started since: its device is asked for what our records have turned off", async () => {
    const one = host();
    await one.disable(["tso", "gro"]);
    one.start(db, 7);
    // As the toolstack leaves a device that it has plugged with ethtool-tso=off.
    const plugged = featureSet(KERNEL, {
      "tx-tcp-segmentation": "off",
      "tx-tcp6-segmentation": "off",
      "tx-scatter-gather": "on",
      "rx-gro": "on",
      "tx-tcp-mangleid-segmentation": "off fixed",
    });
    one.kernel.devices.set("vif7.0", plugged);
    await one.restore();
    const { requested } = one.kernel.devices.get("vif7.0") ?? plugged;
    expect(namesOf(KERNEL, requested)).toEqual([
      "tx-scatter-gather",
      "rx-gro",
      "tx-tcp-segmentation",
      "tx-tcp6-segmentation",
    ]);
    expect(one.journal.journal.size).toBe(0);
  });

  test("a record that meant off before means off still: its device is left as it is", async () => {
    const off0 = { ...db0, otherConfig: config({ "ethtool-tso": "false" }) };
    const one = new Host(inventory({ vms: [db], vifs: [off0] }));
    await one.disable(["tso", "sg"]);
    one.start(db, 7);
    const plugged = featureSet(KERNEL, {
      "tx-tcp-segmentation": "off",
      "tx-scatter-gather": "off",
    });
    one.kernel.devices.set("vif7.0", plugged);
    await one.restore();
    const { requested } = one.kernel.devices.get("vif7.0") ?? plugged;
    expect(namesOf(KERNEL, requested)).toEqual(["tx-scatter-gather"]);
  });

  test("halted still: only its records are put back", async () => {
    const one = host();
    await one.disable();
    const { live } = one.plan();
    expect(live.map(({ device }) => device)).toEqual(["eth0", "vif3.0"]);
    await one.restore();
    expect(one.records(db0.uuid)).toEqual({});
  });
});

test("a key that another client has added meanwhile is not noted, and survives", async () => {
  const one = host();
  const write = one.toolstack.write.bind(one.toolstack);
  one.toolstack.write = (steps, isStopped) => {
    one.toolstack.records.get(eth0.uuid)?.set("ethtool-tso", "on");
    one.toolstack.write = write;
    return write(steps, isStopped);
  };
  await one.disable();
  expect(one.journal.journal.get(eth0.uuid)?.records.has("ethtool-tso")).toBe(false);
  const { problems } = await one.restore();
  expect(problems).toEqual([]);
  expect(one.records(eth0.uuid)).toEqual({ "ethtool-tso": "on" });
});

test("for every world: disable, then restore, and requests and records are as before", async () => {
  await fc.assert(
    fc.asyncProperty(worlds, keywordLists, async (world, keywords) => {
      const kernel = new MemoryKernel(world.names, world.devices);
      const toolstack = new MemoryToolstack(world.inventory);
      const journal = new MemoryJournal();
      const targets = resolveTargets([{ text: "ALL", kind: "host" }], toolstack.now());
      const { interfaces } = valued(targets);
      const requests = () =>
        [...kernel.devices].map(([name, { requested }]) => [name, [...requested]]);
      const before = [requests(), structuredClone(toolstack.records)];
      const plan = planDisable(interfaces, keywords, valued(survey(interfaces, kernel)));
      await carryOutNoted(plan, kernel, toolstack, NEVER, journal);
      const known = everyInterface(toolstack.now());
      const noted = [...journal.journal.keys()].flatMap((key) => known.get(key) ?? []);
      expect(noted.map(journalKey)).toEqual([...journal.journal.keys()]);
      const back = planRestore(journal.journal, noted, valued(survey(noted, kernel)), {
        force: false,
      });
      const restored = await carryBack(back, kernel, toolstack, NEVER);
      expect([requests(), toolstack.records]).toEqual(before);
      expect(settle(journal.journal, back, restored).size).toBe(0);
    }),
  );
});
