import { describe, expect, test } from "bun:test";
import { runProgramAt } from "../../src/fs/process.ts";

/** A script for sh, and how long it may take. */
async function run(script: string, timeoutMs: number) {
  const start = performance.now();
  const result = await runProgramAt("/bin/sh", ["-c", script], { timeoutMs });
  return { ...result, seconds: (performance.now() - start) / 1000 };
}

describe("runProgramAt", () => {
  test("gives the output and the exit code, and hands the input over", async () => {
    const result = await runProgramAt("/bin/sh", ["-s"], { input: "echo out; echo err >&2; exit 3\n" });
    expect(result).toEqual({ exitCode: 3, stdout: "out\n", stderr: "err\n", problem: null });
  });

  test("does not hand over the environment, and no input unless there is one", async () => {
    expect((await run("cat; echo $HOME $LC_ALL", 5000)).stdout).toBe("C\n");
  });

  test.each([
    ["that hangs", "sleep 100"],
    ["that is deaf to signals", "trap '' TERM INT HUP; sleep 100"],
    ["whose children hang", "sleep 100 & sleep 100 & wait"],
    ["that has left a child in a session of its own, which holds its output open", "setsid sleep 3 & sleep 100"],
  ])("kills a program %s when its time is up, with what it has started", async (_, script) => {
    const { exitCode, problem, seconds } = await run(script, 300);
    expect({ exitCode, problem }).toEqual({ exitCode: -1, problem: "it did not end within 0.3 seconds" });
    expect(seconds).toBeLessThan(2);
  });

  test("gives what a killed program has written", async () => {
    expect((await run("echo before; sleep 100", 300)).stdout).toBe("before\n");
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "kills the program at %s, and leaves no listener",
    async (name) => {
      const others = process.listenerCount(name);
      const ended = run("sleep 100", 60_000);
      expect(process.listenerCount(name)).toBe(others + 1);
      process.emit(name, name);
      expect(await ended).toMatchObject({ exitCode: -1, problem: `ended by ${name}` });
      expect(process.listenerCount(name)).toBe(others);
    },
  );
});
