import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { previewChanges } from "../../../src/core/disable/plan.ts";
import { FeatureRequest, KernelFeatureTable } from "../../../src/core/feature-set.ts";
import { FEATURE_NAMES } from "../../../src/core/features.ts";
import { evaluateInterfaces } from "../../../src/core/verify/evaluate-interfaces.ts";
import { type ChangeCase, changeCases, featureLists, featureSets, kernels } from "../../builders/arbitraries.ts";
import { bitsFrom, maskOf, toBigInt, withBits } from "../../builders/hosts.ts";
import { FakeHost } from "../../fakes/change-host.ts";

const PIF_KEYS = ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"].map((k) => `ethtool-${k}`);
const VIF_KEYS = ["rx", "tx", "sg", "tso", "ufo", "gso"].map((k) => `ethtool-${k}`);
const MEANS_OFF: readonly (string | undefined)[] = ["off", "false"];

function createHost({ inventory, devices, names }: ChangeCase): FakeHost {
  return new FakeHost(inventory, devices, { names });
}

function planFor({ features }: ChangeCase, host: FakeHost) {
  const plan = host.planChange({ features, hasExplicitFeatures: true });
  return { ...plan, changes: previewChanges(plan) };
}

/** Applies a plan on a host whose devices comply or not. */
async function applyChangeCase(changeCase: ChangeCase, comply: boolean) {
  const host = createHost(changeCase);
  const { kernel } = host;
  if (!comply) {
    kernel.onRequest = (device, { valid }) => {
      const behavior = changeCase.writeBehaviors[kernel.writes.length % 8] ?? "complies";
      if (behavior === "complies") return null;
      if (behavior === "ignores") return { done: true };
      const now = kernel.devices.get(device);
      if (behavior === "half" && now !== undefined) {
        const active = bitsFrom(changeCase.names, toBigInt(now.active) & ~toBigInt(valid));
        kernel.devices.set(device, withBits(changeCase.names, now, { active }));
        return { done: true };
      }
      return { done: false, deviceRemoved: false, reason: "operation not supported" };
    };
  }
  const plan = planFor(changeCase, host);
  const done = await host.disableFeatures(...changeCase.features);
  return { host, kernel, plan, done };
}

/** Keys and values of an object by its UUID, without this tool's texts. */
function settingsOf(host: FakeHost, uuid: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(host.settings(uuid)));
}

