import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { generateBootScript } from "../../src/boot/boot-script.ts";
import { UNIT } from "../../src/boot/systemd.ts";
import { readThirdPartyFiles } from "../../src/host/third-party-files.ts";

let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "foreign-"));
});

afterEach(() => rmSync(root, { recursive: true }));

const LINE = "ethtool -K eth0 tso off\n";

function put(path: string, text = LINE, mode = 0o644): string {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  chmodSync(whole, mode);
  return whole;
}

function found(place: { namePattern?: RegExp; requiresExecutable?: boolean; followsScripts?: boolean } = {}) {
  const { files, unreadable } = readThirdPartyFiles([{ path: root, type: "cron", namePattern: /^[a-z]/, ...place }]);
  return { paths: files.map(({ path }) => path.slice(root.length + 1)), files, unread: unreadable };
}

describe("third-party files", () => {
  test("are those that mention offloads, in order of name", () => {
    put("b");
    put("a");
    put("c", "0 3 * * * root logrotate\n");
    expect(found().paths).toEqual(["a", "b"]);
  });

  test("are read once, even through several links", () => {
    put("a");
    symlinkSync(join(root, "a"), join(root, "b"));
    expect(found().paths).toEqual(["a"]);
  });

  test("exclude those that persist wrote", () => {
    put("offload.service", `${UNIT}${LINE}`);
    put("script", generateBootScript({ nics: ["tso"], vifs: [], devices: new Map(), vms: new Map() }));
    expect(found().paths).toEqual([]);
  });

  test("are inactive when they should be executable and are not", () => {
    put("a");
    put("b", LINE, 0o755);
    expect(found({ requiresExecutable: true }).files.map(({ inactiveReason: idle }) => idle === null)).toEqual([
      false,
      true,
    ]);
  });

  test("include the scripts that they name, equally inactive, but no programs", () => {
    const script = put("x/Script.sh", `#!/bin/sh\n${LINE}`);
    const program = put("x/Program", `\x7fELF ${LINE}`);
    put("a", `0 3 * * * root ${script}; ${program}; /nonexistent/one\n`);
    const { files, unread } = found({ followsScripts: true });
    expect(files.map(({ path, type }) => [path, type])).toEqual([[script, "script"]]);
    expect(unread).toEqual([]);
    expect(found({ followsScripts: true, requiresExecutable: true }).files[0]?.inactiveReason).toContain(
      "not executable",
    );
  });

  test("include drop-in directories, but not .wants directories", () => {
    put("nic.service.d/more.conf");
    put("multi-user.target.wants/nic.service");
    expect(found({ namePattern: /\.service$/ }).paths).toEqual(["nic.service.d/more.conf"]);
  });

  test("are reported when unreadable, and hide no others", () => {
    symlinkSync("a", join(root, "a"));
    put("b");
    const { paths, unread } = found();
    expect(paths).toEqual(["b"]);
    expect(unread).toEqual([{ path: join(root, "a"), reason: "ELOOP" }]);
  });

  test("may be missing", () => {
    const places = [{ path: join(root, "nothing"), type: "cron", namePattern: /./ }] as const;
    expect(readThirdPartyFiles(places)).toEqual({ files: [], unreadable: [] });
  });
});
