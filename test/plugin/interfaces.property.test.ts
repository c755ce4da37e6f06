import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import type { Interface } from "../../src/offload/interface.ts";
import { journalKey, noteLive, noteRecords } from "../../src/offload/journal.ts";
import { planLive, planRecords } from "../../src/offload/plan.ts";
import { shareOut } from "../../src/offload/pool.ts";
import { survey } from "../../src/offload/survey.ts";
import { fromWire, toWire, viewFromWire, viewToWire } from "../../src/plugin/interfaces.ts";
import { ObserveRequest, WireView } from "../../src/plugin/messages.ts";
import { inventories, type World, worlds } from "../offload/arbitraries.ts";
import { MemoryKernel } from "../offload/memory.ts";
import { valued } from "../offload/worlds.ts";

/** What another host receives: text, checked against the schema. */
function travelled(interfaces: readonly Interface[], { host }: World["inventory"]) {
  const text = JSON.stringify({ ...toWire(interfaces, host), version: "1", host: host.uuid });
  return fromWire(v.parse(ObserveRequest, JSON.parse(text)), host);
}

/** What both ends come to, from these interfaces and what the kernel shows. */
function outcome(interfaces: readonly Interface[], { names, devices, keywords }: World) {
  const view = valued(survey(interfaces, new MemoryKernel(names, devices)));
  const wire = v.parse(WireView, JSON.parse(JSON.stringify(viewToWire(view))));
  const seen = viewFromWire(wire);
  const live = planLive(interfaces, keywords, seen);
  const records = planRecords(interfaces, keywords, seen);
  return {
    live: live.map(({ subject, device, clear, keywords: words }) => [
      journalKey(subject),
      device,
      clear.bits,
      words,
    ]),
    records: records.map(({ subject, key, from, to }) => [journalKey(subject), key, from, to]),
    journal: noteRecords(noteLive(new Map(), live, seen), records),
  };
}

describe("interfaces that travel to their host", () => {
  test("mean the same there: the same writes, the same records, the same notes", () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { inventory } = world;
        const own = shareOut(inventory, inventory.host).get(inventory.host.uuid) ?? [];
        expect(outcome(travelled(own, inventory), world)).toEqual(outcome(own, world));
      }),
      { numRuns: 300 },
    );
  });
});

describe("the shares of a pool's hosts", () => {
  test("are every NIC of every host and every VIF of every VM, each exactly once", () => {
    fc.assert(
      fc.property(inventories, (inventory) => {
        const shares = [...shareOut(inventory, inventory.host).values()].flat().map(journalKey);
        const nics = inventory.pifs.filter(({ role }) => role === "physical");
        const vifs = inventory.vifs.filter(({ vm }) => vm.role === "vm");
        const all = [...nics, ...vifs].map(({ uuid }) => uuid);
        expect(shares.toSorted()).toEqual(all.toSorted());
      }),
    );
  });

  test("have no VIF live on another host than the one that has it", () => {
    fc.assert(
      fc.property(inventories, (inventory) => {
        for (const [uuid, share] of shareOut(inventory, inventory.host)) {
          for (const one of share) {
            if (one.kind !== "vif") continue;
            expect(one.whereabouts.at).not.toBe("elsewhere");
            expect(one.vm.residentOn?.uuid ?? inventory.host.uuid).toBe(uuid);
          }
        }
      }),
    );
  });
});
