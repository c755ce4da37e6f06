import { describe, expect, test } from "bun:test";
import { formatCount, joinAnd, quote } from "../../src/core/text.ts";

describe("quoted", () => {
  test("puts a name in quotation marks", () => {
    expect(quote("web 1")).toBe('"web 1"');
    expect(quote("")).toBe('""');
  });

  test("cuts a name of more than 64 characters", () => {
    expect(quote("x".repeat(64))).toBe(`"${"x".repeat(64)}"`);
    expect(quote("x".repeat(65))).toBe(`"${"x".repeat(64)}…"`);
  });

  test("counts characters and splits none", () => {
    expect(quote("😀".repeat(64))).toBe(`"${"😀".repeat(64)}"`);
    expect(quote("😀".repeat(65))).toBe(`"${"😀".repeat(64)}…"`);
  });
});

test("formatCount combines a number with its noun", () => {
  expect([0, 1, 2, 1000].map((count) => formatCount(count, "VM"))).toEqual(["no VMs", "1 VM", "2 VMs", "1000 VMs"]);
});

test("joinAnd joins a list for a sentence", () => {
  expect(joinAnd([])).toBe("none");
  expect(joinAnd(["a"])).toBe("a");
  expect(joinAnd(["a", "b"])).toBe("a and b");
  expect(joinAnd(["a", "b", "c"])).toBe("a, b and c");
});
