import { expect, test } from "bun:test";
import fc from "fast-check";
import type { OffSet } from "../../../src/core/bisect/device-feature.ts";
import { listBisectFeatures, OffReader, planBisectRequest } from "../../../src/core/bisect/devices.ts";
import { findCause } from "../../../src/core/bisect/search.ts";
import { planLiveSteps } from "../../../src/core/disable/steps.ts";
import { collectPreviousRequests, revertDevices } from "../../../src/core/pending-change.ts";
import { readInterfaceFeatures } from "../../../src/core/targets/interface-features.ts";
import { resolveTargets, WHOLE_HOST } from "../../../src/core/targets/targets.ts";
import { type ChangeCase, changeCases } from "../../builders/arbitraries.ts";
import { FakeKernel } from "../../fakes/kernel.ts";

/** What a bisection of the whole host works with. */
function prepare({ inventory, names, devices, features }: ChangeCase) {
  const kernel = new FakeKernel(names, devices);
  const { interfaces } = resolveTargets([WHOLE_HOST], inventory);
  const before = readInterfaceFeatures(interfaces, kernel);
  const steps = planLiveSteps(interfaces, features, before);
  const previous = collectPreviousRequests(steps, before);
  const pairs = listBisectFeatures(steps, before, () => "memory");
  const reader = new OffReader(pairs.all, before);
  const read = () => readInterfaceFeatures(interfaces, kernel);
  const turnOff = (requested: OffSet) => {
    const now = read();
    for (const { device } of steps) {
      const reading = now.readings.get(device);
      if (reading?.state !== "read") continue;
      const request = planBisectRequest(device, reading.features, requested, previous, now.featureTable);
      if (!request.isEmpty) kernel.requestFeatures(device, request);
    }
    return reader.read(read()) ?? new Set();
  };
  return { kernel, pairs, previous, turnOff };
}

test("after a search that is ended at any of its checks, every bit of every device is restored", async () => {
  await fc.assert(
    fc.asyncProperty(changeCases, fc.nat(20), fc.nat(), async (changeCase, endAfter, seed) => {
      const { kernel, pairs, previous, turnOff } = prepare(changeCase);
      if (pairs.candidates.length === 0) return;
      const cause = pairs.candidates[seed % pairs.candidates.length];
      let checks = 0;
      const search = findCause(pairs.candidates, {
        turnOff: async (requested) => turnOff(requested),
        check: async (off) => {
          if (checks++ === endAfter) throw new Error("ended");
          return cause !== undefined && off.has(cause) ? "good" : "bad";
        },
      });
      await search.catch(() => null);
      revertDevices({ devices: previous }, kernel);
      const requests = new Map([...kernel.devices].map(([device, { requested }]) => [device, requested]));
      expect(requests).toEqual(new Map([...changeCase.devices].map(([device, { requested }]) => [device, requested])));
    }),
    { numRuns: 150 },
  );
});
