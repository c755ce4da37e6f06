import { dirname } from "node:path";
import type { CommandError } from "../core/command-error.ts";
import { createDirectory, removeFile, replaceFile } from "./file.ts";
import { toFileError, UnusablePathError } from "./file-error.ts";
import { openExistingFile } from "./temporary-file.ts";

/** What stands where a file of this program belongs. */
export type OwnFileContent =
  | { readonly state: "missing" }
  | { readonly state: "own"; readonly text: string }
  | { readonly state: "third-party"; readonly reason: string };

/** What makes a file this program's own. */
export interface OwnFileOptions {
  readonly path: string;
  /** The permissions that it is written with. */
  readonly mode: number;
  /** Whether a text says that this program has written it. */
  readonly isSigned: (text: string) => boolean;
  /** The error that says what is in its place, which is left alone. */
  readonly refuse: (path: string, reason: string) => CommandError;
}

/**
 * A file that belongs to this program alone: the one way to read, write and remove such a file. It is opened without
 * following links and without waiting for whoever has the other end of a pipe. A link, what is not a regular file of
 * root's, and what does not say that it is ours is left alone.
 */
export class OwnFile {
  constructor(readonly options: OwnFileOptions) {}

  get path(): string {
    return this.options.path;
  }

  /** What is there, whoever it belongs to. */
  inspect(): OwnFileContent {
    try {
      using file = openExistingFile(this.path);
      if (file === null) return { state: "missing" };
      if (file.stats.uid !== 0) return { state: "third-party", reason: "it does not belong to root" };
      const text = new TextDecoder().decode(file.readBytes());
      if (this.options.isSigned(text)) return { state: "own", text };
      return { state: "third-party", reason: "it was not written by offload" };
    } catch (error) {
      if (error instanceof UnusablePathError) return { state: "third-party", reason: error.message };
      throw toFileError("file-not-read", `cannot read ${this.path}`, error);
    }
  }

  /** Its text; null where it is missing. Fails where something else is in its place. */
  read(): string | null {
    const content = this.inspect();
    if (content.state === "third-party") throw this.options.refuse(this.path, content.reason);
    return content.state === "missing" ? null : content.text;
  }

  /** Makes it hold a text; says whether that changed anything. Fails where something else is in its place. */
  async write(text: string, validate?: (temporary: string) => void): Promise<boolean> {
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
