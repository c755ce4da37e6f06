import { type Answer, childOf, type Result, type Running, Transcript } from "./running.ts";

/** How to run a command. */
export interface RunOptions {
  /** What it reads; without it, and without a terminal, standard input is empty. */
  readonly stdin?: string;
  /** Added to the minimal environment: PATH, HOME and LANG, and TERM at a terminal. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs it under a pseudo terminal, of 80 by 24 unless it says otherwise. */
  readonly tty?: boolean | { readonly cols: number; readonly rows: number };
  /** What to type at the terminal. */
  readonly answers?: readonly Answer[];
  /** After this many milliseconds the command is killed and the run fails. Default 60,000. */
  readonly timeoutMs?: number;
}

/** Starts an argument vector, made by `Namespace.command`. */
export function start(argv: string[], options: RunOptions): Running {
  const transcript = new Transcript();
  const child = options.tty ? atTerminal(argv, options, transcript) : withPipes(argv, options, transcript);
  if (options.answers !== undefined) void typeAnswers(options.answers, transcript, child.write);
  const timeoutMs = options.timeoutMs ?? 60_000;
  return {
    get output() {
      return transcript.text;
    },
    async waitFor(text) {
      if ((await transcript.find(text)) < 0) {
        throw new Error(`the command ended without ${text}; it wrote:\n${transcript.text}`);
      }
    },
    write: child.write,
    signal: (name) => signalChild(child.process, name),
    exited: finish(child, transcript, timeoutMs),
  };
}

interface Child {
  readonly process: Bun.Subprocess;
  readonly write: (text: string) => void;
  /** Resolves when everything the command wrote has arrived. */
  readonly drained: Promise<unknown>;
}

function withPipes(argv: string[], options: RunOptions, transcript: Transcript): Child {
  const child = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "pipe", env: outerEnv() });
  const write = (text: string) => {
    child.stdin.write(text);
    child.stdin.flush();
  };
  if (options.stdin !== undefined) write(options.stdin);
  child.stdin.end();
  const drained = Promise.all([
    transcript.drain(child.stdout, transcript.out),
    transcript.drain(child.stderr, transcript.err),
  ]);
  return { process: child, write, drained };
}

function atTerminal(argv: string[], options: RunOptions, transcript: Transcript): Child {
  const size = typeof options.tty === "object" ? options.tty : { cols: 80, rows: 24 };
  const decoder = new TextDecoder();
  const drained = Promise.withResolvers<void>();
  // Bun makes the terminal the controlling one only when it opens it for the process itself.
  const child = Bun.spawn(argv, {
    env: outerEnv(),
    terminal: {
      ...size,
      data: (_, data) => transcript.add(decoder.decode(data, { stream: true }), transcript.out),
      exit: () => drained.resolve(),
    },
  });
  const { terminal } = child;
  // Nothing more arrives once nobody holds the other side; a daemon may hold it for ever.
  void child.exited.then(() => Bun.sleep(200)).then(() => terminal?.close());
  const write = (text: string) => void terminal?.write(text);
  if (options.stdin !== undefined) write(options.stdin);
  return { process: child, write, drained: drained.promise };
}

async function finish(child: Child, transcript: Transcript, timeoutMs: number): Promise<Result> {
  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    void signalChild(child.process, "SIGKILL");
  }, timeoutMs);
  try {
    await child.process.exited;
    await child.drained;
  } finally {
    clearTimeout(timer);
    transcript.close();
  }
  if (isTimedOut) throw new Error(`the command did not end in ${timeoutMs} ms; it wrote:\n${transcript.text}`);
  const signal = child.process.signalCode === null ? null : String(child.process.signalCode);
  return {
    exitCode: signal === null ? child.process.exitCode : null,
    signal,
    stdout: transcript.out.join(""),
    stderr: transcript.err.join(""),
  };
}

async function typeAnswers(
  answers: readonly Answer[],
  transcript: Transcript,
  write: (text: string) => void,
): Promise<void> {
  let from = 0;
  for (const { prompt, input } of answers) {
    from = await transcript.find(prompt, from);
    if (from < 0) return;
    write(input);
  }
}

/** nsenter needs a moment to fork the command, and has no child any more when it is about to end. */
async function signalChild(nsenter: Bun.Subprocess, name: NodeJS.Signals): Promise<void> {
  while (nsenter.exitCode === null && nsenter.signalCode === null) {
    const child = childOf(nsenter.pid);
    if (child !== undefined) {
      process.kill(child, name);
      return;
    }
    await Bun.sleep(1);
  }
}

function outerEnv(): Record<string, string> {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
}
