import { describe, expect, test } from "bun:test";
import type { BootReport } from "../../../src/core/boot-layer.ts";
import type { CoverageJson } from "../../../src/core/verify/coverage-json.ts";
import { formatBootLayer } from "../../../src/terminal/views/findings.ts";

const EMPTY_COVERAGE: CoverageJson = { nics: [], vifs: [], devices: {}, vms: {} };
const VM: CoverageJson["vms"][string] = { features: ["tx"], vifs: {} };

/** What is covered, and how that is said. */
const SENTENCES: readonly (readonly [covers: Partial<CoverageJson>, text: string])[] = [
  [{ nics: ["rx", "tx"], vifs: ["rx", "tx"] }, "rx tx off on NICs and VIFs"],
  [{ nics: ["tso"], devices: { eth1: [] } }, "tso off on NICs; nothing off on eth1"],
  [{ vms: { a: VM } }, "what the policy says of 1 VM"],
  [{ vifs: ["gro"], vms: { a: VM, b: VM } }, "gro off on VIFs; what the policy says of 2 VMs"],
];

describe("the boot layer in a sentence", () => {
  test.each(SENTENCES)("describes %j as %s", (covers, text) => {
    const report: BootReport = {
      method: "systemd",
      state: "up-to-date",
      covers: { ...EMPTY_COVERAGE, ...covers },
    };
    expect(formatBootLayer(report)).toBe(`At boot: systemd, up-to-date: ${text}.`);
  });

  test("says that nothing is installed", () => {
    expect(formatBootLayer({ method: null, state: "not-installed", covers: null })).toBe(
      "At boot: nothing is installed.",
    );
  });
});
