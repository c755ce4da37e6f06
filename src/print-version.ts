import { StreamError, writeAll, writeStderrLine } from "./terminal/streams.ts";
import { VERSION } from "./version.ts";

/** `offload --version`. */
export async function printVersion(): Promise<void> {
  try {
    await writeAll("stdout", `${VERSION}\n`);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    writeStderrLine(`offload: ${error.message}`);
    const { EXIT_CODES } = await import("./core/problem.ts");
    process.exitCode = EXIT_CODES.unavailable;
  }
}
