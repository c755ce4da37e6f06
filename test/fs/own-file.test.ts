import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usageError } from "../../src/core/command-error.ts";
import { OwnFile } from "../../src/fs/own-file.ts";

let directory = "";
let path = "";
let file: OwnFile;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "own-file-"));
  path = join(directory, "in/it");
  file = new OwnFile({
    path,
    mode: 0o640,
    isSigned: (text) => text.startsWith("ours"),
    refuse: (refused, reason) => usageError("third-party-file", `${refused}: ${reason}`),
  });
});

afterEach(() => rmSync(directory, { recursive: true }));

test("an own file is written with its directory, read and removed", async () => {
  expect(file.inspect()).toEqual({ state: "missing" });
  expect(await file.write("ours\n")).toBe(true);
  expect(await file.write("ours\n")).toBe(false);
  expect([file.read(), statSync(path).mode & 0o777]).toEqual(["ours\n", 0o640]);
  expect([file.remove(), file.remove(), file.read()]).toEqual([true, false, null]);
});

/** What stays as it is where nothing is touched. */
function identify(): readonly number[] {
  const { ino, size, mtimeMs, ctimeMs } = lstatSync(path);
  return [ino, size, mtimeMs, ctimeMs];
}

describe("what is in its place is named and left alone", () => {
  const cases: readonly (readonly [what: string, reason: string, put: () => void])[] = [
    ["a link to a file of ours", "it is a symbolic link", () => symlinkSync("../victim", path)],
    ["a link to nothing", "it is a symbolic link", () => symlinkSync("nothing", path)],
    ["a directory", "it is a directory", () => mkdirSync(path)],
    ["a pipe, without waiting for its other end", "it is not a regular file", () => Bun.spawnSync(["mkfifo", path])],
    ["a file without a signature", "it was not written by offload", () => writeFileSync(path, "theirs\n")],
    [
      "a file of another user",
      "it does not belong to root",
      () => {
        writeFileSync(path, "ours\n");
        chownSync(path, 1234, 0);
      },
    ],
  ];
  test.each(cases)("%s", async (_, reason, put) => {
    mkdirSync(join(directory, "in"));
    writeFileSync(join(directory, "victim"), "ours\n");
    put();
    const before = identify();
    expect(file.inspect()).toEqual({ state: "third-party", reason });
    expect(() => file.read()).toThrow(`${path}: ${reason}`);
    expect(file.write("ours, and new\n")).rejects.toThrow(`${path}: ${reason}`);
    expect(file.remove()).toBe(false);
    expect(identify()).toEqual(before);
    expect(readFileSync(join(directory, "victim"), "utf8")).toBe("ours\n");
  });
});

test("a link that replaces a written file is not followed", async () => {
  await file.write("ours\n");
  rmSync(path);
  writeFileSync(join(directory, "victim"), "ours, elsewhere\n");
  symlinkSync("../victim", path);
  expect(file.remove()).toBe(false);
  expect(readlinkSync(path)).toBe("../victim");
});
