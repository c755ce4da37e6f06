import { readFileSync } from "node:fs";

/** How a command ended and what it wrote. */
export interface Result {
  /** The exit status, or null where a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it, such as `SIGINT`. */
  readonly signal: string | null;
  /** Standard output; of a command at a terminal everything, as the terminal got it. */
  readonly stdout: string;
  readonly stderr: string;
}

/** What to type when a text appears at the terminal. Each answer is given once, in order. */
export interface Answer {
  readonly prompt: string | RegExp;
  readonly input: string;
}

/** A command that runs inside a dom0. */
export interface Running {
  /** What it has written so far, standard output and error in the order they came. */
  readonly output: string;
  /** Resolves when the output so far holds the text; fails when the command ends without it. */
  waitFor(text: string | RegExp): Promise<void>;
  /** Types at the terminal, or writes to standard input. */
  write(text: string): void;
  /** Signals the command itself, not the nsenter around it. */
  signal(name: NodeJS.Signals): Promise<void>;
  /** Resolves when it has ended. */
  readonly exited: Promise<Result>;
}

/** Collects what a command writes, and lets others wait for a text in it. */
export class Transcript {
  readonly out: string[] = [];
  readonly err: string[] = [];
  text = "";
  private readonly watchers = new Set<() => void>();
  private closed = false;

  /** Takes a stream to its end. */
  async drain(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.add(decoder.decode(chunk, { stream: true }), into);
  }

  add(text: string, into: string[]): void {
    into.push(text);
    this.text += text;
    this.wake();
  }

  close(): void {
    this.closed = true;
    this.wake();
  }

  /** Resolves to where the text ends, looking from an offset on; to -1 where it never comes. */
  async find(text: string | RegExp, from = 0): Promise<number> {
    for (;;) {
      const end = findEnd(this.text.slice(from), text);
      if (end >= 0) return from + end;
      if (this.closed) return -1;
      await new Promise<void>((resolve) => {
        this.watchers.add(resolve);
      });
    }
  }

  private wake(): void {
    for (const watcher of this.watchers) watcher();
    this.watchers.clear();
  }
}

function findEnd(text: string, pattern: string | RegExp): number {
  if (typeof pattern === "string") {
    const at = text.indexOf(pattern);
    return at < 0 ? -1 : at + pattern.length;
  }
  const match = pattern.exec(text);
  return match === null ? -1 : match.index + match[0].length;
}

/** The process that nsenter waits for, or undefined before it has forked and after it has ended. */
export function childOf(nsenter: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${nsenter}/task/${nsenter}/children`, "utf8").trim();
    return children === "" ? undefined : Number(children.split(" ")[0]);
  } catch {
    return undefined;
  }
}
