import { describe, expect, test } from "bun:test";
import { disableReport, forecast, planDisable } from "../../src/offload/disable.ts";
import { DEFAULT_KEYWORDS, type Keyword } from "../../src/offload/features.ts";
import type { Interface } from "../../src/offload/interface.ts";
import type { Pif, Vif } from "../../src/offload/inventory.ts";
import { survey } from "../../src/offload/survey.ts";
import { resolveTargets } from "../../src/offload/targets.ts";
import { carryOutNoted, MemoryKernel, MemoryToolstack } from "./memory.ts";
import {
  ALPHA,
  bitsNamed,
  config,
  featureSet,
  haltedVm,
  inventory,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  namesOf,
  pif,
  pifRecords,
  VIF_ON,
  valued,
  vif,
  vifRecords,
  vm,
} from "./worlds.ts";

const NEVER = () => false;
const web = vm("web", { domid: 3 });
const db = haltedVm("db");

/** A host with two NICs, a running VM and a halted one. */
function host(more: { readonly eth0?: Partial<Pif>; readonly web0?: Partial<Vif> } = {}) {
  const journal: string[] = [];
  const pool = inventory({
    pifs: [pif("eth0", { management: true, ...more.eth0 }), pif("eth1")],
    vms: [web, db],
    vifs: [vif(web, "0", more.web0 ?? {}), vif(db, "0")],
  });
  const kernel = new MemoryKernel(
    KERNEL,
    { eth0: NIC_ON, eth1: NIC_ON, "vif3.0": VIF_ON, "tap3.0": NIC_ON },
    journal,
  );
  const toolstack = new MemoryToolstack(pool, journal);
  const interfaces = (): readonly Interface[] =>
    valued(resolveTargets([{ text: "ALL", kind: "any" }], toolstack.now())).interfaces;
  const plan = (keywords: readonly Keyword[] = DEFAULT_KEYWORDS) =>
    planDisable(interfaces(), keywords, valued(survey(interfaces(), kernel)));
  const run = async (
    isStopped: () => boolean = NEVER,
    keywords: readonly Keyword[] = DEFAULT_KEYWORDS,
  ) => {
    const done = await carryOutNoted(plan(keywords), kernel, toolstack, isStopped);
    const concerned = { host: ALPHA, keywords, record: true, notes: [] };
    return { done, report: disableReport("disable", done, concerned) };
  };
  return { journal, pool, kernel, toolstack, plan, run };
}

function recordsOf(toolstack: MemoryToolstack, uuid: string) {
  return Object.fromEntries(toolstack.records.get(uuid) ?? []);
}

/** A NIC whose driver turns all off but GRO. */
const GRO_STAYS = {
  ...NIC_OFF,
  active: bitsNamed(KERNEL, ...namesOf(KERNEL, NIC_OFF.active), "rx-gro"),
};

const { "ethtool-ufo": _ufo, "ethtool-lro": _lro, ...POSSIBLE } = pifRecords("off");

describe("the plan", () => {
  test("and its forecast touch nothing", () => {
    const { kernel, toolstack, plan } = host();
    forecast(plan(), { records: true });
    expect([kernel.writes, toolstack.written]).toEqual([[], []]);
  });

  test("foresees the records that the live half will allow", () => {
    const { records } = forecast(host().plan(), { records: true });
    const keys = records.flatMap(({ subject, key }) =>
      subject.kind === "pif" && subject.pif.device === "eth0" ? [key] : [],
    );
    expect(keys).toEqual(Object.keys(POSSIBLE));
  });

  test("foresees no records where none are to be written", () => {
    const plan = host().plan();
    const { records, changes } = forecast(plan, { records: false });
    expect(records).toEqual([]);
    expect(changes.filter(({ layer }) => layer === "recorded")).toEqual([]);
    expect(new Set(changes.map(({ device }) => device)).size).toBe(4);
    expect(plan.live).toHaveLength(4);
  });
});

