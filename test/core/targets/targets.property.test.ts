import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { attempt, CommandError } from "../../../src/core/command-error.ts";
import { getUuid, type Interface, listInterfaceDevices } from "../../../src/core/interface.ts";
import type { Inventory } from "../../../src/core/inventory.ts";
import type { TargetRequest } from "../../../src/core/targets/target-request.ts";
import { resolveTargets } from "../../../src/core/targets/targets.ts";
import { inventories } from "../../builders/arbitraries.ts";

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
  test("targets resolve together exactly when each does alone, to the same interfaces", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const whole = attempt(() => resolveTargets(requests, inventory));
        const each = requests.map((request) => attempt(() => resolveTargets([request], inventory)));
        const bad = each.filter((one) => one instanceof CommandError);
        expect(whole instanceof CommandError).toBe(bad.length > 0);
        if (whole instanceof CommandError) {
          expect(whole.failures).toEqual(bad.flatMap(({ failures }) => failures));
          expect(whole.failures.every(({ kind }) => kind === "usage")).toBe(true);
          return;
        }
        const union = new Set(each.flatMap((one) => (one instanceof CommandError ? [] : uuids(one.interfaces))));
        expect(uuids(whole.interfaces)).toEqual([...union].sort());
      }),
    );
  });

  test("the order in which targets are named does not matter", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const resolve = (list: typeof requests) => attempt(() => resolveTargets(list, inventory));
        const [there, back] = [resolve(requests), resolve([...requests].reverse())];
        const isRefused = there instanceof CommandError;
        expect(back instanceof CommandError).toBe(isRefused);
        if (!isRefused) expect(back).toHaveProperty("interfaces", there.interfaces);
      }),
    );
  });

  test("only NICs of this host are selected", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const resolved = attempt(() => resolveTargets(requests, inventory));
        for (const iface of resolved instanceof CommandError ? [] : resolved.interfaces) {
          if (iface.kind !== "pif") continue;
          expect(iface.pif.host.uuid).toBe(inventory.host.uuid);
          expect(iface.pif.role).toBe("physical");
        }
      }),
    );
  });

  test("only VIF devices of guests resident here are selected", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const resolved = attempt(() => resolveTargets(requests, inventory));
        for (const iface of resolved instanceof CommandError ? [] : resolved.interfaces) {
          if (iface.kind !== "vif") continue;
          expect(iface.vm.role).toBe("vm");
          const taps = new Set([`tap${iface.vm.domid}.${iface.vif.device}`]);
          for (const { name } of listInterfaceDevices(iface, taps)) {
            expect(iface.vm.residentOn?.uuid).toBe(inventory.host.uuid);
            expect(["Running", "Paused"]).toContain(iface.vm.powerState);
            expect(name).toMatch(new RegExp(`^(vif|tap)${iface.vm.domid}\\.${iface.vif.device}$`));
          }
        }
      }),
    );
  });

  test("every VM's UUID selects that VM's VIFs and nothing else", () => {
    fc.assert(
      fc.property(inventories, fc.constantFrom("any", "vm"), (inventory, kind) => {
        for (const vm of inventory.vms) {
          const resolved = attempt(() => resolveTargets([{ text: vm.uuid, kind }], inventory));
          expect(resolved instanceof CommandError).toBe(vm.role !== "vm");
          if (resolved instanceof CommandError) continue;
          const own = inventory.vifs.filter((vif) => vif.vm.uuid === vm.uuid);
          expect(uuids(resolved.interfaces)).toEqual(own.map(({ uuid }) => uuid).sort());
          expect(resolved.vmsWithoutVifs).toEqual(own.length === 0 ? [vm] : []);
        }
      }),
    );
  });

  test("every VIF's UUID selects that VIF alone if its VM is a guest", () => {
    fc.assert(
      fc.property(inventories, (inventory) => {
        for (const { uuid, vm } of inventory.vifs) {
          const resolved = attempt(() => resolveTargets([{ text: uuid, kind: "any" }], inventory));
          expect(resolved instanceof CommandError).toBe(vm.role !== "vm");
          if (!(resolved instanceof CommandError)) expect(uuids(resolved.interfaces)).toEqual([uuid]);
        }
      }),
    );
  });

  test("ALL selects the host's NICs and the VIFs of all VMs that are not remote", () => {
    fc.assert(
      fc.property(inventories, (inventory) => {
        const { host, pifs, vifs, vms } = inventory;
        const selection = resolveTargets([{ text: "ALL", kind: "host" }], inventory);
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

  test("each interface is selected once, NICs before VIFs", () => {
    fc.assert(
      fc.property(asked, ({ inventory, requests }) => {
        const resolved = attempt(() => resolveTargets(requests, inventory));
        if (resolved instanceof CommandError) return;
        const chosen = uuids(resolved.interfaces);
        expect(new Set(chosen).size).toBe(chosen.length);
        const kinds = resolved.interfaces.map(({ kind }) => kind);
        expect(kinds).toEqual([...kinds].sort());
      }),
    );
  });
});
