import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { wrap, wrapWithPrefix } from "../../src/terminal/wrap.ts";

describe("wrap", () => {
  test("breaks between words only", () => {
    expect(wrap("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrap("unbreakable", 4)).toEqual(["unbreakable"]);
    expect(wrap("", 10)).toEqual([""]);
  });

  test("counts wide characters as two, and colors as zero", () => {
    expect(wrap("日本 語", 5)).toEqual(["日本", "語"]);
    expect(wrap("\x1b[31mone\x1b[39m two", 7)).toHaveLength(1);
  });

  test("loses no word and exceeds the width only for a longer word", () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 40 }), (list, columns) => {
        const lines = wrap(list.join(" "), columns);
        expect(lines.flatMap((line) => line.split(" "))).toEqual(list);
        for (const line of lines) {
          if (line.includes(" ")) expect(line.length).toBeLessThanOrEqual(columns);
        }
      }),
    );
  });
});

test("wrapWithPrefix indents the following lines", () => {
  expect(wrapWithPrefix("  ! ", "one two three", 11)).toEqual(["  ! one two", "    three"]);
});
