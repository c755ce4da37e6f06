import { describe, expect, test } from "bun:test";
import { formatFix, type NamedTarget, planFixes } from "../../../src/core/bisect/fixes.ts";
import type { DeviceFeatures } from "../../../src/core/report.ts";

const FIREWALL: NamedTarget = { request: { text: "my fw", kind: "any" }, devices: ["vif4.0", "vif4.1"] };
const NICS: NamedTarget = { request: { text: "NICS", kind: "any" }, devices: ["eth0", "eth1"] };

function formatFixes(cause: readonly DeviceFeatures[], ...named: readonly NamedTarget[]): readonly string[] {
  return planFixes(cause, named).map(formatFix);
}

describe("the command that makes it last", () => {
  test("names a target by the word it was named by, where all its devices are the cause", () => {
    const cause = ["vif4.0", "vif4.1"].map((device) => ({ device, features: ["tx"] as const }));
    expect(formatFixes(cause, FIREWALL, NICS)).toEqual(["offload disable 'my fw' --features tx"]);
  });

  test("names a device where the word that was used means others, too", () => {
    const cause = [{ device: "vif4.1", features: ["tx", "tso"] }] as const;
    expect(formatFixes(cause, FIREWALL)).toEqual(["offload disable vif4.1 --features tx,tso"]);
  });

  test("is one for each set of features", () => {
    const cause = [
      { device: "eth0", features: ["tso"] },
      { device: "vif4.0", features: ["tx"] },
      { device: "eth1", features: ["tso"] },
    ] as const;
    expect(formatFixes(cause, FIREWALL, NICS)).toEqual([
      "offload disable NICS --features tso",
      "offload disable vif4.0 --features tx",
    ]);
  });

  test("names the vif of a tap, once", () => {
    const cause = ["vif3.0", "tap3.0"].map((device) => ({ device, features: ["gso"] as const }));
    expect(formatFixes(cause)).toEqual(["offload disable vif3.0 --features gso"]);
  });

  test("keeps what pinned a target down", () => {
    const pinned = (kind: "vm" | "pif", text: string): NamedTarget => ({ request: { text, kind }, devices: ["eth0"] });
    const cause = [{ device: "eth0", features: ["tx"] }] as const;
    expect(formatFixes(cause, pinned("pif", "eth0"))).toEqual(["offload disable --pif=eth0 --features tx"]);
    expect(formatFixes(cause, pinned("vm", "-x; reboot"))).toEqual(["offload disable '--vm=-x; reboot' --features tx"]);
  });
});
