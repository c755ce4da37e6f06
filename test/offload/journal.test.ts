import { describe, expect, test } from "bun:test";
import { KEYWORDS } from "../../src/offload/features.ts";
import type { Interface } from "../../src/offload/interface.ts";
import {
  type Journal,
  journalKey,
  noteLive,
  noteRecords,
  strikeRecords,
  withForeign,
} from "../../src/offload/journal.ts";
import { planLive, type RecordStep } from "../../src/offload/plan.ts";
import {
  featureSet,
  guest,
  haltedVm,
  KERNEL,
  NIC_ON,
  nic,
  pif,
  VIF_ON,
  viewOf,
  vif,
  vm,
} from "./worlds.ts";

const NONE: Journal = new Map();
const eth0 = nic(pif("eth0"));
const web0 = guest(vif(vm("web", { domid: 3 }), "0"));
const db0 = guest(vif(haltedVm("db"), "0", { attached: false }));

function noted(
  journal: Journal,
  subject: Interface,
  devices: Parameters<typeof viewOf>[0],
): Journal {
  const view = viewOf(devices);
  return noteLive(journal, planLive([subject], KEYWORDS, view), view);
}

function record(subject: RecordStep["subject"], key: string, from: string | null): RecordStep {
  return { subject, keyword: "tso", key, from, to: "off" };
}

describe("what is live", () => {
  test("every kernel feature that is about to be cleared, as it was asked for and as it was", () => {
    const eth = featureSet(KERNEL, {
      "rx-gro": "on",
      "tx-tcp-segmentation": "latent",
      highdma: "on",
    });
    const entry = noted(NONE, eth0, { eth0: eth }).get(eth0.pif.uuid);
    expect(Object.fromEntries(entry?.main ?? [])).toEqual({
      "rx-gro": { requested: true, active: true },
      "tx-tcp-segmentation": { requested: true, active: false },
    });
  });

  test("of a vif and of the tap beside it, apart", () => {
    const tap = featureSet(KERNEL, { "tx-scatter-gather": "on" });
    const entry = noted(NONE, web0, { "vif3.0": VIF_ON, "tap3.0": tap }).get(web0.vif.uuid);
    expect(entry?.main.has("rx-gro")).toBe(true);
    expect([...(entry?.tap.keys() ?? [])]).toEqual(["tx-scatter-gather"]);
  });

  test("first touch wins: what is noted is never noted again", () => {
    const first = noted(NONE, eth0, { eth0: NIC_ON });
    const changed = featureSet(KERNEL, { "rx-gro": "leaving" });
    expect(noted(first, eth0, { eth0: changed })).toBe(first);
  });
});

describe("what is recorded", () => {
  test("the value that is about to be replaced, or that there was none", () => {
    const steps = [record(eth0, "ethtool-tso", "true"), record(eth0, "ethtool-sg", null)];
    const entry = noteRecords(NONE, steps).get(journalKey(eth0));
    expect(Object.fromEntries(entry?.records ?? [])).toEqual({
      "ethtool-tso": "true",
      "ethtool-sg": null,
    });
  });

  test("first touch wins here, too", () => {
    const first = noteRecords(NONE, [record(eth0, "ethtool-tso", "true")]);
    expect(noteRecords(first, [record(eth0, "ethtool-tso", null)])).toBe(first);
  });

  test("keys of a VIF without a device here are marked, those of one that has one are not", () => {
    const journal = noteRecords(NONE, [
      record(web0, "ethtool-tso", null),
      record(db0, "ethtool-tso", null),
    ]);
    expect([...(journal.get(web0.vif.uuid)?.unplugged ?? [])]).toEqual([]);
    expect([...(journal.get(db0.vif.uuid)?.unplugged ?? [])]).toEqual(["ethtool-tso"]);
  });

  test("struck out: nothing is left of it, and of an interface with nothing else neither", () => {
    const steps = [record(db0, "ethtool-tso", null), record(db0, "ethtool-sg", null)];
    const journal = noteRecords(NONE, steps);
    const one = strikeRecords(journal, steps.slice(0, 1));
    expect([...(one.get(db0.vif.uuid)?.records.keys() ?? [])]).toEqual(["ethtool-sg"]);
    expect([...(one.get(db0.vif.uuid)?.unplugged ?? [])]).toEqual(["ethtool-sg"]);
    expect(strikeRecords(journal, steps)).toEqual(NONE);
    expect(strikeRecords(journal, [record(web0, "ethtool-tso", null)])).toBe(journal);
  });
});

test("a bare device is known by its name: XAPI was not asked for its UUID", () => {
  const bare = { kind: "bare", device: "eth5", as: "pif" } as const;
  const [[key, entry] = []] = [...noted(NONE, bare, { eth5: NIC_ON })];
  expect([key, entry?.kind, entry?.name]).toEqual(["device:eth5", "pif", "eth5"]);
});

test("beside what others have noted, what a journal itself notes of a feature comes first", () => {
  const latent = featureSet(KERNEL, { "rx-gro": "latent", "tx-scatter-gather": "on" });
  const theirs = noted(NONE, web0, { "vif3.0": latent });
  const ours = noted(NONE, web0, { "vif3.0": featureSet(KERNEL, { "rx-gro": "on" }) });
  const joined = withForeign(ours, theirs).get(web0.vif.uuid);
  expect(Object.fromEntries(joined?.main ?? [])).toEqual({
    "rx-gro": { requested: true, active: true },
    "tx-scatter-gather": { requested: true, active: true },
  });
  expect(withForeign(NONE, theirs)).toEqual(theirs);
});
