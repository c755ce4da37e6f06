import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createPaint } from "../../src/terminal/text.ts";
import { drawSession } from "./session.ts";
import { drawTerminal } from "./terminal-svg.ts";

test("docs/session.svg shows what the program prints now; scripts/record makes it again", async () => {
  expect(await drawSession()).toBe(await Bun.file(join(import.meta.dir, "../../docs/session.svg")).text());
}, 60_000);

describe("the picture of a terminal", () => {
  const textsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>(.*)<\/text>/g)].map(([, text]) => text);

  test("shows every line, styled, with what XML reserves escaped", () => {
    const { strong, bad, faint } = createPaint(true);
    const lines = ["a <b> & c", "", `${strong("strong")} ${bad(`bad ${faint("both")}`)}`];
    const svg = drawTerminal("a & b", lines, 40);
    expect(textsOf(svg)).toEqual([
      "a &lt;b&gt; &amp; c",
      '<tspan class="strong">strong</tspan> <tspan class="bad">bad </tspan><tspan class="faint bad">both</tspan>',
    ]);
    expect(svg).toContain("<title>a &amp; b</title>");
  });

  test("fails for a code or control character that it cannot show", () => {
    expect(() => drawTerminal("", ["\x1b[35m pink"], 40)).toThrow("35");
    expect(() => drawTerminal("", ["\x1b[2K wiped"], 40)).toThrow("control characters");
    expect(() => drawTerminal("", ["once\rtwice"], 40)).toThrow("control characters");
  });
});
