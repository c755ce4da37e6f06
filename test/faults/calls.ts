import { type Call, parseTrace } from "../dom0/strace.ts";

/**
 * Where a run can be hit. What the program changes itself, devices and files, it changes in its
 * main thread; strace without -f follows that one alone, so that the calls of the runtime's other
 * threads shift no number. What goes to XAPI goes through a thread of its own: with -f strace
 * counts every thread for itself, and no other thread sends.
 */

/** System calls about files, devices and the end. */
const TRACED = [
  ...["open", "openat", "read", "pread64", "write", "pwrite64", "close", "fsync", "fdatasync"],
  ...["rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"],
  ...["chmod", "fchmod", "fchmodat", "fchown", "ftruncate", "flock", "statx", "newfstatat"],
  ...["fgetxattr", "fsetxattr", "getdents64", "readlink", "lseek", "ioctl", "exit_group"],
]
  .map((name) => `?${name}`)
  .join(",");

/** Arguments of strace that write the main thread's calls down, and inject something into one. */
export function traceMainThread(inject?: string): readonly string[] {
  return ["-e", `trace=${TRACED}`, ...(inject === undefined ? [] : ["-e", `inject=${inject}`])];
}

/** The same for one call of whatever thread makes it. */
export function traceAnyThread(name: string, inject: string): readonly string[] {
  // Without --seccomp-bpf: with it strace 6.1 never comes to the second call of a thread.
  return ["-f", "-e", `trace=${name}`, "-e", `inject=${name}:${inject}`];
}

/** The calls in a log of the main thread, in order. */
export function parseCalls(log: string): readonly Call[] {
  return parseTrace(log, (line) =>
    line
      .replace(/\s+= (?:\?|-?\d|0x).*$/, "")
      .replace(/(\.offload-new\.)[0-9a-f]+/g, "$1…")
      .replace(/0x[0-9a-f]+|socket:\[\d+\]|\b\d+(?=<)/g, "…")
      .replace(/^(pwrite64|read|write|getdents64|fgetxattr|fsetxattr)\((\S+?>).*$/, "$1($2)")
      .replace(/^(statx)\((.*?, ".*?"),.*$/, "$1($2)"),
  );
}

/** Whether a call concerns what this program keeps, a device's features, or the end of the run. */
export function isRelevant({ identity }: Call): boolean {
  return /\/var\/lib\/offload|\/etc\/(?:offload|udev|systemd|rc)|SIOCETHTOOL|^exit_group/.test(identity);
}

/** Whether the call asks the kernel for features, or to change them. */
export function isEthtool({ identity }: Call): boolean {
  return identity.includes("SIOCETHTOOL");
}
