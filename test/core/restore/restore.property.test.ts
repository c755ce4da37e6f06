import { expect, test } from "bun:test";
import fc from "fast-check";
import { changeCases, featureLists } from "../../builders/arbitraries.ts";
import { FakeHost } from "../../fakes/change-host.ts";

/** Everything in XAPI, as one would compare it: maps have no order. */
function contents({ toolstack: { database } }: FakeHost): ReadonlyMap<string, unknown> {
  return new Map(database.refs.map((ref) => [ref, database.getOtherConfig(ref)]));
}

test("restore after disable brings back requested bits and other_config of any host", async () => {
  await fc.assert(
    fc.asyncProperty(changeCases, featureLists, fc.boolean(), async (world, features, rule) => {
      const host = new FakeHost(world.inventory, world.devices, { names: world.names });
      const before = [host.requests(), contents(host)];
      await host.disable({
        features,
        hasExplicitFeatures: true,
        groups: { nics: rule, vifs: rule },
      });
      const disabled = contents(host);
      host.journal.length = 0;
      await host.disable({
        features,
        hasExplicitFeatures: true,
        groups: { nics: rule, vifs: rule },
      });
      expect(contents(host)).toEqual(disabled);
      expect(host.journal).toEqual([]);
      await host.restore();
      expect([host.requests(), contents(host)]).toEqual(before);
      host.journal.length = 0;
      await host.restore();
      expect(host.journal).toEqual([]);
    }),
  );
});
