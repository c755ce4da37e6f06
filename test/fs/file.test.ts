import { dlopen, FFIType, ptr } from "bun:ffi";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attemptAsync, CommandError, type Failure, usageError } from "../../src/core/command-error.ts";
import { createDirectory, readFileBytes, removeFile, replaceFile } from "../../src/fs/file.ts";
import { TEMPORARY_PREFIX } from "../../src/fs/temporary-file.ts";

const WORKER = join(import.meta.dir, "file-worker.ts");
const NEW = new TextEncoder().encode("new\n");

let directory = "";
let path = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "file-"));
  path = join(directory, "file");
});

afterEach(() => rmSync(directory, { recursive: true }));

function text(file = path): string {
  return readFileSync(file, "utf8");
}

function mode(file = path): number {
  return statSync(file).mode & 0o7777;
}

async function failureOf(work: () => unknown): Promise<Failure | undefined> {
  const result = await attemptAsync(async () => await work());
  return result instanceof CommandError ? result.failures[0] : undefined;
}

async function messageOf(work: () => unknown): Promise<string | undefined> {
  return (await failureOf(work))?.message;
}

describe("replacing a file", () => {
  beforeEach(() => writeFileSync(path, "old\n"));

  test("writes the new bytes and leaves no other file", async () => {
    expect(await replaceFile(path, NEW)).toBe(true);
    expect(text()).toBe("new\n");
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  test("keeps owner, group and permissions", async () => {
    chownSync(path, 1234, 4321);
    chmodSync(path, 0o2640);
    await replaceFile(path, NEW, { createMode: 0o777 });
    expect([statSync(path).uid, statSync(path).gid, mode()]).toEqual([1234, 4321, 0o2640]);
  });

  test("can add permissions, or set them exactly", async () => {
    chmodSync(path, 0o640);
    await replaceFile(path, NEW, { addMode: 0o111 });
    expect(mode()).toBe(0o751);
    await replaceFile(path, NEW, { setMode: 0o600 });
    expect(mode()).toBe(0o600);
  });

  test("keeps the SELinux label and access list", async () => {
    const label = new TextEncoder().encode("system_u:object_r:initrc_exec_t:s0\0");
    setAttribute(path, "security.selinux", label);
    setAttribute(path, "system.posix_acl_access", ACCESS_LIST);
    await replaceFile(path, NEW);
    expect(text()).toBe("new\n");
    expect(attribute(path, "security.selinux")).toEqual(label);
    expect(attribute(path, "system.posix_acl_access")).toEqual(ACCESS_LIST);
  });

  test("creates a new inode: open descriptors and hard links keep the old one", async () => {
    linkSync(path, `${path}.other`);
    await replaceFile(path, NEW);
    expect([text(), text(`${path}.other`)]).toEqual(["new\n", "old\n"]);
  });

  test("supports any size", async () => {
    const big = new Uint8Array(5_000_000).fill(65);
    await replaceFile(path, big);
    expect(statSync(path).size).toBe(5_000_000);
    await replaceFile(path, new Uint8Array());
    expect(statSync(path).size).toBe(0);
  });
});

describe("a file with the same bytes", () => {
  beforeEach(() => {
    writeFileSync(path, NEW);
    utimesSync(path, 1, 1);
  });

  test("is not written", async () => {
    const { ino } = statSync(path);
    expect(await replaceFile(path, NEW)).toBe(false);
    expect(statSync(path)).toMatchObject({ ino, mtimeMs: 1000 });
  });

  test("only gets missing permissions", async () => {
    const { ino } = statSync(path);
    expect(await replaceFile(path, NEW, { addMode: 0o111 })).toBe(true);
    expect(statSync(path)).toMatchObject({ ino, mtimeMs: 1000 });
    expect(mode()).toBe(0o755);
    expect(await replaceFile(path, NEW, { addMode: 0o111 })).toBe(false);
  });
});

describe("a missing file", () => {
  test("is created with the requested permissions, whatever the umask", async () => {
    const mask = process.umask(0o077);
    const made = await replaceFile(path, NEW, { createMode: 0o644, addMode: 0o111 });
    process.umask(mask);
    expect(made).toBe(true);
    expect([text(), mode()]).toEqual(["new\n", 0o755]);
  });

  test("reads as null, also in a missing directory", () => {
    expect(readFileBytes(path)).toEqual(null);
    expect(readFileBytes(`${path}/in/it`)).toEqual(null);
  });
});

describe("a symbolic link", () => {
  test("stays a link: its target is replaced in its own directory", async () => {
    mkdirSync(join(directory, "rc.d"));
    writeFileSync(join(directory, "rc.d/rc.local"), "old\n");
    symlinkSync("rc.d/rc.local", path);
    expect(readFileBytes(path)).toEqual(new Uint8Array(Buffer.from("old\n")));
    expect(await replaceFile(path, NEW)).toBe(true);
    expect(readlinkSync(path)).toBe("rc.d/rc.local");
    expect(lstatSync(join(directory, "rc.d/rc.local")).isFile()).toBe(true);
    expect(text()).toBe("new\n");
  });

  test("is followed through links and linked directories as the kernel does", async () => {
    mkdirSync(join(directory, "a/b"), { recursive: true });
    symlinkSync("a/b", join(directory, "short"));
    symlinkSync("../file", join(directory, "a/b/link"));
    symlinkSync("short/link", path);
    await replaceFile(path, NEW);
    expect(text(join(directory, "a/file"))).toBe("new\n");
  });

  test("is followed when dangling: the target is created and removed again", async () => {
    symlinkSync("target", path);
    expect(readFileBytes(path)).toEqual(null);
    await replaceFile(path, NEW);
    expect(text(join(directory, "target"))).toBe("new\n");
    expect(removeFile(path)).toEqual(true);
    expect(readdirSync(directory)).toEqual(["file"]);
    expect(readlinkSync(path)).toBe("target");
  });

  test("is refused when it points into a missing directory", async () => {
    symlinkSync("no/target", path);
    expect(await messageOf(() => replaceFile(path, NEW))).toBe(`cannot write ${path}: its directory does not exist`);
  });

  test("is refused in a loop", async () => {
    symlinkSync("other", path);
    symlinkSync("file", join(directory, "other"));
    const loop = "its symbolic links form a loop";
    expect(await messageOf(() => replaceFile(path, NEW))).toBe(`cannot write ${path}: ${loop}`);
    expect(await messageOf(() => removeFile(path))).toBe(`cannot remove ${path}: ${loop}`);
    expect(await messageOf(() => readFileBytes(path))).toBe(`cannot read ${path}: ${loop}`);
    expect(await messageOf(() => replaceFile(`${path}/x`, NEW))).toBe(`cannot write ${path}/x: ${loop}`);
  });
});

describe("writing is refused", () => {
  test("for a directory", async () => {
    mkdirSync(path);
    expect(await failureOf(() => replaceFile(path, NEW))).toEqual({
      kind: "unavailable",
      code: "file-not-written",
      message: `cannot write ${path}: it is a directory`,
    });
    expect(await messageOf(() => readFileBytes(path))).toBe(`cannot read ${path}: it is a directory`);
    expect(await messageOf(() => removeFile(path))).toBe(`cannot remove ${path}: it is a directory`);
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  test("for a pipe, without waiting for its other end", async () => {
    Bun.spawnSync(["mkfifo", path]);
    expect(await messageOf(() => replaceFile(path, NEW))).toBe(`cannot write ${path}: it is not a regular file`);
  });

  test("for a file as a parent, a missing directory and an overlong name", async () => {
    writeFileSync(path, "");
    const reasons = [
      [`${path}/x`, "a part of its path is not a directory"],
      [`${path}.d/x`, "its directory does not exist"],
      [`${path}${"x".repeat(300)}`, "the name is too long"],
    ] as const;
    for (const [bad, reason] of reasons) {
      expect(await messageOf(() => replaceFile(bad, NEW))).toBe(`cannot write ${bad}: ${reason}`);
    }
  });
});

describe("the check", () => {
  beforeEach(() => writeFileSync(path, "old\n"));

  test("sees the complete file, next to its destination", async () => {
    chmodSync(path, 0o750);
    let seen: readonly unknown[] = [];
    const validate = async (temporary: string) => {
      seen = [text(temporary), mode(temporary), temporary.startsWith(`${directory}/.`), text()];
    };
    await replaceFile(path, NEW, { validate });
    expect(seen).toEqual(["new\n", 0o750, true, "old\n"]);
    expect(text()).toBe("new\n");
  });

  test("leaves everything unchanged and returns its reasons when it fails", async () => {
    const refused = usageError("bad-syntax", "line 3 is no sh");
    const validate = () => {
      throw refused;
    };
    expect(await attemptAsync(() => replaceFile(path, NEW, { validate }))).toBe(refused);
    expect([readdirSync(directory), text()]).toEqual([["file"], "old\n"]);
  });

  test("leaves everything unchanged when it throws", async () => {
    const validate = () => {
      throw new Error("mistake");
    };
    expect(replaceFile(path, NEW, { validate })).rejects.toThrow("mistake");
    expect([readdirSync(directory), text()]).toEqual([["file"], "old\n"]);
  });

  test("is skipped for a file with the same bytes", async () => {
    writeFileSync(path, NEW);
    const validate = () => {
      throw usageError("bad-syntax", "line 3 is no sh");
    };
    await replaceFile(path, NEW, { validate });
  });
});

describe("a file left by a killed run", () => {
  beforeEach(() => {
    writeFileSync(path, NEW);
    writeFileSync(join(directory, `${TEMPORARY_PREFIX}0123abcd`), "hal");
    writeFileSync(join(directory, ".other"), "");
  });

  test("is removed by the next run, even with nothing to write", async () => {
    expect(await replaceFile(path, NEW)).toBe(false);
    expect(readdirSync(directory).sort()).toEqual([".other", "file"]);
  });

  test("is removed with the file, even when there is none", () => {
    expect(removeFile(join(directory, "none"))).toEqual(false);
    expect(readdirSync(directory).sort()).toEqual([".other", "file"]);
  });

  test("is distinguished from the file of a concurrent run", async () => {
    const validate = async (temporary: string) => {
      await replaceFile(path, new TextEncoder().encode("another\n"));
      expect(existsSync(temporary)).toBe(true);
    };
    await replaceFile(path, new TextEncoder().encode("one\n"), { validate });
    expect(text()).toBe("one\n");
    expect(readdirSync(directory).sort()).toEqual([".other", "file"]);
  });
});

describe("removeFile", () => {
  test("removes a file once", () => {
    writeFileSync(path, "old\n");
    expect([removeFile(path), removeFile(path)]).toEqual([true, false]);
    expect(removeFile(`${path}/in/it`)).toEqual(false);
  });
});

describe("createDirectory", () => {
  test("creates missing directories", () => {
    const mask = process.umask(0o077);
    createDirectory(join(directory, "a/b"), 0o755);
    process.umask(mask);
    expect([mode(join(directory, "a")), mode(join(directory, "a/b"))]).toEqual([0o755, 0o755]);
  });

  test("leaves an existing directory, or a link to one, unchanged", () => {
    mkdirSync(path, { mode: 0o700 });
    symlinkSync("file", `${path}.link`);
    createDirectory(path, 0o755);
    createDirectory(`${path}.link`, 0o755);
    expect(mode()).toBe(0o700);
  });

  test("is refused if there is a file", async () => {
    writeFileSync(path, "");
    const message = `cannot make the directory ${path}: there is a file of that name`;
    expect(await messageOf(() => createDirectory(path, 0o755))).toBe(message);
    expect(await messageOf(() => createDirectory(`${path}/a`, 0o755))).toContain("is not a directory");
    symlinkSync("nothing", `${path}.link`);
    expect(await messageOf(() => createDirectory(`${path}.link`, 0o755))).toContain("file of that name");
  });
});

/** Runs the worker behind mounts that it alone sees; gives what it and the commands after it say. */
function mounted(mounts: string, action: string, bytes: string, after = ""): string {
  const script = `set -e; cd "$1"; ${mounts}; shift; "$@"; ${after}`;
  const worker = [process.execPath, WORKER, action, path, bytes];
  const argv = ["unshare", "-m", "sh", "-c", script, "sh", directory, ...worker];
  const { stdout, stderr } = Bun.spawnSync(argv);
  return stdout.toString() + stderr.toString();
}

describe("writing fails", () => {
  const readOnly = "mount --bind . .; mount -o remount,bind,ro .; cd .";

  beforeEach(() => writeFileSync(path, "old\n"));

  test("on a read-only file system", () => {
    const reason = "its file system is read-only; mount it writable";
    expect(mounted(readOnly, "replace", "new")).toContain(`cannot write ${path}: ${reason}`);
    expect(mounted(readOnly, "replace", "old\n")).toContain(`cannot write ${path}: ${reason}`);
    expect(mounted(readOnly, "remove", "")).toContain(`cannot remove ${path}: ${reason}`);
    expect([text(), mode(), readdirSync(directory)]).toEqual(["old\n", 0o644, ["file"]]);
  });

  test("on a read-only file system only if something has to change", () => {
    chmodSync(path, 0o755);
    expect(mounted(readOnly, "replace", "old\n")).toContain('"result":false');
  });

  test("on a full file system", () => {
    const tiny = 'mount -t tmpfs -o size=16k tmpfs "$1"; cd "$1"; echo old >file';
    const said = mounted(tiny, "replace", "x".repeat(100_000), "ls -A; cat file");
    const [result, ...rest] = said.split("\n");
    const reason = "no space is left on its file system; free some";
    expect(result).toContain(`cannot write ${path}: ${reason}`);
    expect(rest).toEqual(["file", "old", ""]);
  });

  test("on a mount point", () => {
    const said = mounted("mount --bind file file", "replace", "new");
    expect(said).toContain(`cannot write ${path}: it is a mount point or in use; unmount it`);
    expect([text(), readdirSync(directory)]).toEqual(["old\n", ["file"]]);
  });
});

/** `u::rw-,u:1234:r--,g::r--,m::r--,o::r--`, as linux/posix_acl_xattr.h lays it out. */
const ACCESS_LIST = new Uint8Array(
  Buffer.from(
    "02000000 01000600ffffffff 02000400d2040000 04000400ffffffff 10000400ffffffff 20000400ffffffff".replaceAll(" ", ""),
    "hex",
  ),
);

const libc = dlopen("libc.so.6", {
  setxattr: {
    args: [FFIType.cstring, FFIType.cstring, FFIType.ptr, FFIType.u64, FFIType.i32],
    returns: FFIType.i32,
  },
  getxattr: {
    args: [FFIType.cstring, FFIType.cstring, FFIType.ptr, FFIType.u64],
    returns: FFIType.i64_fast,
  },
}).symbols;

function setAttribute(file: string, name: string, value: Uint8Array): void {
  const status = libc.setxattr(nulEnded(file), nulEnded(name), ptr(value), value.length, 0);
  if (status !== 0) throw new Error(`the file system of ${file} keeps no ${name}`);
}

function attribute(file: string, name: string): Uint8Array {
  const value = new Uint8Array(1000);
  return value.slice(0, Number(libc.getxattr(nulEnded(file), nulEnded(name), ptr(value), 1000)));
}

function nulEnded(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}\0`);
}
