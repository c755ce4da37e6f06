import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { stripUnprintable } from "../../src/core/text.ts";
import { createPaint, pad, supportsColor, supportsUnicode, truncate } from "../../src/terminal/text.ts";

describe("printable", () => {
  test.each([
    ["colors", "\u001b[31mred\u001b[0m", "[31mred[0m"],
    ["the title of the window", "\u001b]0;owned\u0007web", "]0;ownedweb"],
    ["8-bit control sequences", "\u009b31mred\u0090x\u009c", "31mredx"],
    ["newlines and returns", "one\r\ntwo\u0085three", "onetwothree"],
    ["tabs, bells and backspaces", "a\tb\u0007c\b\b\bd", "abcd"],
    ["NUL and DEL", "a\0b\u007fc", "abc"],
    ["line and paragraph separators", "a\u2028b\u2029c", "abc"],
    ["overrides of the direction of writing", "\u202egpj.exe\u202c\u2066x\u2069", "gpj.exex"],
    ["characters that nobody sees", "a\u200bb\ufeffc\u00add", "abcd"],
    ["tags that nobody sees", "a\u{e0041}b", "ab"],
    ["half of a surrogate pair", "a\ud800b\udc00c", "abc"],
  ])("removes %s", (_, text, expected) => {
    expect(stripUnprintable(text)).toBe(expected);
  });

  test("keeps every script unchanged", () => {
    for (const text of ["web 1", "é日本語", "Ελλάδα", "עברית", "😀", "", 'it\'s "so"; $(x)']) {
      expect(stripUnprintable(text)).toBe(text);
    }
  });

  test("removes every control character and nothing else", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const shown = stripUnprintable(text);
        for (const character of shown) {
          const code = character.codePointAt(0) ?? 0;
          expect(code < 0x20 || (code >= 0x7f && code < 0xa0)).toBe(false);
          expect(code >= 0xd800 && code < 0xe000).toBe(false);
        }
        expect(stripUnprintable(shown)).toBe(shown);
      }),
    );
  });
});

describe("truncate", () => {
  test("keeps text that fits", () => {
    expect(truncate("web", 3)).toBe("web");
    expect(truncate("", 0)).toBe("");
  });

  test("shortens longer text with an ellipsis", () => {
    expect(truncate("web-server", 6)).toBe("web-s…");
    expect(truncate("ab", 1)).toBe("…");
  });

  test("counts wide characters as two and splits none", () => {
    expect(truncate("日本語", 6)).toBe("日本語");
    expect(truncate("日本語", 5)).toBe("日本…");
    expect(truncate("日本語", 4)).toBe("日…");
    expect(truncate("日本語", 2)).toBe("…");
  });

  test("keeps accents and multi-part emoji together", () => {
    expect(truncate("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
    expect(truncate("👨‍👩‍👧x", 2)).toBe("…");
  });

  test("never exceeds the width", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 40 }), (text, columns) => {
        const shown = truncate(stripUnprintable(text), columns);
        expect(Bun.stringWidth(shown)).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

test("pad fills to the width and keeps wider text", () => {
  expect([pad("ab", 4), pad("日", 4), pad("abcdef", 4)]).toEqual(["ab  ", "日  ", "abcdef"]);
});

test("reserves room for a three-dot ellipsis, or returns nothing", () => {
  expect([truncate("web-server", 6, "..."), truncate("web", 2, "...")]).toEqual(["web...", ""]);
});

describe("detecting Unicode", () => {
  test.each([
    [{ LANG: "en_US.UTF-8" }, true],
    [{ LANG: "C.utf8", TERM: "xterm" }, true],
    [{ LANG: "C", LC_ALL: "C.UTF-8" }, true],
    [{ LANG: "C", LC_CTYPE: "de_DE.UTF-8", LC_ALL: "" }, true],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, false],
    [{ LANG: "en_US.ISO-8859-1" }, false],
    [{}, false],
    [{ LANG: "en_US.UTF-8", TERM: "linux" }, false],
    [{ LANG: "en_US.UTF-8", TERM: "dumb" }, false],
  ])("returns for %j: %p", (environment, expected) => {
    expect(supportsUnicode(environment)).toBe(expected);
  });
});

describe("color", () => {
  const TERMINAL = { isTTY: true };
  const PLAIN = { TERM: "xterm-256color" };

  test("is used on terminals", () => {
    expect(supportsColor(TERMINAL, PLAIN, true)).toBe(true);
    expect(supportsColor(TERMINAL, {}, true)).toBe(true);
  });

  test.each(["1", "0", "", "false", "no"])("is off with NO_COLOR=%p", (value) => {
    expect(supportsColor(TERMINAL, { ...PLAIN, NO_COLOR: value }, true)).toBe(false);
  });

  test("is off with TERM=dumb", () => {
    expect(supportsColor(TERMINAL, { TERM: "dumb" }, true)).toBe(false);
  });

  test("is off without a terminal, whatever the environment", () => {
    for (const stream of [{}, { isTTY: false }]) {
      expect(supportsColor(stream, PLAIN, true)).toBe(false);
      expect(supportsColor(stream, { ...PLAIN, FORCE_COLOR: "1", CLICOLOR_FORCE: "1" }, true)).toBe(false);
    }
  });

  test("is off with --no-color", () => {
    expect(supportsColor(TERMINAL, PLAIN, false)).toBe(false);
  });

  test("paints the words, or returns them unchanged", () => {
    const [on, off] = [createPaint(true), createPaint(false)];
    for (const tone of ["bad", "good", "faint", "strong"] as const) {
      expect(on[tone]("word")).toMatch(/^\u001b\[\d+mword\u001b\[\d+m$/);
      expect(off[tone]("word")).toBe("word");
    }
    expect(on.bad("word")).not.toBe(on.good("word"));
  });
});
