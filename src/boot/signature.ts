import { VERSION } from "../version.ts";

/** The line that makes a file ours; a script has it behind its first line. */
export const SIGNATURE = '# Written by "offload persist"; remove with "offload persist --remove".';

const MARK = "# offload-version: ";

/** The lines that a file of ours begins with: that it is ours, and by which version it was written. */
export const HEADER = `${SIGNATURE}\n${MARK}${VERSION}`;

/** Whether a file is ours, of whatever version; any other of the same name is left alone. */
export function isSigned(text: string): boolean {
  return text.replace(/^#!.*\n/, "").startsWith(`${SIGNATURE}\n`);
}

/** How a file compares with the one that this version would write. */
export type FileState = "absent" | "foreign" | "current" | "stale" | "edited";

/** `wanted`: what this version would write; null where nobody can tell. */
export function compareFile(found: string | null, wanted: string | null): FileState {
  if (found === null) return "absent";
  if (!isSigned(found)) return "foreign";
  if (wanted !== null && withoutVersion(found) === withoutVersion(wanted)) return "current";
  return versionOf(found) === VERSION ? "edited" : "stale";
}

/** What the version changes and nothing else is not worth a word. */
function withoutVersion(text: string): string {
  return text.replace(new RegExp(`^${MARK}.*$`, "m"), "");
}

function versionOf(text: string): string | null {
  const [, version] = new RegExp(`^${MARK}(.*)$`, "m").exec(text) ?? [];
  return version ?? null;
}
