import { VERSION } from "../version.ts";

/** The line that makes a file ours; a script has it behind its first line. */
const SIGNATURE = '# Written by "offload persist"; remove with "offload persist --remove".';

const VERSION_MARK = "# offload-version: ";

/** The lines that a file of ours begins with: that it is ours, and by which version it was written. */
export const HEADER = `${SIGNATURE}\n${VERSION_MARK}${VERSION}`;

/** Whether a file is ours, of whatever version; any other of the same name is left alone. */
export function isSigned(text: string): boolean {
  return text.replace(/^#!.*\n/, "").startsWith(`${SIGNATURE}\n`);
}

/** How a file compares with the one that this version would write. */
export type FileState = "missing" | "third-party" | "up-to-date" | "outdated" | "modified";

/** `wanted`: what this version would write; null where nobody can tell. */
export function compareFile(actual: string | null, expected: string | null): FileState {
  if (actual === null) return "missing";
  if (!isSigned(actual)) return "third-party";
  if (expected !== null && stripVersion(actual) === stripVersion(expected)) return "up-to-date";
  return parseVersion(actual) === VERSION ? "modified" : "outdated";
}

/** What the version changes and nothing else is not worth a word. */
function stripVersion(text: string): string {
  return text.replace(new RegExp(`^${VERSION_MARK}.*$`, "m"), "");
}

function parseVersion(text: string): string | null {
  const [, version] = new RegExp(`^${VERSION_MARK}(.*)$`, "m").exec(text) ?? [];
  return version ?? null;
}
