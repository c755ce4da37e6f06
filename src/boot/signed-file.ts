import { formatThirdPartyFile, type ThirdPartyBootFile } from "../core/boot-layer.ts";
import { CommandError, type Failure } from "../core/command-error.ts";
import { OwnFile, type OwnFileContent } from "../fs/own-file.ts";
import { BOOT_SCRIPT_PATH } from "../paths.ts";
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

/** A file of the boot layer that is ours alone. */
export function createSignedFile(path: string, mode: number): OwnFile {
  return new OwnFile({
    path,
    mode,
    ownsDirectory: path === BOOT_SCRIPT_PATH,
    isSigned,
    refuse: (_, { reason, isMask }) => new CommandError([toThirdPartyFailure({ path, reason, isMask })]),
  });
}

/** Why nothing is installed where something else is in the way. */
export function toThirdPartyFailure(file: ThirdPartyBootFile): Failure {
  const message = `${formatThirdPartyFile(file)} and run this again`;
  return { kind: "refused", code: "third-party-file", message };
}

/** How a file compares with the one that this version would write. */
export type FileState = "missing" | "third-party" | "up-to-date" | "outdated" | "modified";

/** `expected`: what this version would write; null where that is unknown. */
export function compareFile(actual: OwnFileContent, expected: string | null): FileState {
  if (actual.state !== "own") return actual.state;
  if (expected !== null && stripVersion(actual.text) === stripVersion(expected)) return "up-to-date";
  return parseVersion(actual.text) === VERSION ? "modified" : "outdated";
}

/** What the version changes and nothing else is not worth a word. */
function stripVersion(text: string): string {
  return text.replace(new RegExp(`^${VERSION_MARK}.*$`, "m"), "");
}

function parseVersion(text: string): string | null {
  const [, version] = new RegExp(`^${VERSION_MARK}(.*)$`, "m").exec(text) ?? [];
  return version ?? null;
}
