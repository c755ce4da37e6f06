import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFile, replaceFile } from "../../src/fs/file.ts";
import { TEMPORARY_PREFIX } from "../../src/fs/temporary-file.ts";

const WORKER = join(import.meta.dir, "file-worker.ts");
const OLD = "old\n";
const NEW = "new\n".repeat(1000);

/** Bytes and permissions of the file; null where there is none. */
type State = string | null;

interface Scene {
  readonly action: "replace" | "remove";
  readonly lay: (directory: string) => void;
  readonly before: State;
  readonly after: State;
}

function lay(directory: string, bytes: string): void {
  writeFileSync(join(directory, "file"), bytes);
  chmodSync(join(directory, "file"), 0o640);
}

const SCENES: Readonly<Record<string, Scene>> = {
  "replacing a file": {
    action: "replace",
    lay: (directory) => lay(directory, OLD),
    before: `640 ${OLD}`,
    after: `751 ${NEW}`,
  },
  "replacing a file behind a link, where a run was killed before": {
    action: "replace",
    lay: (directory) => {
      mkdirSync(join(directory, "d"));
      lay(join(directory, "d"), OLD);
      symlinkSync("d/file", join(directory, "file"));
      writeFileSync(join(directory, "d", `${TEMPORARY_PREFIX}0123abcd`), "hal");
    },
    before: `640 ${OLD}`,
    after: `751 ${NEW}`,
  },
  "making a file": { action: "replace", lay: () => {}, before: null, after: `755 ${NEW}` },
  "adding permissions": {
    action: "replace",
    lay: (directory) => lay(directory, NEW),
    before: `640 ${NEW}`,
    after: `751 ${NEW}`,
  },
  "removing a file": {
    action: "remove",
    lay: (directory) => lay(directory, OLD),
    before: `640 ${OLD}`,
    after: null,
  },
};

