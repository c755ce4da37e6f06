import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import { OwnFile, OwnLink } from "../../src/fs/own-file.ts";

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
    refuse: (refused, { reason }) => usageError("third-party-file", `${refused}: ${reason}`),
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
    [
      "a file that others may write to",
      "others than root may write to it",
      () => {
        writeFileSync(path, "ours\n");
        chmodSync(path, 0o660);
      },
    ],
    ["a mask", "an administrator has masked it with a link to /dev/null", () => symlinkSync("/dev/null", path)],
    ["an empty mask", "an administrator has masked it with an empty file", () => writeFileSync(path, "")],
  ];
  test.each(cases)("%s", async (what, reason, put) => {
    mkdirSync(join(directory, "in"));
    writeFileSync(join(directory, "victim"), "ours\n");
    put();
    const before = identify();
    expect(file.inspect()).toEqual({ state: "third-party", reason, isMask: what.endsWith("mask") });
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

describe("a directory of its own", () => {
  const put: readonly (readonly [what: string, reason: string, put: (own: string) => void])[] = [
    ["that is a link", "is no directory of its own", (own) => symlinkSync("elsewhere", own)],
    ["that is a file", "is no directory of its own", (own) => writeFileSync(own, "")],
    [
      "that others may write to",
      "others than root may write to its directory",
      (own) => {
        mkdirSync(own);
        chmodSync(own, 0o775);
      },
    ],
  ];
  test.each(put)("%s is not used", async (_, reason, make) => {
    mkdirSync(join(directory, "elsewhere"));
    make(join(directory, "in"));
    const strict = new OwnFile({ ...file.options, ownsDirectory: true });
    const content = strict.inspect();
    expect(content.state === "third-party" ? content.reason : content.state).toContain(reason);
    expect(strict.write("ours\n")).rejects.toThrow(reason);
    expect(strict.remove()).toBe(false);
    expect(readdirSync(join(directory, "elsewhere"))).toEqual([]);
  });
});

test("an own link is one to its target, by whatever words; everything else stays", () => {
  mkdirSync(join(directory, "in"));
  const target = join(directory, "unit");
  const link = new OwnLink(path, target);
  expect(link.inspect()).toEqual({ state: "missing" });
  for (const words of [target, "../unit"]) {
    symlinkSync(words, path);
    expect(link.inspect()).toEqual({ state: "own" });
    link.remove();
    expect(link.inspect()).toEqual({ state: "missing" });
  }
  for (const make of [
    () => symlinkSync("../other", path),
    () => writeFileSync(path, "theirs"),
    () => mkdirSync(path),
  ]) {
    make();
    const before = identify();
    expect(link.inspect().state).toBe("third-party");
    link.remove();
    expect(identify()).toEqual(before);
    rmSync(path, { recursive: true });
  }
});
