import { describe, expect, test } from "bun:test";
import type { BootLayer } from "../../../src/core/boot-layer.ts";
import { evaluateBootLayer } from "../../../src/core/verify/boot-findings.ts";
import type { Coverage } from "../../../src/core/verify/coverage.ts";

const EMPTY_COVERAGE: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };
const POLICY: Coverage = { ...EMPTY_COVERAGE, nics: ["tso", "gro"], devices: new Map([["eth1", []]]) };
const CURRENT: BootLayer = { method: "systemd", state: "up-to-date", covers: POLICY };
const ABSENT: BootLayer = { method: null, state: "not-installed", covers: null };

test("evaluateBootLayer returns nothing for a boot layer that follows the policy", () => {
  expect(evaluateBootLayer(CURRENT, POLICY, true)).toEqual({ problems: [], notes: [] });
});

describe("a boot layer that is missing", () => {
  test("is a problem when needed, else a note", () => {
    expect(evaluateBootLayer(ABSENT, POLICY, true).problems).toEqual([
      expect.objectContaining({ code: "boot-not-installed" }),
    ]);
    expect(evaluateBootLayer(ABSENT, POLICY, false)).toMatchObject({
      problems: [],
      notes: [{ code: "not-persisted" }],
    });
  });

  test("is ignored when nothing is to be kept off", () => {
    expect(evaluateBootLayer(ABSENT, EMPTY_COVERAGE, true)).toEqual({ problems: [], notes: [] });
  });
});

describe("a boot layer that does not work is a problem with the command that fixes it", () => {
  for (const state of ["outdated", "disabled", "modified", "not-executable", "incomplete"] as const) {
    test(state, () => {
      const { problems } = evaluateBootLayer({ ...CURRENT, state }, POLICY, false);
      expect(problems).toHaveLength(1);
      expect(problems[0]?.message).toEndWith("fix it with: offload persist");
    });
  }
});

test("lists what the boot layer does not keep off as the policy says", () => {
  const vm = { features: ["gro" as const], vifs: new Map() };
  const wanted: Coverage = {
    ...POLICY,
    vifs: ["gro"],
    devices: new Map([["eth2", []]]),
    vms: new Map([["a", vm]]),
  };
  expect(evaluateBootLayer(CURRENT, wanted, false).problems).toEqual([
    {
      code: "boot-drift",
      message:
        "the boot layer does not follow the policy (different: VIFS, eth1, eth2 and 1 VM); update it with: offload persist",
    },
  ]);
});

test("a boot layer without a policy is to be removed, whatever its state", () => {
  for (const layer of [CURRENT, { ...CURRENT, state: "modified" } as const]) {
    const { problems } = evaluateBootLayer(layer, EMPTY_COVERAGE, false);
    expect(problems[0]?.message).toEndWith("remove it with: offload persist --remove");
  }
});
