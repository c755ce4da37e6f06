import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareNatural } from "../../src/core/natural-order.ts";

function sorted(...words: readonly string[]) {
  return [...words].sort(compareNatural);
}

describe("natural order", () => {
  test("compares numbers in names: eth2 before eth10, vif9.0 before vif10.0", () => {
    expect(sorted("eth10", "eth2", "eth1", "eth0")).toEqual(["eth0", "eth1", "eth2", "eth10"]);
    expect(sorted("vif10.0", "vif9.10", "vif9.2")).toEqual(["vif9.2", "vif9.10", "vif10.0"]);
    expect(sorted("10", "9", "0")).toEqual(["0", "9", "10"]);
  });

  test("treats only digits as a number, of any length", () => {
    expect(compareNatural("Infinity", "Infinity")).toBe(0);
    expect(sorted("Infinity 10", "Infinity 2", "Infinity 1")).toEqual(["Infinity 1", "Infinity 2", "Infinity 10"]);
    const [shorter, longer] = ["9".repeat(400), "9".repeat(401)];
    expect(compareNatural(shorter, longer)).toBeLessThan(0);
    expect(compareNatural(longer, shorter)).toBeGreaterThan(0);
    // Were a blank a zero, each of these would come before the next, and the last before the first.
    expect(compareNatural(" b", "!")).toBeLessThan(0);
    expect(compareNatural("!", "0a")).toBeLessThan(0);
    expect(compareNatural(" b", "0a")).toBeLessThan(0);
  });

  test("does not depend on the input order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(fc.string(), fc.stringMatching(/^[ab01]{0,6}$/))), (words) => {
        expect(sorted(...[...words].reverse())).toEqual(sorted(...words));
      }),
    );
  });

  test("is a strict total order", () => {
    const word = fc.oneof(fc.string({ maxLength: 5 }), fc.stringMatching(/^[aB01é.]{0,4}$/));
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        const [ab, ba] = [compareNatural(a, b), compareNatural(b, a)];
        expect(Math.sign(ab) + Math.sign(ba)).toBe(0);
        expect(ab === 0).toBe(a === b);
        if (ab <= 0 && compareNatural(b, c) <= 0) expect(compareNatural(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});
