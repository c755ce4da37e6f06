import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { drawTerminal } from "./terminal-svg.ts";

/** The commands of the session that the README shows, and whether each asks before it changes something. */
const COMMANDS: readonly { readonly args: readonly string[]; readonly asks?: true }[] = [
  { args: ["disable", "ALL"], asks: true },
  { args: ["persist"] },
  { args: ["verify"] },
  { args: ["restore"], asks: true },
];

const SIZE = { cols: 88, rows: 50 };

/** Runs the session in a throwaway dom0 and draws it, as `docs/session.svg` has it. */
export async function drawSession(): Promise<string> {
  await using dom0 = await Dom0.start({ nics: 2, vms: 1, vifs: 1 });
  const lines: string[] = [];
  for (const { args, asks } of COMMANDS) {
    if (lines.length > 0) lines.push("");
    lines.push(`\x1b[32m[root@xcp-1 ~]#\x1b[39m \x1b[1moffload ${args.join(" ")}\x1b[22m`);
    lines.push(...(await screenOf(dom0, args, asks ?? false)));
  }
  return drawTerminal(
    `${COMMANDS.map(({ args }) => `offload ${args.join(" ")}`).join(", ")} on a host`,
    lines,
    SIZE.cols,
  );
}

/** What a command leaves on the terminal, line by line. */
async function screenOf(dom0: Dom0, args: readonly string[], asks: boolean): Promise<string[]> {
  const running = dom0.spawn([OFFLOAD, ...args], { tty: SIZE });
  if (asks) {
    await running.waitFor("[y/N]");
    // A person reads first. What is typed before the terminal is in raw mode, it echoes.
    await Bun.sleep(500);
    running.write("y");
  }
  const { exitCode, stdout } = await running.exited;
  if (exitCode !== 0) throw new Error(`offload ${args.join(" ")} ended with ${exitCode}:\n${stdout}`);
  // Of a line that was drawn again, the last drawing is left.
  return stdout
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.replace(/^.*\r\x1b\[2?K/, ""));
}