describe("carrying it out", () => {
  test("turns everything off, records it, and says so", async () => {
    const { kernel, toolstack, pool, plan, run } = host();
    const { changes } = forecast(plan(), { records: true });
    const { done, report } = await run();
    expect(kernel.devices.get("eth0")).toEqual(NIC_OFF);
    expect(kernel.devices.get("tap3.0")).toEqual(NIC_OFF);
    for (const { uuid } of pool.pifs) expect(recordsOf(toolstack, uuid)).toEqual(POSSIBLE);
    for (const { uuid } of pool.vifs) expect(recordsOf(toolstack, uuid)).toEqual(vifRecords("off"));
    expect(done.changes).toEqual(changes);
    expect(report.problems.map(({ code }) => code)).toEqual(["live-fixed"]);
    expect(report.exitCode).toBe(0);
  });

  test("writes each device once, and the kernel before the records before the events", async () => {
    const { kernel, journal, run } = host();
    await run();
    expect(kernel.writes).toEqual(["eth0", "eth1", "vif3.0", "tap3.0"]);
    const order = journal.map((line) => line.split(" ")[0]);
    expect([...new Set(order)]).toEqual(["kernel", "record", "announce", "read"]);
    expect(order.lastIndexOf("kernel")).toBeLessThan(order.indexOf("record"));
    expect(order.lastIndexOf("record")).toBeLessThan(order.indexOf("announce"));
  });

  test("a second run changes nothing and says so", async () => {
    const { kernel, toolstack, plan, run } = host();
    await run();
    const again = plan();
    expect(again.live).toEqual([]);
    expect(forecast(again, { records: true })).toEqual({ records: [], changes: [] });
    const written = [kernel.writes.length, toolstack.written.length];
    const { report } = await run();
    expect([kernel.writes.length, toolstack.written.length]).toEqual(written);
    expect(report.changes).toEqual([]);
    expect(report.exitCode).toBe(0);
  });

  test("injects an event for each running VM with new records, and for no other", async () => {
    const { toolstack, run } = host();
    await run();
    expect(toolstack.announced).toEqual([web.uuid]);
  });

  test("injects none for a VM whose records were right already", async () => {
    const { toolstack, run } = host({ web0: { otherConfig: config(vifRecords("off")) } });
    await run();
    expect(toolstack.announced).toEqual([]);
  });

  test("records are replaced where they say something else, left where they mean off", async () => {
    const before = { "ethtool-tso": "on", "ethtool-gso": "false", "ethtool-lro": "on", mine: "x" };
    const { toolstack, pool, run } = host({ eth0: { otherConfig: config(before) } });
    await run();
    const [eth0] = pool.pifs;
    expect(recordsOf(toolstack, eth0?.uuid ?? "")).toEqual({
      ...POSSIBLE,
      "ethtool-gso": "false",
      // lro is fixed off: whatever stands there is not this program's to decide.
      "ethtool-lro": "on",
      mine: "x",
    });
  });

  test("side effects of the driver are told of, as what reading back shows", async () => {
    const { kernel, run } = host();
    kernel.disturb = (device) => {
      if (device !== "eth0") return null;
      kernel.devices.set(device, NIC_OFF);
      return { done: true };
    };
    const { done } = await run(NEVER, ["sg"]);
    const live = done.changes.filter(({ device, layer }) => device === "eth0" && layer === "live");
    expect(live.map(({ feature }) => feature)).toEqual(["rx", "tx", "sg", "tso", "gso", "gro"]);
  });

  test("without a toolstack only the kernel is written", async () => {
    const { kernel, plan } = host();
    const done = await carryOutNoted(plan(), kernel, null, NEVER);
    expect(kernel.devices.get("eth0")).toEqual(NIC_OFF);
    expect(done.changes.every(({ layer }) => layer === "live")).toBe(true);
    expect(done).toMatchObject({ problems: [], recordsKnown: true });
  });
});

describe("the result is what reading back shows, never an exit status", () => {
  test("a write that claims to be done and is not: on, not recorded, exit code 1", async () => {
    const { kernel, toolstack, pool, run } = host();
    kernel.disturb = (device) => (device === "eth0" ? { done: true } : null);
    const { report } = await run();
    const [eth0, eth1] = pool.pifs;
    expect(recordsOf(toolstack, eth0?.uuid ?? "")).toEqual({});
    expect(recordsOf(toolstack, eth1?.uuid ?? "")).toEqual(POSSIBLE);
    expect(report.problems).toMatchObject([
      { code: "live-on", device: "eth0" },
      { code: "live-fixed" },
    ]);
    expect(report.changes.some(({ device }) => device === "eth0")).toBe(false);
    expect(report.exitCode).toBe(1);
  });

  test("a feature that a driver refuses alone is not recorded, the others are", async () => {
    const { kernel, toolstack, pool, run } = host();
    kernel.disturb = (device) => {
      if (device !== "eth0") return null;
      kernel.devices.set(device, GRO_STAYS);
      return { done: true };
    };
    await run();
    const { "ethtool-gro": _gro, ...others } = POSSIBLE;
    expect(recordsOf(toolstack, pool.pifs[0]?.uuid ?? "")).toEqual(others);
  });

  test("a feature that stays requested is not recorded: it would come back", async () => {
    const { kernel, toolstack, pool, run } = host();
    kernel.disturb = (device) => {
      if (device !== "eth0") return null;
      kernel.devices.set(device, { ...NIC_OFF, requested: NIC_ON.requested });
      return { done: true };
    };
    const { report } = await run();
    expect(recordsOf(toolstack, pool.pifs[0]?.uuid ?? "")).toEqual({});
    expect(report.problems[0]?.code).toBe("latent");
    expect(report.exitCode).toBe(1);
  });

  test("a write that claims to have failed and has not: off, recorded, but told of", async () => {
    const { kernel, toolstack, pool, run } = host();
    kernel.disturb = (device) => {
      if (device !== "eth0") return null;
      kernel.devices.set(device, NIC_OFF);
      return { done: false, gone: false, because: "input/output error" };
    };
    const { report } = await run();
    expect(recordsOf(toolstack, pool.pifs[0]?.uuid ?? "")).toEqual(POSSIBLE);
    expect(report.problems[0]).toMatchObject({ code: "write-failed", device: "eth0" });
    expect(report.exitCode).toBe(1);
  });
});

