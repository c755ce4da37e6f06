import { expect, test } from "bun:test";
import type { TargetRequest } from "../../src/core/targets/target-request.ts";
import { formatRestoreCommand } from "../../src/core/undo-command.ts";

function undo(...targets: readonly TargetRequest[]): string {
  return formatRestoreCommand({ targets, features: null, pool: false });
}

test("the undo command names a VM that begins with a dash by --vm, for it would be an option", () => {
  expect(undo({ text: "-web", kind: "any" })).toBe("offload restore --vm=-web");
});

test("the undo command names each kind of target as it was typed", () => {
  expect(undo({ text: "web 1", kind: "any" }, { text: "eth0", kind: "pif" })).toBe(
    "offload restore 'web 1' --pif=eth0",
  );
  expect(undo({ text: "ALL", kind: "host" })).toBe("offload restore --host");
});
