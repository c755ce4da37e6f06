import { createPaint } from "../../src/terminal/text.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { drawTerminal } from "./terminal-svg.ts";

/** The commands of the session that the README shows, and whether each asks before it changes something. */
const COMMANDS: readonly { readonly args: readonly string[]; readonly asks?: true }[] = [
  { args: ["disable", "ALL"], asks: true },
  { args: ["persist"] },
  { args: ["verify"] },
  { args: ["restore"], asks: true },
];

const PAINT = createPaint(true);

const SIZE = { cols: 88, rows: 50 };

/** Runs the session in a throwaway dom0 and draws it, as `docs/session.svg` has it. */
export async function drawSession(): Promise<string> {
  await using dom0 = await Dom0.start({ nics: 2, vms: 1, vifs: 1 });
  const lines: string[] = [];
  for (const { args, asks } of COMMANDS) {
    if (lines.length > 0) lines.push("");
    lines.push(`${PAINT.good("[root@xcp-1 ~]#")} ${PAINT.strong(`offload ${args.join(" ")}`)}`);
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
  const answers = asks ? [{ prompt: "[y/N]", input: "y" }] : [];
  const { exitCode, stdout } = await dom0.run([OFFLOAD, ...args], { tty: SIZE, answers });
  if (exitCode !== 0) throw new Error(`offload ${args.join(" ")} ended with ${exitCode}:\n${stdout}`);
  // Of a line that was drawn again, the last drawing is left.
  return stdout
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.replace(/^.*\r\x1b\[2?K/, ""));
}
