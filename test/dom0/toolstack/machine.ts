/** How a program ended. */
interface ProgramExit {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program on a host, and gives it this to read. */
export type Machine = (argv: readonly string[], stdin?: string) => Promise<ProgramExit>;

/** The host that is entered by putting these words before a command; without words, the one it runs on. */
export function machineBehind(entry: readonly string[] = []): Machine {
  return async (argv, stdin = "") => {
    const child = Bun.spawn([...entry, ...argv], {
      stdin: new Blob([stdin]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { exitCode: await child.exited, stdout, stderr };
  };
}
