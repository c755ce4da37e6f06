import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findPhrases } from "./wording.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** Where words are read by people: pages, help, messages, comments and test titles. */
const TEXTS = [
  "{*.md,install.sh}",
  "{docs,examples,packaging,schema,scripts,.github}/**/*",
  "{src,test,bench}/**/*.{ts,md,sh}",
];

/** The table itself, and what others have written. */
const EXEMPT = /^test\/(?:docs\/wording|fixtures\/|dom0\/recordings\/)/;

test("the project uses its own words", () => {
  const files = TEXTS.flatMap((texts) => [...new Bun.Glob(texts).scanSync({ cwd: ROOT, dot: true })]).filter(
    (path) => !EXEMPT.test(path),
  );
  expect(files.length).toBeGreaterThan(300);
  const findings = files
    .sort()
    .flatMap((path) =>
      findPhrases(readFileSync(join(ROOT, path), "utf8")).map(
        ({ line, found, use }) => `${path}:${line}: "${found}": ${use}`,
      ),
    );
  expect(findings).toEqual([]);
});

test("finds a phrase that goes on in the next line of a comment", () => {
  expect(findPhrases("/**\n * A thing that mends\n * it at once.\n */")).toMatchObject([{ line: 2 }]);
  expect(findPhrases("it amends the item")).toEqual([]);
});
