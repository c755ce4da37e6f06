import { expect, test } from "bun:test";
import { createUnmanagedInterface } from "../../../src/core/targets/interface-features.ts";
import { formatPlanSummary } from "../../../src/terminal/views/plan-summary.ts";
import { createSnapshot, guest, haltedVm, vif } from "../../builders/hosts.ts";
import { createPlan, PLAN } from "../../builders/reports.ts";

const VIEW = { columns: 80, ellipsis: "…" };

function summaryOf(names: readonly string[]) {
  const interfaces = names.map((name) => guest(vif(haltedVm(name), "0")));
  return formatPlanSummary(
    createPlan(interfaces, createSnapshot({}), ["tso"]),
    { host: { name: "alpha" }, product: "" },
    null,
    VIEW,
  );
}

test("the plan summary shows host, NICs, VMs, features and number of changes", () => {
  const text = formatPlanSummary(PLAN, { host: { name: "alpha" }, product: "XCP-ng 8.3.0" }, null, VIEW);
  expect(text).toBe(`  Host      alpha (XCP-ng 8.3.0)
  NICs      eth0 (management) and eth1
  VMs       2: web, database
  VIFs      3
  Features  rx tx sg tso ufo gso gro lro
  Changes   28 in the kernel, on 5 devices; 24 settings in XAPI
`);
});

test("the plan summary says when there is nothing to change", () => {
  expect(summaryOf([])).toBe(`  Host      alpha
  NICs      none
  VMs       none
  VIFs      0
  Features  tso
  Changes   0 in the kernel, on no devices; no settings in XAPI
`);
});

test("the plan summary names eight VMs and counts the others", () => {
  const names = Array.from({ length: 11 }, (_, index) => `vm${index}`);
  expect(summaryOf(names)).toContain("VMs       11: vm0, vm1, vm2, vm3, vm4, vm5, vm6, vm7 and 3 more\n");
});

test("the plan summary keeps names from sending control sequences, adding lines or filling the screen", () => {
  const text = summaryOf(["\u001b[2J\nChanges   none", "x".repeat(10_000)]);
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(text.trimEnd().split("\n")).toHaveLength(6);
  expect(text).toContain(`${"x".repeat(23)}…`);
  expect(text.length).toBeLessThan(400);
});

test("the plan summary names the NICs that the kernel alone knows, and no VM that it cannot know", () => {
  const interfaces = ["eth0", "vif3.0", "tap3.0"].map(createUnmanagedInterface);
  const plan = createPlan(interfaces, createSnapshot({}), ["tso"]);
  const text = formatPlanSummary(plan, { host: { name: "alpha" }, product: "" }, "look out", VIEW);
  expect(text).toContain("  NICs      eth0\n  VMs       unknown without XAPI\n  VIFs      2\n");
  expect(text).toEndWith("  SSH       look out\n");
});