let root = "";
beforeAll(() => {
  if (Bun.which("strace") === null) {
    throw new Error("these tests need strace: apt-get install strace");
  }
  root = mkdtempSync(join(tmpdir(), "file-kill-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
function newDirectory(scene: Scene): string {
  made += 1;
  const directory = join(root, String(made));
  mkdirSync(directory);
  scene.lay(directory);
  return directory;
}

function stateOf(directory: string): State {
  const path = join(directory, "file");
  try {
    return `${(statSync(path).mode & 0o7777).toString(8)} ${readFileSync(path, "utf8")}`;
  } catch {
    return null;
  }
}

/** Names of temporary files, wherever they are. */
function leftovers(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.includes(TEMPORARY_PREFIX),
  );
}

interface Traced {
  readonly killed: boolean;
  /** What the worker says at the end. */
  readonly said: string;
  /** The system calls of the work, from the first one after the worker was let go. */
  readonly calls: readonly string[];
}

/**
 * Runs the worker and traces its main thread from the moment at which its work begins, so that
 * nothing of the runtime's own start is counted.
 */
async function traced(scene: Scene, directory: string, inject: string | null): Promise<Traced> {
  const argv = [process.execPath, WORKER, scene.action, join(directory, "file"), NEW, "wait"];
  const worker = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const output = worker.stdout.getReader();
  const decoder = new TextDecoder();
  let said = decoder.decode((await output.read()).value);
  const log = `${directory}.strace`;
  const strace = Bun.spawn(
    ["strace", ...(inject === null ? [] : ["-e", `inject=${inject}`])].concat(["-o", log, "-p", String(worker.pid)]),
    { stdout: "ignore", stderr: "pipe" },
  );
  // It says so when it is attached.
  await strace.stderr.getReader().read();
  try {
    worker.stdin.write("\n");
    await worker.stdin.end();
  } catch {
    // Killed at its first call, it does not read any more.
  }
  for (;;) {
    const { value, done } = await output.read();
    if (done) break;
    said += decoder.decode(value);
  }
  await Promise.all([worker.exited, strace.exited]);
  const calls = readFileSync(log, "utf8").split("\n");
  rmSync(log);
  return { killed: worker.signalCode === "SIGKILL", said: said.replace(/^ready\n/, ""), calls };
}

/** Calls of the runtime for its memory and its threads: they touch no file, and come as often as they like. */
const RUNTIME = /^(?:futex|sched_yield|m(?:map|remap|unmap|advise|protect)|brk|clone3?|rt_sig\w+)$/;

/** Every call of the work by name, and which one of that name it is: `fsync:when=2`. */
function points(calls: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  const found: string[] = [];
  for (const line of calls) {
    const [, name] = /^(\w+)\(/.exec(line) ?? [];
    if (name === undefined || RUNTIME.test(name)) continue;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    found.push(`${name}:when=${count}`);
  }
  return found;
}

/** Does the work for every item, several at a time. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: 4 }, lane));
}

async function finish({ action }: Scene, directory: string): Promise<void> {
  const path = join(directory, "file");
  const bytes = new TextEncoder().encode(NEW);
  if (action === "remove") removeFile(path);
  else await replaceFile(path, bytes, { addMode: 0o111 });
}

for (const [title, scene] of Object.entries(SCENES)) {
  describe(title, () => {
    let calls: readonly string[] = [];
    beforeAll(async () => {
      const directory = newDirectory(scene);
      const whole = await traced(scene, directory, null);
      expect(JSON.parse(whole.said)).toMatchObject({ ok: true });
      expect([stateOf(directory), leftovers(directory)]).toEqual([scene.after, []]);
      calls = whole.calls;
    });

    test("a write killed at any system call leaves the old or new file, and the next run completes it", async () => {
      const kills = points(calls);
      expect(kills.length).toBeGreaterThan(8);
      const states = new Set<State>();
      await forEach(kills, async (point) => {
        const directory = newDirectory(scene);
        const [name, when] = point.split(":");
        const { killed } = await traced(scene, directory, `${name}:signal=SIGKILL:${when}`);
        expect([point, killed]).toEqual([point, true]);
        const state = stateOf(directory);
        states.add(state);
        expect([scene.before, scene.after]).toContain(state);
        await finish(scene, directory);
        expect([point, stateOf(directory), leftovers(directory)]).toEqual([point, scene.after, []]);
      });
      // Some came early enough, some too late.
      expect(states).toEqual(new Set([scene.before, scene.after]));
    });

    test("a disk error at any system call fails with a message or has no effect", async () => {
      const work = points(calls).filter((point) => !/^(?:read|write|exit_group):/.test(point));
      const writes = points(calls)
        .filter((point) => point.startsWith("write:"))
        .slice(0, -1);
      await forEach([...work, ...writes], async (point) => {
        const directory = newDirectory(scene);
        const [name, when] = point.split(":");
        const { said } = await traced(scene, directory, `${name}:error=EIO:${when}`);
        const result: unknown = JSON.parse(said === "" ? '"it ended without a result"' : said);
        expect([point, result]).toEqual([point, expect.objectContaining({ ok: expect.any(Boolean) })]);
        expect([scene.before, scene.after]).toContain(stateOf(directory));
        await finish(scene, directory);
        expect([point, stateOf(directory), leftovers(directory)]).toEqual([point, scene.after, []]);
      });
    });
  });
}

test("a write syncs the bytes before the rename, and the rename before it returns", async () => {
  const scene = SCENES["making a file"] ?? expect.unreachable();
  const { calls } = await traced(scene, newDirectory(scene), null);
  const names = calls.map((line) => /^\w+/.exec(line)?.[0] ?? "");
  const from = names.indexOf("flock");
  expect(names.slice(from).filter((name) => /^(?:write|fchmod|fsync|rename)/.test(name))).toEqual([
    "write",
    "fchmod",
    "fsync",
    "rename",
    "fsync",
    "write",
  ]);
});
