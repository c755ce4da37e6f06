import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatListAnswer, type ListState, renderListFrame } from "../../src/terminal/list-frame.ts";
import { createPaint } from "../../src/terminal/text.ts";

const VIEW = { columns: 60, lines: 12, paint: createPaint(false), ellipsis: "…" };

function state(names: readonly string[], more: Partial<ListState> = {}): ListState {
  return {
    question: "Which?",
    heading: ["name", "state", "on"],
    rows: names.map((name) => ({ cells: [name, "halted", "rx tx"] })),
    matching: names.map((_, number) => number),
    selected: new Set(),
    cursor: 0,
    search: "",
    error: "",
    ...more,
  };
}

function many(count: number) {
  return Array.from({ length: count }, (_, number) => `vm ${number}`);
}

test("the list shows the question, search, rows with marks and keys", () => {
  expect(renderListFrame(state(["web 1", "db"], { cursor: 1, selected: new Set([0]) }), VIEW)).toBe(`Which? 1 chosen
Search: _
      name   state   on
  [x] web 1  halted  rx tx
> [ ] db     halted  rx tx

Tab chooses, arrows move, letters search, Enter goes on, C…`);
});

test("the list shows matches with their count and keeps its columns", () => {
  const frame = renderListFrame(state(["web 1", "db"], { matching: [1], search: "d" }), VIEW);
  expect(frame).toContain("Which? 0 chosen, 1 of 2 shown\nSearch: d_\n");
  expect(frame).toContain("> [ ] db     halted  rx tx\n");
  expect(frame).not.toContain("web 1");
});

test("the list says when nothing matches and why it cannot continue", () => {
  const nothing = state(["web"], { matching: [], search: "x", error: "Choose one" });
  expect(renderListFrame(nothing, VIEW)).toEndWith("  nothing is called that\n\nChoose one");
});

describe("a list that is longer than the screen", () => {
  test("shows the rows around the cursor and counts the others", () => {
    for (const cursor of [0, 50, 99]) {
      const frame = renderListFrame(state(many(100), { cursor }), VIEW);
      expect(frame).toContain(`> [ ] vm ${cursor} `);
      expect(frame).toContain("  and 94 more, above or below\n");
      expect(frame.split("\n")).toHaveLength(11);
    }
  });
});

test("names cannot wrap or add lines or send control sequences", () => {
  const names = fc.array(fc.string({ unit: "binary", maxLength: 60 }), { maxLength: 30 });
  const size = fc.record({
    columns: fc.integer({ min: 30, max: 200 }),
    lines: fc.integer({ min: 7, max: 50 }),
  });
  fc.assert(
    fc.property(names, size, fc.nat(), (list, { columns, lines }, at) => {
      const one = state(list, { cursor: list.length === 0 ? 0 : at % list.length });
      const shown = renderListFrame(one, { ...VIEW, columns, lines }).split("\n");
      expect(shown.length).toBeLessThanOrEqual(lines);
      for (const line of shown) {
        expect(Bun.stringWidth(line)).toBeLessThan(columns);
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }
    }),
    { numRuns: 60 },
  );
});

test("the list uses ASCII except for names, and shows the cursor without color", () => {
  const frame = renderListFrame(state(many(100), { cursor: 3, selected: new Set([2]) }), {
    ...VIEW,
    ellipsis: "...",
  });
  expect(frame).toMatch(/^[\n\x20-\x7e]+$/);
});

test("the answer fits on one line", () => {
  expect(formatListAnswer("Which?", ["web", "db"], VIEW)).toBe("Which? web, db");
  expect(Bun.stringWidth(formatListAnswer("Which?", many(100), VIEW))).toBeLessThan(60);
});
