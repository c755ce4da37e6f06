import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const DOCS = resolve(import.meta.dir, "../../docs");
const PAGES = readdirSync(DOCS).filter((name) => name.endsWith(".md") && name !== "README.md");

/** The kinds of pages, as on diataxis.fr. A reference is looked up, not read, and may be long. */
const KINDS = ["Tutorial", "How-to", "Reference", "Explanation"] as const;

const MAX_WORDS = 1500;

/** Which pages the index lists under which kind. */
function pagesByKind(index: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    index.split(/^## /m).flatMap((section) => {
      const [kind = "", ...lines] = section.split("\n");
      const rows = lines.flatMap((line) => /^\| \[[^\]]+\]\(([^)]+)\) \|/.exec(line)?.[1] ?? []);
      return rows.length > 0 ? [[kind, rows] as const] : [];
    }),
  );
}

function countWords(text: string): number {
  return text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}

describe("the index of the documentation", () => {
  const kinds = pagesByKind(readFileSync(join(DOCS, "README.md"), "utf8"));

  test("has the four kinds", () => {
    expect([...kinds.keys()]).toEqual([...KINDS]);
  });

  test("lists every page once", () => {
    expect([...kinds.values()].flat().sort()).toEqual(PAGES.sort());
  });

  test("lists no page over 1,500 words but the reference", () => {
    const readable = KINDS.filter((kind) => kind !== "Reference").flatMap((kind) => kinds.get(kind) ?? []);
    const long = readable
      .map((page) => ({ page, words: countWords(readFileSync(join(DOCS, page), "utf8")) }))
      .filter(({ words }) => words > MAX_WORDS);
    expect(readable.length).toBeGreaterThan(8);
    expect(long).toEqual([]);
  });
});
