import { type Call, parseTrace } from "../dom0/strace.ts";

/**
 * Kills a program at one of its system calls. Only its main thread is traced: all that `offload`
 * changes it changes there, which a test can check.
 */

/** System calls that change files, and those that start a program or end this one. */
const TRACED = [
  ...["open", "openat", "openat2", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2"],
  ...["rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink"],
  ...["symlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat"],
  ...["fchmodat2", "chown", "lchown", "fchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr"],
  ...["removexattr", "lremovexattr", "fremovexattr", "truncate", "ftruncate", "fallocate"],
  ...["utime", "utimes", "utimensat", "copy_file_range", "sendfile", "ioctl", "flock", "fsync"],
  ...["fdatasync", "sync", "syncfs", "vfork", "fork", "clone", "clone3", "execve", "exit_group"],
]
  .map((name) => `?${name}`)
  .join(",");

/** The arguments that make strace run a program, and write down its calls or kill it at one. */
export function buildStraceArguments(
  log: string,
  { inject, follow = false }: { readonly inject?: string; readonly follow?: boolean },
): readonly string[] {
  const injection = inject === undefined ? [] : ["-e", `inject=${inject}`];
  const threads = follow ? ["-f"] : [];
  return ["strace", "-y", "-s", "0", "-o", log, "-e", `trace=${TRACED}`, ...threads, ...injection];
}

/** The calls in a log, in order. */
export function parseCalls(log: string): readonly Call[] {
  return parseTrace(log, normalizeCall);
}

/** Those at which a program is to be killed: it changes a file, starts a program or ends. */
export function findKillPoints(calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ identity }) => isKillPoint(identity));
}

/**
 * What was changed, by a log that follows threads and children, neither by the main thread nor by a
 * program that it started: nothing, if killing at calls of the main thread is killing at every call.
 */
export function findChangesOutsideMainThread(log: string): readonly string[] {
  const lines = log.split("\n").flatMap((line) => {
    const [, thread = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    return thread === "" ? [] : [{ thread, text }];
  });
  const main = lines[0]?.thread;
  const programs = new Set(lines.filter(({ text }) => text.startsWith("execve(")).map(({ thread }) => thread));
  return lines
    .filter(({ thread, text }) => thread !== main && !programs.has(thread) && isChange(text))
    .map(({ text }) => text);
}

/**
 * The names that were given or taken away without the disk being told before the next were: after a
 * power cut the later change may be there and the earlier not.
 */
export function findUnsyncedChanges(calls: readonly Call[]): readonly string[] {
  const found: string[] = [];
  const unsyncedChanges = new Map<string, string>();
  for (const { name, identity } of calls) {
    const [, synced] = /^fsync\(<([^>]*)>/.exec(identity) ?? [];
    if (synced !== undefined) unsyncedChanges.delete(synced);
    if (!/^(?:rename|unlink|exit_group)/.test(name)) continue;
    found.push(...[...unsyncedChanges.values()].map((change) => `${change}, and then ${identity}`));
    unsyncedChanges.clear();
    const [, directory] = /^(?:rename|unlink)\w*\(.*"(\/etc\/[^"]*)\/[^"/]*"/.exec(identity) ?? [];
    if (directory !== undefined) unsyncedChanges.set(directory, identity);
  }
  return found;
}

/** How often the call is looked for again where it was another one's turn. */
const ATTEMPTS = 12;

/**
 * Runs a program until it was killed at just this call. The runtime wakes its threads by writing to
 * them, not always as often, so that the number of a call is known only from the log.
 */
export async function killAt(point: Call, attempt: (inject: string) => Promise<string>): Promise<void> {
  let when = point.occurrence;
  for (let attempts = 0; attempts < ATTEMPTS; attempts += 1) {
    const log = await attempt(`${point.name}:signal=SIGKILL:when=${when}`);
    const calls = parseCalls(log);
    const killed = log.includes("+++ killed by SIGKILL +++");
    if (killed && calls.at(-1)?.identity === point.identity) return;
    when = calls.find(({ identity }) => identity === point.identity)?.occurrence ?? when + 1;
  }
  throw new Error(`it could not be killed at ${point.identity}`);
}

function isKillPoint(text: string): boolean {
  const isProcessStart = /^clone3?\(/.test(text) && !text.includes("CLONE_THREAD");
  return isProcessStart || /^(?:vfork|fork|exit_group)\(/.test(text) || isChange(text);
}

/** Whether a call may change files, and is about some: not about a socket, a pipe or memory. */
function isChange(text: string): boolean {
  const [name = ""] = /^\w+/.exec(text) ?? [];
  if (/^(?:vfork|fork|clone3?|execve|exit_group)$/.test(name)) return false;
  if (/^sync$/.test(name)) return true;
  if (/^open/.test(name) && !/O_CREAT|O_WRONLY|O_RDWR|O_TRUNC/.test(text)) return false;
  if (name === "ioctl" && !/FICLONE|FS_IOC_SET/.test(text)) return false;
  const paths = [...text.matchAll(/"(\/[^"]*)"|<(\/[^>]*)>/g)].map(([, a, b]) => a ?? b ?? "");
  return paths.some((path) => !/^\/(?:$|dev\/|proc\/|sys\/|memfd:)/.test(path));
}

/** A text without the random part of the names of temporary files. */
export function removeRandomNames(text: string): string {
  return text.replace(/(\.offload-new\.)[0-9a-f]+/g, "$1…");
}

/** Without what is another one in every run: results, descriptors and addresses, too. */
function normalizeCall(line: string): string {
  return removeRandomNames(line)
    .replace(/\s+= (?:\?|-?\d|0x).*$/, "")
    .replace(/\b\d+</g, "<")
    .replace(/(FICLONE, )\d+/g, "$1")
    .replace(/(child_tid|parent_tid|stack|tls)=0x[0-9a-f]+|=> \{.*?\}|0x[0-9a-f]+/g, "");
}
