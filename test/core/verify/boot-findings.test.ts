import { describe, expect, test } from "bun:test";
import type { BootLayer } from "../../../src/core/boot-layer.ts";
import { evaluateBootLayer } from "../../../src/core/verify/boot-findings.ts";
import type { Coverage } from "../../../src/core/verify/coverage.ts";

const EMPTY_COVERAGE: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };
const POLICY: Coverage = { ...EMPTY_COVERAGE, nics: ["tso", "gro"], devices: new Map([["eth1", []]]) };
const CURRENT: BootLayer = { method: "systemd", state: "up-to-date", covers: POLICY, thirdParty: [] };
const ABSENT: BootLayer = { method: null, state: "not-installed", covers: null, thirdParty: [] };

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
      command: "offload persist",
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

describe("what stands in the place of a file of the boot layer", () => {
  const path = "/etc/udev/rules.d/zz-offload.rules";
  const foreign = { path, reason: "it is a directory", isMask: false };
  const mask = { path, reason: "an administrator has masked it with a link to /dev/null", isMask: true };

  test("is a problem under its name, whatever the policy, and persist is not the advice", () => {
    const message = `${path} is left alone: it is a directory; move it away`;
    const problems = [{ code: "boot-third-party", message }] as const;
    for (const [layer, expected] of [
      [ABSENT, EMPTY_COVERAGE],
      [ABSENT, POLICY],
      [{ ...CURRENT, state: "incomplete" as const }, POLICY],
    ] as const) {
      expect(evaluateBootLayer({ ...layer, thirdParty: [foreign] }, expected, false)).toEqual({ problems, notes: [] });
    }
  });

  test("is a problem when it is a mask and something is to run at boot, and else a decision of the administrator's", () => {
    const evaluate = (layer: BootLayer, expected: typeof POLICY, isNeeded: boolean) => {
      const { problems, notes } = evaluateBootLayer({ ...layer, thirdParty: [mask] }, expected, isNeeded);
      return [problems, notes].map((findings) => findings.map(({ code }) => code).join());
    };
    const isProblem = ["boot-masked", ""];
    expect(evaluate({ ...CURRENT, state: "incomplete" }, POLICY, false)).toEqual(isProblem);
    expect(evaluate(ABSENT, POLICY, true)).toEqual(isProblem);
    expect(evaluate(ABSENT, POLICY, false)).toEqual(["", "boot-masked,not-persisted"]);
    expect(evaluate(ABSENT, EMPTY_COVERAGE, true)).toEqual(["", "boot-masked"]);
  });
});