describe("what can go wrong", () => {
  test("a write fails: the rest goes on, and the PIF gets no record", async () => {
    const { kernel, toolstack, pool, run } = host();
    kernel.disturb = (device) =>
      device === "eth0" ? { done: false, gone: false, because: "operation not supported" } : null;
    const { report } = await run();
    expect(kernel.devices.get("eth1")).toEqual(NIC_OFF);
    expect(recordsOf(toolstack, pool.pifs[0]?.uuid ?? "")).toEqual({});
    expect(report.problems.slice(0, 2)).toMatchObject([
      {
        code: "write-failed",
        device: "eth0",
        uuid: pool.pifs[0]?.uuid,
        message: "eth0: could not be changed: operation not supported",
      },
      { code: "live-on", device: "eth0" },
    ]);
    expect(report.exitCode).toBe(1);
  });

  test("a device vanishes between plan and write: told of once, the rest goes on", async () => {
    const { kernel, toolstack, pool, run } = host();
    kernel.disturb = (device) => {
      if (device === "vif3.0") kernel.devices.delete("vif3.0");
      return null;
    };
    const { report } = await run();
    expect(kernel.devices.get("tap3.0")).toEqual(NIC_OFF);
    expect(report.problems.filter(({ code }) => code.startsWith("device-"))).toMatchObject([
      { code: "device-vanished", device: "vif3.0" },
    ]);
    expect(recordsOf(toolstack, pool.vifs[0]?.uuid ?? "")).toEqual(vifRecords("off"));
    expect(report.exitCode).toBe(1);
  });

  test("a device cannot be read back: not recorded, not claimed", async () => {
    const { kernel, toolstack, pool, run } = host();
    kernel.disturb = (device) => {
      if (device === "eth0") kernel.unreadable.add("eth0");
      return null;
    };
    const { report } = await run();
    expect(recordsOf(toolstack, pool.pifs[0]?.uuid ?? "")).toEqual({});
    expect(report.changes.some(({ device }) => device === "eth0")).toBe(false);
    expect(report.problems).toMatchObject([{ code: "device-unreadable" }, { code: "live-fixed" }]);
    expect(report.exitCode).toBe(1);
  });

  test("XAPI dies between two writes: what was not recorded is named, what was is kept", async () => {
    const { toolstack, run } = host();
    toolstack.diesAfter = 3;
    toolstack.readBackFails = true;
    const { done, report } = await run();
    expect(toolstack.written).toHaveLength(3);
    const missed = report.problems.filter(({ code }) => code === "record-not-attempted");
    expect(missed).toHaveLength(2 * 6 + 2 * 6 - 3);
    expect(report.changes.filter(({ layer }) => layer === "recorded")).toHaveLength(3);
    expect(done.recordsKnown).toBe(false);
    expect(report.problems.map(({ code }) => code)).toContain("records-unknown");
    expect(report.exitCode).toBe(1);
  });

  test("a record is refused: named with its key, the others are written", async () => {
    const { toolstack, pool, run } = host();
    toolstack.refuses = ({ key }) => (key === "ethtool-tso" ? "RBAC_PERMISSION_DENIED" : null);
    const { report } = await run();
    const refused = report.problems.filter(({ code }) => code === "record-failed");
    expect(refused).toHaveLength(4);
    expect(refused[0]).toMatchObject({
      uuid: pool.pifs[0]?.uuid,
      message: "eth0: ethtool-tso=off could not be recorded: RBAC_PERMISSION_DENIED",
    });
    expect(report.problems.map(({ code }) => code)).toContain("record-missing");
    expect(report.exitCode).toBe(1);
  });

  test("records that failed may have been removed before: their VM is told, and all are read back", async () => {
    const { journal, toolstack, run } = host({
      web0: { otherConfig: config({ "ethtool-tso": "on" }) },
    });
    toolstack.refuses = () => "INTERNAL_ERROR";
    await run();
    expect(toolstack.announced).toEqual([web.uuid]);
    expect(journal.at(-1)).toBe("read back");
  });

  test("the records cannot be read back: that is a problem, and none is judged", async () => {
    const { toolstack, run } = host();
    toolstack.readBackFails = true;
    const { done, report } = await run();
    expect(done.recordsKnown).toBe(false);
    expect(report.problems.map(({ code }) => code)).toEqual(["records-unknown", "live-fixed"]);
    expect(report.exitCode).toBe(1);
  });

  test("a written record that does not read back is missing", async () => {
    const { toolstack, pool, run } = host();
    const lost = pool.pifs[0]?.uuid ?? "";
    const readBack = toolstack.recordsByUuid.bind(toolstack);
    toolstack.recordsByUuid = async () => {
      toolstack.records.get(lost)?.delete("ethtool-tso");
      return readBack();
    };
    const { report } = await run();
    expect(report.problems).toMatchObject([
      { code: "record-missing", uuid: lost, message: "eth0: no record keeps tso off" },
      { code: "live-fixed" },
    ]);
    expect(report.exitCode).toBe(1);
  });

  test("a VM cannot be told of its records: said, with how many", async () => {
    const { toolstack, run } = host();
    toolstack.deafTo = () => true;
    const { report } = await run();
    expect(report.problems[0]?.message).toStartWith(
      "xenopsd was not told of the new records of 1 VM: ",
    );
    expect(report.exitCode).toBe(1);
  });
});

