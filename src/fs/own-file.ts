import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import type { CommandError } from "../core/command-error.ts";
import { createDirectory, removeFile, replaceFile } from "./file.ts";
import { toFileError, UnusablePathError } from "./file-error.ts";
import { openExistingFile } from "./temporary-file.ts";

/** What stands where something of this program belongs, and is not its own: it is left alone. */
export interface ThirdPartyContent {
  readonly state: "third-party";
  readonly reason: string;
  /** Whether it is how an administrator keeps such a file from counting. */
  readonly isMask: boolean;
}

/** What stands where a file of this program belongs. */
export type OwnFileContent =
  | { readonly state: "missing" }
  | { readonly state: "own"; readonly text: string }
  | ThirdPartyContent;

/** What makes a file this program's own. */
export interface OwnFileOptions {
  readonly path: string;
  /** The permissions that it is written with. */
  readonly mode: number;
  /** Whether its directory is this program's, too: then that must be root's alone, and no link. */
  readonly ownsDirectory?: boolean;
  /** Whether a text says that this program has written it. */
  readonly isSigned: (text: string) => boolean;
  /** The error that says what is in its place, which is left alone. */
  readonly refuse: (path: string, content: ThirdPartyContent) => CommandError;
}

/**
 * A file that belongs to this program alone: the one way to read, write and remove such a file. It is opened without
 * following links and without waiting for whoever has the other end of a pipe. A link, what is not a regular file that
 * root alone may write to, and what does not say that it is ours is left alone.
 */
export class OwnFile {
  constructor(readonly options: OwnFileOptions) {}

  get path(): string {
    return this.options.path;
  }

  /** What is there, whoever it belongs to. */
  inspect(): OwnFileContent {
    try {
      if (this.options.ownsDirectory === true) requireOwnDirectory(dirname(this.path));
      if (isLinkToNull(this.path)) return createMask("a link to /dev/null");
      using file = openExistingFile(this.path);
      if (file === null) return { state: "missing" };
      requireRootOnly(file.stats, "it");
      const text = new TextDecoder().decode(file.readBytes());
      if (this.options.isSigned(text)) return { state: "own", text };
      return text === "" ? createMask("an empty file") : createThirdParty("it was not written by offload");
    } catch (error) {
      if (error instanceof UnusablePathError) return createThirdParty(error.message);
      throw toFileError("file-not-read", `cannot read ${this.path}`, error);
    }
  }

  /** Its text; null where it is missing. Fails where something else is in its place. */
  read(): string | null {
    const content = this.inspect();
    if (content.state === "third-party") throw this.options.refuse(this.path, content);
    return content.state === "missing" ? null : content.text;
  }

  /** Makes it hold a text; says whether that changed anything. Fails where something else is in its place. */
  async write(text: string, validate?: (temporary: string) => Promise<void>): Promise<boolean> {
    this.read();
    createDirectory(dirname(this.path), 0o755);
    return await replaceFile(this.path, new TextEncoder().encode(text), {
      followLinks: false,
      setMode: this.options.mode,
      ...(validate === undefined ? {} : { validate }),
    });
  }

  /** Removes it; says whether there was one. What else is in its place stays. */
  remove(): boolean {
    if (this.inspect().state === "third-party") return false;
    return removeFile(this.path, { followLinks: false });
  }
}

/** A symbolic link that belongs to this program: one to `target`. Any other thing of that name is left alone. */
export class OwnLink {
  constructor(
    readonly path: string,
    private readonly target: string,
  ) {}

  inspect(): { readonly state: "missing" | "own" } | ThirdPartyContent {
    const stats = lstatSync(this.path, { throwIfNoEntry: false });
    if (stats === undefined) return { state: "missing" };
    if (stats.isSymbolicLink() && resolve(dirname(this.path), readlinkSync(this.path)) === this.target) {
      return { state: "own" };
    }
    return createThirdParty(`it is not a symbolic link to ${this.target}`);
  }

  /** Removes it, where it is ours. */
  remove(): void {
    if (this.inspect().state === "own") removeFile(this.path, { followLinks: false });
  }
}

function createThirdParty(reason: string): ThirdPartyContent {
  return { state: "third-party", reason, isMask: false };
}

/** Rules and units are masked by a link to /dev/null or by an empty file (udev(7), systemd.unit(5)). */
function createMask(means: string): ThirdPartyContent {
  return { state: "third-party", reason: `an administrator has masked it with ${means}`, isMask: true };
}

function isLinkToNull(path: string): boolean {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink && readlinkSync(path) === "/dev/null";
}

/** Fails where a directory that is there is not one that root alone may write to. */
function requireOwnDirectory(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) throw new UnusablePathError(`${path} is no directory of its own`);
  requireRootOnly(stats, `its directory ${path}`);
}

function requireRootOnly({ uid, mode }: Stats, what: string): void {
  if (uid !== 0) throw new UnusablePathError(`${what} does not belong to root`);
  if ((mode & 0o022) !== 0) throw new UnusablePathError(`others than root may write to ${what}`);
}
