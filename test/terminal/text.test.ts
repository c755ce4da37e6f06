import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  fitted,
  padded,
  paint,
  printable,
  takesColour,
  takesUnicode,
} from "../../src/terminal/text.ts";

describe("printable", () => {
  test.each([
    ["colours", "\u001b[31mred\u001b[0m", "[31mred[0m"],
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
  ])("takes out %s", (_, text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  test("leaves every writing as it is", () => {
    for (const text of ["web 1", "é日本語", "Ελλάδα", "עברית", "😀", "", 'it\'s "so"; $(x)']) {
      expect(printable(text)).toBe(text);
    }
  });

  test("no control character ever gets through, and what is left stays", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const shown = printable(text);
        for (const character of shown) {
          const code = character.codePointAt(0) ?? 0;
          expect(code < 0x20 || (code >= 0x7f && code < 0xa0)).toBe(false);
          expect(code >= 0xd800 && code < 0xe000).toBe(false);
        }
        expect(printable(shown)).toBe(shown);
      }),
    );
  });
});

describe("fitted", () => {
  test("leaves alone what fits", () => {
    expect(fitted("web", 3)).toBe("web");
    expect(fitted("", 0)).toBe("");
  });

  test("cuts what does not, with an ellipsis", () => {
    expect(fitted("web-server", 6)).toBe("web-s…");
    expect(fitted("ab", 1)).toBe("…");
  });

  test("counts wide characters as two, and halves none", () => {
    expect(fitted("日本語", 6)).toBe("日本語");
    expect(fitted("日本語", 5)).toBe("日本…");
    expect(fitted("日本語", 4)).toBe("日…");
    expect(fitted("日本語", 2)).toBe("…");
  });

  test("keeps together what is one sign: accents and emoji of several parts", () => {
    expect(fitted("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
    expect(fitted("👨‍👩‍👧x", 2)).toBe("…");
  });

  test("the result is never wider than it may be", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.integer({ min: 1, max: 40 }),
        (text, columns) => {
          const shown = fitted(printable(text), columns);
          expect(Bun.stringWidth(shown)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

test("padded fills up to so many columns, and leaves alone what is wider", () => {
  expect([padded("ab", 4), padded("日", 4), padded("abcdef", 4)]).toEqual([
    "ab  ",
    "日  ",
    "abcdef",
  ]);
});

test("an ellipsis of three dots takes its room, or nothing is shown at all", () => {
  expect([fitted("web-server", 6, "..."), fitted("web", 2, "...")]).toEqual(["web...", ""]);
});

describe("what a terminal can show", () => {
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
  ])("%j: more than ASCII is %p", (environment, expected) => {
    expect(takesUnicode(environment)).toBe(expected);
  });
});

describe("colour", () => {
  const TERMINAL = { isTTY: true };
  const PLAIN = { TERM: "xterm-256color" };

  test("is for terminals", () => {
    expect(takesColour(TERMINAL, PLAIN, true)).toBe(true);
    expect(takesColour(TERMINAL, {}, true)).toBe(true);
  });

  test.each(["1", "0", "", "false", "no"])("is off with NO_COLOR=%p: any value counts", (value) => {
    expect(takesColour(TERMINAL, { ...PLAIN, NO_COLOR: value }, true)).toBe(false);
  });

  test("is off with TERM=dumb", () => {
    expect(takesColour(TERMINAL, { TERM: "dumb" }, true)).toBe(false);
  });

  test("is off without a terminal, whatever the environment says", () => {
    for (const stream of [{}, { isTTY: false }]) {
      expect(takesColour(stream, PLAIN, true)).toBe(false);
      expect(takesColour(stream, { ...PLAIN, FORCE_COLOR: "1", CLICOLOR_FORCE: "1" }, true)).toBe(
        false,
      );
    }
  });

  test("is off with --no-color", () => {
    expect(takesColour(TERMINAL, PLAIN, false)).toBe(false);
  });

  test("paints the words, or leaves them alone", () => {
    const [on, off] = [paint(true), paint(false)];
    for (const tone of ["bad", "warning", "good", "faint", "strong"] as const) {
      expect(on[tone]("word")).toMatch(/^\u001b\[\d+mword\u001b\[\d+m$/);
      expect(off[tone]("word")).toBe("word");
    }
    expect(on.bad("word")).not.toBe(on.good("word"));
  });
});