describe("interrupted", () => {
  test("before anything: nothing is touched, and every device is named", async () => {
    const { kernel, toolstack, run } = host();
    const { report } = await run(() => true);
    expect([kernel.writes, toolstack.written, toolstack.announced]).toEqual([[], [], []]);
    const named = report.problems.flatMap((one) =>
      one.code === "interrupted" && "device" in one ? [one.device] : [],
    );
    expect(named).toEqual(["eth0", "eth1", "vif3.0", "tap3.0"]);
    expect(report.changes).toEqual([]);
    expect(report.exitCode).toBe(1);
  });

  test("between two devices: the one at hand is finished, no other is begun, nothing is recorded", async () => {
    const { kernel, toolstack, run } = host();
    const { report } = await run(() => kernel.writes.length >= 1);
    expect(kernel.writes).toEqual(["eth0"]);
    expect(kernel.devices.get("eth0")).toEqual(NIC_OFF);
    expect(kernel.devices.get("eth1")).toEqual(NIC_ON);
    expect(toolstack.written).toEqual([]);
    expect(report.changes.map(({ device }) => device)).toContain("eth0");
    expect(report.exitCode).toBe(1);
  });

  test("between two records: the VM that has new ones is told of them all the same", async () => {
    const { toolstack, run } = host();
    // Six for each NIC, six for the VIF of db, then two of the six for that of web.
    const { report } = await run(() => toolstack.written.length >= 20);
    expect(toolstack.written.at(-1)).toStartWith(vif(web, "0").uuid);
    expect(toolstack.announced).toEqual([web.uuid]);
    const missed = report.problems.filter(({ code }) => code === "record-not-attempted");
    expect(missed).toHaveLength(4);
    expect(report.exitCode).toBe(1);
  });

  test("a signal that comes while a device is written is heard before the next", async () => {
    const { kernel, run } = host();
    let signalled = false;
    kernel.disturb = () => {
      setImmediate(() => {
        signalled = true;
      });
      // A NIC that resets.
      Bun.sleepSync(20);
      return null;
    };
    await run(() => signalled);
    expect(kernel.writes).toEqual(["eth0"]);
  });
});

test("a NIC with a fixed feature: never in the write, never in the records", async () => {
  const { kernel, toolstack, pool, run } = host();
  const fixed = featureSet(KERNEL, { "rx-checksum": "on fixed", "rx-gro": "on" });
  kernel.devices.set("eth0", fixed);
  await run();
  expect(kernel.devices.get("eth0")).toEqual(
    featureSet(KERNEL, { "rx-checksum": "on fixed", "rx-gro": "off" }),
  );
  expect(recordsOf(toolstack, pool.pifs[0]?.uuid ?? "")).toEqual({ "ethtool-gro": "off" });
});
