import { StreamError, sayOnStderr, writeOut } from "./terminal/streams.ts";
import { VERSION } from "./version.ts";

/**
 * Where the program starts. Scripts ask for the version on every host of a pool: it is told before
 * anything else is loaded.
 */
const word = process.argv[2];
if (word === "--version" || word === "-V") await tellVersion();
else await import("./main.ts");

async function tellVersion(): Promise<void> {
  try {
    await writeOut("stdout", `${VERSION}\n`);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    sayOnStderr(`offload: ${error.message}`);
    const { EXIT } = await import("./core/problem.ts");
    process.exitCode = EXIT.unavailable;
  }
}
