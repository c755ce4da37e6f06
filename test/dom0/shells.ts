import { dirname } from "node:path";
import { type Dom0, OFFLOAD } from "./dom0.ts";
import { SYSTEM_PATH } from "./namespace.ts";
import type { Running } from "./running.ts";

/** The shells that completions are made for. */
export type Shell = "bash" | "zsh" | "fish";

/** Prints every word that the shell makes of a line, between characters that no echo of it contains. */
const PRINT_WORDS = String.raw`printf '\036%s'`;

const STARTS: Readonly<Record<Shell, { readonly argv: readonly string[]; readonly set: string }>> = {
  bash: {
    argv: ["bash", "--norc", "--noprofile", "-i"],
    set: `PS1='ready> '; source <(offload completions bash); words() { ${PRINT_WORDS} "$@"; printf '\\037\\n'; }`,
  },
  zsh: {
    argv: ["zsh", "-f", "-i"],
    set: `PS1='ready> '; autoload -Uz compinit && compinit -D; source <(offload completions zsh); bindkey -e; words() { ${PRINT_WORDS} "$@"; printf '\\037\\n' }`,
  },
  fish: {
    argv: ["fish", "--no-config", "-i"],
    set: `function fish_prompt; echo 'ready> '; end; offload completions fish | source; function words; ${PRINT_WORDS} $argv; printf '\\037\\n'; end`,
  },
};

/** An interactive shell at a terminal of its own, with the completions of offload loaded. */
export class InteractiveShell {
  private constructor(private readonly running: Running) {}

  static async start(dom0: Dom0, shell: Shell): Promise<InteractiveShell> {
    const env = { PATH: `${dirname(OFFLOAD)}:${SYSTEM_PATH}`, HOME: "/tmp" };
    const tty = { cols: 200, rows: 50 };
    const running = dom0.spawn(STARTS[shell].argv, { tty, env });
    const started = new InteractiveShell(running);
    running.write(`${STARTS[shell].set}\r`);
    running.write(`words up and running\r`);
    await running.waitFor("\x1erunning\x1f");
    return started;
  }

  /** The words that the shell makes of what is typed; `\t` asks it to complete. */
  async words(typed: string): Promise<readonly string[]> {
    const before = this.running.output.length;
    // Typed ahead: the shell takes the keys when the completion is through. Then to the line's start.
    this.running.write(`${typed}\x01words \r`);
    for (let waited = 0; waited < 10_000; waited += 10) {
      const output = /\x1e([^\x1f]*)\x1f/.exec(this.running.output.slice(before));
      if (output !== null) return (output[1] ?? "").split("\x1e");
      await Bun.sleep(10);
    }
    throw new Error(`no words came of ${typed}:\n${this.running.output.slice(before)}`);
  }

  /** Everything that came to the terminal. */
  get output(): string {
    return this.running.output;
  }

  /** Ends the shell. */
  async stop(): Promise<void> {
    await this.running.signal("SIGKILL");
    await this.running.exited;
  }
}
