import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hanging, wrapped } from "../../src/terminal/wrap.ts";

describe("wrapped", () => {
  test("breaks between words, and nowhere else", () => {
    expect(wrapped("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrapped("unbreakable", 4)).toEqual(["unbreakable"]);
    expect(wrapped("", 10)).toEqual([""]);
  });

  test("counts wide characters as two, and colours as nothing", () => {
    expect(wrapped("日本 語", 5)).toEqual(["日本", "語"]);
    expect(wrapped("\x1b[31mone\x1b[39m two", 7)).toHaveLength(1);
  });

  test("loses no word, and is never wider than it may be unless a word is", () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 40 }), (list, columns) => {
        const lines = wrapped(list.join(" "), columns);
        expect(lines.flatMap((line) => line.split(" "))).toEqual(list);
        for (const line of lines) {
          if (line.includes(" ")) expect(line.length).toBeLessThanOrEqual(columns);
        }
      }),
    );
  });
});

test("hanging goes on under itself", () => {
  expect(hanging("  ! ", "one two three", 11)).toEqual(["  ! one two", "    three"]);
});
