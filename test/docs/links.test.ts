import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");
const DOCS = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
const PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", ...DOCS.map((name) => `docs/${name}`)];

function textOf(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

/** The names by which parts of a page can be linked to: of its headings, as GitHub makes them, and its own. */
function anchors(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  const own = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id);
  return new Set([...headings, ...own]);
}

for (const page of PAGES) {
  describe(page, () => {
    const text = textOf(page);
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);

    test("links only to existing pages, files and headings", () => {
      for (const link of links.filter((one) => !/^https?:/.test(one))) {
        const [path = "", anchor] = link.split("#");
        const file = path === "" ? page : join(dirname(page), path);
        expect({ link, exists: existsSync(join(ROOT, file)) }).toEqual({ link, exists: true });
        if (anchor === undefined) continue;
        expect({ link, there: anchors(textOf(file)).has(anchor) }).toEqual({ link, there: true });
      }
    });

    test("names only existing scripts and examples", () => {
      const paths = [...text.matchAll(/`((?:scripts|examples|schema|test|docs)\/[\w./-]+)`/g)];
      for (const [, path = ""] of paths) {
        expect({ path, exists: existsSync(join(ROOT, path)) }).toEqual({ path, exists: true });
      }
    });
  });
}

test("the README links to the index of docs/", () => {
  expect(textOf("README.md")).toContain("(docs/README.md)");
});

test("the README has at most 750 words", () => {
  expect(textOf("README.md").trim().split(/\s+/).length).toBeLessThanOrEqual(750);
});
