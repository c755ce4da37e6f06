import { writeSync } from "node:fs";

/**
 * Where the program starts. Everything is loaded from here and not above: what fails while it is loaded, or where
 * nobody waits for it any more, has an exit code of its own, too. Without this it would be 1, which means that
 * something is incomplete.
 */
process.on("uncaughtException", endUnavailable);
process.on("unhandledRejection", endUnavailable);

// Scripts ask for the version on every host of a pool: it is printed before anything else is loaded.
const firstArg = process.argv[2];
if (firstArg === "--version" || firstArg === "-V") await (await import("./print-version.ts")).printVersion();
else await import("./main.ts");

/** Ends with the exit code of what is not possible here. It is written as a number, for nothing may be loaded. */
function endUnavailable(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  const trace = process.env["OFFLOAD_DEBUG"] === "1" && error instanceof Error ? `${error.stack}\n` : "";
  try {
    writeSync(2, `offload: internal error: ${reason}; OFFLOAD_DEBUG=1 shows where\n${trace}`);
  } catch {
    // Nobody reads it.
  }
  process.exit(3);
}
