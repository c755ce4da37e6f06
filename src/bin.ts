import { StreamError, writeAll, writeStderrLine } from "./terminal/streams.ts";
import { VERSION } from "./version.ts";

/**
 * Where the program starts. Scripts ask for the version on every host of a pool: it is told before
 * anything else is loaded.
 */
const firstArg = process.argv[2];
if (firstArg === "--version" || firstArg === "-V") await printVersion();
else await import("./main.ts");

async function printVersion(): Promise<void> {
  try {
    await writeAll("stdout", `${VERSION}\n`);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    writeStderrLine(`offload: ${error.message}`);
    const { EXIT_CODES } = await import("./core/problem.ts");
    process.exitCode = EXIT_CODES.unavailable;
  }
}
