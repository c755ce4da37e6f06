import { stripUnprintable } from "../core/text.ts";
import { canMoveCursor } from "./confirm.ts";
import { writeStderr } from "./streams.ts";
import { truncate } from "./text.ts";
import { getColumns, isTerminal } from "./tty.ts";

/** How long work is silent, in milliseconds. */
const SHOW_AFTER_MS = 1000;

/** How often the line is drawn again at most, in milliseconds. What is over sooner is not shown. */
const MIN_REDRAW_INTERVAL_MS = 100;

/** Work that goes on within so many milliseconds is the same work: its silence is not counted again. */
const CONTINUE_WITHIN_MS = 100;

const ERASE_LINE = "\r\x1b[2K";

/** How it is shown: a line of its own for everything, one line drawn again, a line a stretch, or not. */
export type ProgressMode = "verbose" | "drawn" | "plain" | "silent";

/** What progress needs of the terminal. */
export interface ProgressOutput {
  readonly mode: ProgressMode;
  readonly columns: number;
  write(text: string): void;
}

/**
 * Tells on stderr how far work is. At a terminal, once it lasts longer than a second; with
 * `--verbose` a line for each object, at once and everywhere.
 */
export class Progress {
  #task = "";
  #total: number | undefined;
  #doneCount = 0;
  #object = "";
  #startedMs = 0;
  #endedMs = Number.NEGATIVE_INFINITY;
  #isDrawn = false;
  #lastDrawnMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #output: ProgressOutput | undefined;

  /** `open` is asked when work first begins, by when it is known whether someone wants details. */
  constructor(
    private readonly createOutput: () => ProgressOutput,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether nothing is shown, whatever is done and however long it takes. */
  get isSilent(): boolean {
    this.#output ??= this.createOutput();
    return this.#output.mode === "silent";
  }

  /** A stretch of work begins: what it is, and of how many objects where that is known. */
  begin(task: string, total?: number): void {
    if (task === this.#task || this.isSilent) return;
    this.end();
    if (this.#output?.mode === "verbose") this.#writeLine(task);
    const now = this.now();
    if (now - this.#endedMs > CONTINUE_WITHIN_MS) this.#startedMs = now;
    this.#task = task;
    this.#total = total;
    this.#doneCount = 0;
    this.#object = "";
    this.#lastDrawnMs = now;
    this.#scheduleDraw(Math.max(MIN_REDRAW_INTERVAL_MS, this.#startedMs + SHOW_AFTER_MS - now));
  }

  /** This object is next. */
  startObject(object: string): void {
    this.#object = object;
    if (this.#task === "" || this.now() - this.#startedMs < SHOW_AFTER_MS) return;
    if (this.now() - this.#lastDrawnMs >= MIN_REDRAW_INTERVAL_MS) this.#draw();
  }

  /** This object is done; `how` is shown with `--verbose` only. */
  finishObject(object: string, detail: string): void {
    this.#doneCount += 1;
    if (this.#output?.mode === "verbose") this.#writeLine(`${object}: ${detail}`);
    this.startObject(object);
  }

  /** The stretch is over, and its line goes away. */
  end(): void {
    if (this.#task === "") return;
    clearTimeout(this.#timer);
    if (this.#isDrawn && this.#output?.mode === "drawn") this.#output.write(ERASE_LINE);
    this.#isDrawn = false;
    this.#task = "";
    this.#endedMs = this.now();
  }

  #scheduleDraw(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#draw();
      this.#scheduleDraw(SHOW_AFTER_MS);
    }, delayMs);
    // Whoever has nothing else to do is not kept from ending.
    this.#timer.unref();
  }

  #draw(): void {
    const { mode, columns, write } = this.#output ?? { mode: "silent" };
    if (mode === "drawn") {
      const line = `offload: ${this.#formatLine()}`;
      write(`${ERASE_LINE}${truncate(stripUnprintable(line), columns - 1, "...")}`);
    }
    if (mode === "plain" && !this.#isDrawn) this.#writeLine(this.#task);
    this.#isDrawn = true;
    this.#lastDrawnMs = this.now();
  }

  #formatLine(): string {
    const ofTotal = this.#total === undefined ? "" : ` of ${this.#total}`;
    const count = this.#doneCount > 0 || this.#total !== undefined ? `: ${this.#doneCount}${ofTotal}` : "";
    const object = this.#object === "" ? "" : `, ${this.#object}`;
    const seconds = Math.floor((this.now() - this.#startedMs) / 1000);
    return `${this.#task}${count}${object} (${seconds} s)`;
  }

  #writeLine(text: string): void {
    this.#output?.write(`offload: ${stripUnprintable(text)}\n`);
  }
}

let isVerbose = false;

/** Shows the progress of this process in every detail. To be called before work begins. */
export function setVerbose(isEnabled: boolean): void {
  isVerbose = isEnabled;
}

/** The progress of this process: a process has one terminal. */
export const progress = new Progress(() => ({
  mode: detectMode(),
  // The window may be made wider or narrower meanwhile.
  get columns() {
    return getColumns("stderr");
  },
  write: writeStderr,
}));

function detectMode(): ProgressMode {
  if (isVerbose) return "verbose";
  if (!isTerminal("stderr")) return "silent";
  return canMoveCursor() ? "drawn" : "plain";
}
