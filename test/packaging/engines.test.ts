import { expect, test } from "bun:test";
import * as v from "valibot";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };

const PACKAGES = v.record(
  v.string(),
  v.looseObject({ engines: v.optional(v.looseObject({ node: v.optional(v.string()) })) }),
);

test("every package runs on the oldest Node that engines promises", () => {
  const [, oldest = ""] = /^>=(\d+\.\d+)$/.exec(manifest.engines.node) ?? [];
  const version = `${oldest}.0`;
  const packages = Object.entries(v.parse(PACKAGES, lock.packages));
  expect(packages.length).toBeGreaterThan(50);
  const refused = packages.filter(([, { engines }]) => engines?.node && !Bun.semver.satisfies(version, engines.node));
  expect(refused.map(([name, { engines }]) => `${name} ${engines?.node}`)).toEqual([]);
});