describe("for every kernel, pool and list of features", () => {
  test("a write clears only bits that are changeable, asked for, and on or requested", () => {
    fc.assert(
      fc.property(
        kernels.chain((names) =>
          fc.record({
            names: fc.constant(names),
            set: featureSets(names),
            wanted: fc.bigInt({ min: 0n, max: 1n << 80n }),
            keywords: featureLists,
          }),
        ),
        ({ names, set, wanted, keywords }) => {
          const asked = keywords.reduce((sum, keyword) => sum | maskOf(names, keyword), 0n);
          const [active, requested] = [toBigInt(set.active), toBigInt(set.requested)];
          const changeable = toBigInt(set.changeable);
          const clear = set.planOff(keywords);
          expect(toBigInt(clear.valid)).toBe(asked & changeable & (active | requested));
          expect(clear.isEmpty).toBe(toBigInt(clear.valid) === 0n);
          expect(toBigInt(FeatureRequest.off(set, bitsFrom(names, wanted)).valid)).toBe(
            wanted & changeable & (active | requested) & toBigInt(bitsFrom(names, -1n)),
          );
          expect(set.apply(clear)).toEqual(
            withBits(names, set, {
              active: bitsFrom(names, active & ~toBigInt(clear.valid)),
              requested: bitsFrom(names, requested & ~toBigInt(clear.valid)),
            }),
          );
        },
      ),
    );
  });

  test("the state of a feature follows from all its kernel features", () => {
    fc.assert(
      fc.property(
        kernels.chain((names) => fc.tuple(fc.constant(names), featureSets(names))),
        ([names, set]) => {
          for (const keyword of FEATURE_NAMES) {
            const mask = maskOf(names, keyword);
            const free = mask & toBigInt(set.changeable);
            const [on, requested] = [mask & toBigInt(set.active), mask & toBigInt(set.requested)];
            const expected =
              mask === 0n
                ? "absent"
                : on !== 0n
                  ? (on & free) !== 0n
                    ? "on"
                    : "on, fixed"
                  : free === 0n
                    ? "off, fixed"
                    : (requested & free) !== 0n
                      ? "off, requested on"
                      : "off";
            expect(set.state(keyword)).toBe(expected);
            expect(set.isRequested(keyword)).toBe(requested !== 0n);
          }
        },
      ),
    );
  });

  test("a step changes no fixed or not requested feature, and each device once", () => {
    fc.assert(
      fc.property(changeCases, (changeCase) => {
        const { live } = planFor(changeCase, createHost(changeCase));
        const asked = changeCase.features.reduce((mask, keyword) => mask | maskOf(changeCase.names, keyword), 0n);
        for (const { device, request } of live) {
          const set = changeCase.devices.get(device);
          expect(toBigInt(request.valid)).not.toBe(0n);
          expect(toBigInt(request.valid) & ~toBigInt(set?.changeable ?? [])).toBe(0n);
          expect(toBigInt(request.valid) & ~asked).toBe(0n);
        }
        expect(new Set(live.map(({ device }) => device)).size).toBe(live.length);
      }),
    );
  });

  test("no device of another host, of another host's VM or of the bridge is written", async () => {
    await fc.assert(
      fc.asyncProperty(changeCases, async (changeCase) => {
        const { kernel } = await applyChangeCase(changeCase, true);
        const { host, pifs, vms } = changeCase.inventory;
        const domids = vms.flatMap(({ role, residentOn, domid }) =>
          role === "vm" && residentOn?.uuid === host.uuid ? [String(domid)] : [],
        );
        const nics = pifs.flatMap((pif) => (pif.host.uuid === host.uuid ? [pif.device] : []));
        for (const device of kernel.writes) {
          const [, domid] = /^(?:vif|tap)(\d+)\.\d+$/.exec(device) ?? [];
          expect(domid === undefined ? nics : domids).toContain(domid ?? device);
        }
      }),
    );
  });

  test.each([
    ["complies", true],
    ["do as they like", false],
  ])("a PIF gets a setting only when the feature reads off and changeable (devices that %s)", async (_, comply) => {
    await fc.assert(
      fc.asyncProperty(changeCases, async (changeCase) => {
        const { host, kernel } = await applyChangeCase(changeCase, comply);
        for (const { uuid, device, role, managed, settings } of changeCase.inventory.pifs) {
          for (const [key, value] of settingsOf(host, uuid)) {
            if (settings.otherConfig.get(key) === value) continue;
            expect([role, managed, value]).toEqual(["physical", true, "off"]);
            expect(PIF_KEYS).toContain(key);
            const set = kernel.devices.get(device);
            const keyword = changeCase.features.find((one) => `ethtool-${one}` === key);
            const mask = keyword === undefined ? 0n : maskOf(changeCase.names, keyword);
            if (set === undefined) throw new Error(`${device} has a setting and is missing`);
            expect(mask & toBigInt(set.changeable)).not.toBe(0n);
            expect(mask & toBigInt(set.active)).toBe(0n);
            expect(mask & toBigInt(set.requested) & toBigInt(set.changeable)).toBe(0n);
          }
        }
      }),
    );
  });

  test("keys other than the honored ones never change", async () => {
    await fc.assert(
      fc.asyncProperty(changeCases, async (changeCase) => {
        const { host, plan } = await applyChangeCase(changeCase, false);
        for (const { iface, key, feature } of plan.settings) {
          expect(iface.kind === "pif" ? PIF_KEYS : VIF_KEYS).toContain(key);
          expect(changeCase.features).toContain(feature);
        }
        const { pifs, vifs } = changeCase.inventory;
        for (const [objects, keys] of [
          [pifs, PIF_KEYS],
          [vifs, VIF_KEYS],
        ] as const) {
          for (const { uuid, settings } of objects) {
            const others = (map: ReadonlyMap<string, string>) =>
              Object.fromEntries([...map].filter(([key]) => !keys.includes(key)));
            expect(others(settingsOf(host, uuid))).toEqual(others(settings.otherConfig));
          }
        }
      }),
    );
  });

  test("a setting that means off is left alone, and none is ever lost", async () => {
    await fc.assert(
      fc.asyncProperty(changeCases, async (changeCase) => {
        const { host, plan } = await applyChangeCase(changeCase, true);
        for (const { from } of plan.settings) expect(MEANS_OFF).not.toContain(from);
        for (const { uuid, settings } of [...changeCase.inventory.pifs, ...changeCase.inventory.vifs]) {
          const now = settingsOf(host, uuid);
          for (const [key, value] of settings.otherConfig) {
            if (MEANS_OFF.includes(value)) expect(now.get(key)).toBe(value);
            expect(now.has(key)).toBe(true);
          }
        }
      }),
    );
  });

  test("on an ideal host everything changeable ends off and a second plan is empty", async () => {
    await fc.assert(
      fc.asyncProperty(changeCases, async (changeCase) => {
        const { host, done, plan } = await applyChangeCase(changeCase, true);
        expect(done.problems).toEqual([]);
        expect(done.changes).toEqual(plan.changes);
        const again = planFor(changeCase, host);
        expect([again.live, again.settings, again.policySteps, again.changes]).toEqual([[], [], [], []]);
        const scope = { features: changeCase.features, includesSettings: true };
        const codes = evaluateInterfaces(done.interfaces, done.after, scope).problems.map(({ code }) => code);
        const wrong = ["live-on", "requested-on", "setting-missing", "setting-on", "gro-not-persistent"];
        expect(codes.filter((code) => [...wrong, "setting-invalid"].includes(code))).toEqual([]);
      }),
    );
  });

  test("planning changes nothing and is repeatable", () => {
    fc.assert(
      fc.property(changeCases, (changeCase) => {
        const host = createHost(changeCase);
        const [first, second] = [planFor(changeCase, host), planFor(changeCase, host)];
        expect(second).toEqual(first);
        expect(host.journal).toEqual([]);
        expect(host.kernel.devices).toEqual(new Map(changeCase.devices));
      }),
    );
  });

  test("the result of one interface does not depend on the others", async () => {
    await fc.assert(
      fc.asyncProperty(changeCases, async (changeCase) => {
        const { done } = await applyChangeCase(changeCase, false);
        const scope = { features: changeCase.features, includesSettings: true };
        const together = evaluateInterfaces(done.interfaces, done.after, scope);
        // A kernel of its own for each, so that nothing can be remembered from another.
        const apart = done.interfaces.map((iface) =>
          evaluateInterfaces(
            [iface],
            { ...done.after, featureTable: new KernelFeatureTable(changeCase.names.names) },
            scope,
          ),
        );
        expect(together).toEqual({
          devices: apart.flatMap(({ devices }) => devices),
          problems: apart.flatMap(({ problems }) => problems),
          notes: apart.flatMap(({ notes }) => notes),
        });
      }),
    );
  });

  test("every message about an interface begins with its name", async () => {
    await fc.assert(
      fc.asyncProperty(changeCases, async (changeCase) => {
        const { done } = await applyChangeCase(changeCase, false);
        const scope = { features: changeCase.features, includesSettings: true };
        const evaluated = evaluateInterfaces(done.interfaces, done.after, scope);
        for (const { interface: name, message } of [...done.problems, ...evaluated.problems]) {
          if (name !== undefined) expect(message).toStartWith(`${name}: `);
        }
      }),
    );
  });
});
