/**
 * Replaces or removes a file in a process of its own, which can be traced, hindered and killed. With
 * `wait` it says `ready` and waits for standard input. At the end it says what came of it.
 */
import { readSync, writeSync } from "node:fs";
import { attemptAsync, CommandError } from "../../src/core/command-error.ts";
import { removeFile, replaceFile } from "../../src/fs/file.ts";

const [action = "", path = "", bytes = "", wait = ""] = process.argv.slice(2);
if (wait === "wait") {
  // What is loaded only when it is needed is loaded before: the work itself is to be traced.
  await replaceFile(`${path}.warm`, new Uint8Array([1]));
  await replaceFile(`${path}.warm`, new Uint8Array([2]), { addMode: 0o111 });
  removeFile(`${path}.warm`);
  writeSync(1, "ready\n");
  readSync(0, new Uint8Array(1));
}
const result = await attemptAsync(async () =>
  action === "remove" ? removeFile(path) : await replaceFile(path, new TextEncoder().encode(bytes), { addMode: 0o111 }),
);
writeSync(1, `${JSON.stringify({ ok: !(result instanceof CommandError), result })}\n`);
