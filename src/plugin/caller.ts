import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import { unavailableError } from "../core/command-error.ts";
import { PLUGIN_PATH } from "../paths.ts";

/**
 * Who starts plugins: xapi itself, through vfork and a helper that becomes the plugin, or on older
 * releases its forking daemon (forkhelpers.ml safe_close_and_exec; forkexecd child.ml).
 */
const XAPI_LAUNCHERS: ReadonlySet<string> = new Set(["xapi", "forkexecd"]);

/** Fails unless root's xapi has started this process: nobody else has business with a plugin. */
export function requireXapiCaller(): void {
  if (process.geteuid?.() !== 0) {
    throw unavailableError("not-root", "a plugin is started by xapi, as root");
  }
  const parent = readParentProgram();
  if (parent !== null && XAPI_LAUNCHERS.has(parent)) return;
  throw unavailableError(
    "caller-not-xapi",
    `${PLUGIN_PATH} must be started by XAPI, not by ${parent ?? "a process that has ended"}; run offload instead`,
  );
}

/** The program of the parent process; one that was updated meanwhile is still that program. */
function readParentProgram(): string | null {
  try {
    // Its executable: the name in `comm` is what a process says of itself.
    const path = readlinkSync(`/proc/${process.ppid}/exe`);
    return basename(path.replace(/ \(deleted\)$/, ""));
  } catch {
    return null;
  }
}
