import { describe, expect, test } from "bun:test";
import { type BisectReportContext, createBisectReport } from "../../../src/core/bisect/report.ts";
import type { DeviceReport, FeatureReport } from "../../../src/core/report.ts";

const ON: FeatureReport = { live: "on", fixed: false, requested: true, xapi: null, verdict: "drift" };
const FIXED: FeatureReport = { ...ON, fixed: true, verdict: "fixed" };

const ETH1: DeviceReport = {
  device: "eth1",
  kind: "pif",
  uuid: null,
  vm: null,
  management: false,
  features: { rx: FIXED, tx: ON, tso: ON },
};

const CONTEXT: BisectReportContext = {
  host: { uuid: "", name: "xcp-1" },
  devices: [ETH1],
  problems: [],
  isRestored: true,
  notes: [],
  repeat: 1,
  steps: [
    { off: [], outcome: "bad", runs: 1, seconds: 1 },
    { off: [{ device: "eth1", features: ["tso"] }], outcome: "bad", runs: 1, seconds: 1 },
  ],
  fixes: [],
};

describe("the report of a bisection", () => {
  test("names what is fixed, and what the driver left on although it was told to turn it off", () => {
    const { notes } = createBisectReport({ type: "not-the-cause", off: new Set() }, CONTEXT);
    expect(notes.map(({ message }) => message)).toEqual([
      "not tried, because the driver does not let it be turned off: rx and tx on eth1",
    ]);
  });

  test("names only what is fixed where nothing was turned off", () => {
    const { notes } = createBisectReport({ type: "not-present" }, { ...CONTEXT, steps: CONTEXT.steps.slice(0, 1) });
    expect(notes[0]?.message).toEndWith(": rx on eth1");
  });

  test.each([
    ["found", 0],
    ["not-the-cause", 1],
    ["not-present", 2],
  ] as const)("ends with %s in %d, and with 1 where not all is restored", (type, exitCode) => {
    const result = { type, off: new Set<never>(), cause: new Set<never>(), wentAlong: new Set<never>() };
    expect(createBisectReport(result, CONTEXT).exitCode).toBe(exitCode);
    expect(createBisectReport(result, { ...CONTEXT, isRestored: false }).exitCode).toBe(1);
  });
});
