import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { getUuid, type Interface, listInterfaceDevices } from "../../../src/core/interface.ts";
import type { Inventory } from "../../../src/core/inventory.ts";
import type { TargetRequest } from "../../../src/core/targets/target-request.ts";
import { resolveTargets } from "../../../src/core/targets/targets.ts";
import { inventories } from "../../builders/arbitraries.ts";
import { failuresOf, unwrap } from "../../builders/hosts.ts";

/** Targets of every kind, such as exist in the inventory and such as do not. */
function requestsFor({ pifs, vms, vifs }: Inventory): fc.Arbitrary<readonly TargetRequest[]> {
  const texts = [
    "ALL",
    "NICS",
    "VIFS",
    "all",
    "",
    "nosuch",
    "vif1.0",
    "eth0.100",
    ...pifs.flatMap(({ uuid, device }) => [uuid, device]),
    ...vms.flatMap(({ uuid, name }) => [uuid, name]),
    ...vifs.map(({ uuid }) => uuid),
  ];
  return fc.array(
    fc.record({
      text: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...texts) }, fc.string()),
      kind: fc.constantFrom("any", "any", "any", "vm", "pif", "host", "nics", "vifs"),
    }),
    { maxLength: 5 },
  );
}

const asked = inventories.chain((inventory) =>
  fc.record({ inventory: fc.constant(inventory), requests: requestsFor(inventory) }),
);

function uuids(interfaces: readonly Interface[]): readonly (string | null)[] {
  return interfaces.map(getUuid).sort();
}

describe("for every pool and every list of targets", () => {
  test("all or nothing: it resolves exactly when each target does, to all that they mean", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const whole = resolveTargets(requests, inventory);
        const each = requests.map((request) => resolveTargets([request], inventory));
        const bad = each.filter(({ ok }) => !ok);
        expect(whole.ok).toBe(bad.length === 0);
        if (!whole.ok) {
          expect(failuresOf(whole)).toEqual(bad.flatMap(failuresOf));
          expect(whole.failures.every(({ kind }) => kind === "usage")).toBe(true);
          return;
        }
        const union = new Set(each.flatMap((one) => uuids(unwrap(one).interfaces)));
        expect(uuids(whole.value.interfaces)).toEqual([...union].sort());
      }),
    );
  });

  test("the order in which targets are named does not matter", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const [there, back] = [resolveTargets(requests, inventory), resolveTargets([...requests].reverse(), inventory)];
        expect(back.ok).toBe(there.ok);
        if (there.ok && back.ok) expect(back.value.interfaces).toEqual(there.value.interfaces);
      }),
    );
  });

  test("no PIF of another host is chosen, and only such as are NICs", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const resolved = resolveTargets(requests, inventory);
        for (const subject of resolved.ok ? resolved.value.interfaces : []) {
          if (subject.kind !== "pif") continue;
          expect(subject.pif.host.uuid).toBe(inventory.host.uuid);
          expect(subject.pif.role).toBe("physical");
        }
      }),
    );
  });

  test("no vif device is chosen of a VM that is not resident here, nor one of no guest", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const resolved = resolveTargets(requests, inventory);
        for (const subject of resolved.ok ? resolved.value.interfaces : []) {
          if (subject.kind !== "vif") continue;
          expect(subject.vm.role).toBe("vm");
          const taps = new Set([`tap${subject.vm.domid}.${subject.vif.device}`]);
          for (const { name } of listInterfaceDevices(subject, taps)) {
            expect(subject.vm.residentOn?.uuid).toBe(inventory.host.uuid);
            expect(["Running", "Paused"]).toContain(subject.vm.powerState);
            expect(name).toMatch(new RegExp(`^(vif|tap)${subject.vm.domid}\\.${subject.vif.device}$`));
          }
        }
      }),
    );
  });

  test("every VM's UUID gives that VM's VIFs and nothing else", () => {
    fc.assert(
      fc.property(inventories, fc.constantFrom("any", "vm"), (inventory, kind) => {
        for (const vm of inventory.vms) {
          const resolved = resolveTargets([{ text: vm.uuid, kind }], inventory);
          expect(resolved.ok).toBe(vm.role === "vm");
          if (!resolved.ok) continue;
          const own = inventory.vifs.filter((vif) => vif.vm.uuid === vm.uuid);
          expect(uuids(resolved.value.interfaces)).toEqual(own.map(({ uuid }) => uuid).sort());
          expect(resolved.value.vmsWithoutVifs).toEqual(own.length === 0 ? [vm] : []);
        }
      }),
    );
  });

  test("every VIF's UUID gives that VIF alone, if its VM is one", () => {
    fc.assert(
      fc.property(inventories, (inventory) => {
        for (const { uuid, vm } of inventory.vifs) {
          const resolved = resolveTargets([{ text: uuid, kind: "any" }], inventory);
          expect(resolved.ok).toBe(vm.role === "vm");
          if (resolved.ok) expect(uuids(resolved.value.interfaces)).toEqual([uuid]);
        }
      }),
    );
  });

  test("the whole host is its NICs, and the VIFs of all VMs that do not run elsewhere", () => {
    fc.assert(
      fc.property(inventories, (inventory) => {
        const { host, pifs, vifs, vms } = inventory;
        const selection = unwrap(resolveTargets([{ text: "ALL", kind: "host" }], inventory));
        const elsewhere = ({ residentOn }: (typeof vms)[number]) =>
          residentOn !== undefined && residentOn.uuid !== host.uuid;
        const nics = pifs.filter((pif) => pif.host.uuid === host.uuid && pif.role === "physical");
        const guests = vifs.filter(({ vm }) => vm.role === "vm" && !elsewhere(vm));
        expect(uuids(selection.interfaces)).toEqual([...nics, ...guests].map(({ uuid }) => uuid).sort());
        const leftOut = vms.filter((vm) => vm.role === "vm" && elsewhere(vm));
        const counts = Map.groupBy(leftOut, ({ residentOn }) => residentOn?.uuid);
        expect(selection.vmsOnOtherHosts.map(({ host: { uuid }, count }) => [uuid, count])).toEqual(
          [...counts].map(([uuid, own]) => [uuid ?? "", own.length]),
        );
      }),
    );
  });

  test("an interface is chosen once, NICs before VIFs", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const resolved = resolveTargets(requests, inventory);
        if (!resolved.ok) return;
        const chosen = uuids(resolved.value.interfaces);
        expect(new Set(chosen).size).toBe(chosen.length);
        const kinds = resolved.value.interfaces.map(({ kind }) => kind);
        expect(kinds).toEqual([...kinds].sort());
      }),
    );
  });
});
