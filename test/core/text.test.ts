import { describe, expect, test } from "bun:test";
import { counted, listed, quoted } from "../../src/core/text.ts";

describe("quoted", () => {
  test("puts a name into quotation marks", () => {
    expect(quoted("web 1")).toBe('"web 1"');
    expect(quoted("")).toBe('""');
  });

  test("cuts a name of more than 64 characters", () => {
    expect(quoted("x".repeat(64))).toBe(`"${"x".repeat(64)}"`);
    expect(quoted("x".repeat(65))).toBe(`"${"x".repeat(64)}…"`);
  });

  test("counts characters, and halves none", () => {
    expect(quoted("😀".repeat(64))).toBe(`"${"😀".repeat(64)}"`);
    expect(quoted("😀".repeat(65))).toBe(`"${"😀".repeat(64)}…"`);
  });
});

test("counted says the number with its noun", () => {
  expect([0, 1, 2, 1000].map((count) => counted(count, "VM"))).toEqual([
    "no VMs",
    "1 VM",
    "2 VMs",
    "1000 VMs",
  ]);
});

test("listed makes a sentence's list", () => {
  expect(listed([])).toBe("none");
  expect(listed(["a"])).toBe("a");
  expect(listed(["a", "b"])).toBe("a and b");
  expect(listed(["a", "b", "c"])).toBe("a, b and c");
});
