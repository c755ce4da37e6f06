import { canDraw } from "./confirm.ts";
import { drawOnStderr } from "./streams.ts";
import { fitted, printable } from "./text.ts";
import { columnsOf, isTerminal } from "./tty.ts";

/** How long work is silent, in milliseconds. */
const SILENT = 1000;

/** How often the line is drawn again at most, in milliseconds. What is over sooner is not shown. */
const REDRAWN = 100;

/** Work that goes on within so many milliseconds is the same work: its silence is not counted anew. */
const SAME_WORK = 100;

const ERASE_LINE = "\r\x1b[2K";

/** How it is shown: a line of its own for everything, one line drawn anew, a line a stretch, or not. */
export type ProgressManner = "verbose" | "drawn" | "plain" | "silent";

/** What progress needs of the terminal. */
export interface ProgressOutput {
  readonly manner: ProgressManner;
  readonly columns: number;
  write(text: string): void;
}

/**
 * Tells on stderr how far work is. At a terminal, once it lasts longer than a second; with
 * `--verbose` a line for each object, at once and everywhere.
 */
export class Progress {
  #what = "";
  #total: number | undefined;
  #done = 0;
  #object = "";
  #since = 0;
  #ended = Number.NEGATIVE_INFINITY;
  #drawn = false;
  #lastDrawn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #output: ProgressOutput | undefined;

  /** `open` is asked when work first begins, by when it is known whether somebody wants details. */
  constructor(
    private readonly open: () => ProgressOutput,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether nothing is told, whatever is done and however long it takes. */
  get isSilent(): boolean {
    this.#output ??= this.open();
    return this.#output.manner === "silent";
  }

  /** A stretch of work begins: what it is, and of how many objects where that is known. */
  begin(what: string, total?: number): void {
    if (what === this.#what || this.isSilent) return;
    this.end();
    if (this.#output?.manner === "verbose") this.#line(what);
    const now = this.now();
    if (now - this.#ended > SAME_WORK) this.#since = now;
    this.#what = what;
    this.#total = total;
    this.#done = 0;
    this.#object = "";
    this.#lastDrawn = now;
    this.#wait(Math.max(REDRAWN, this.#since + SILENT - now));
  }

  /** This object is next. */
  at(object: string): void {
    this.#object = object;
    if (this.#what === "" || this.now() - this.#since < SILENT) return;
    if (this.now() - this.#lastDrawn >= REDRAWN) this.#draw();
  }

  /** This object is done; `how` is told with `--verbose` only. */
  done(object: string, how: string): void {
    this.#done += 1;
    if (this.#output?.manner === "verbose") this.#line(`${object}: ${how}`);
    this.at(object);
  }

  /** The stretch is over, and its line goes away. */
  end(): void {
    if (this.#what === "") return;
    clearTimeout(this.#timer);
    if (this.#drawn && this.#output?.manner === "drawn") this.#output.write(ERASE_LINE);
    this.#drawn = false;
    this.#what = "";
    this.#ended = this.now();
  }

  #wait(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#draw();
      this.#wait(SILENT);
    }, milliseconds);
    // Whoever has nothing else to do is not kept from ending.
    this.#timer.unref();
  }

  #draw(): void {
    const { manner, columns, write } = this.#output ?? { manner: "silent" };
    if (manner === "drawn") {
      const line = `offload: ${this.#words()}`;
      write(`${ERASE_LINE}${fitted(printable(line), columns - 1, "...")}`);
    }
    if (manner === "plain" && !this.#drawn) this.#line(this.#what);
    this.#drawn = true;
    this.#lastDrawn = this.now();
  }

  #words(): string {
    const of = this.#total === undefined ? "" : ` of ${this.#total}`;
    const count = this.#done > 0 || this.#total !== undefined ? `: ${this.#done}${of}` : "";
    const object = this.#object === "" ? "" : `, ${this.#object}`;
    const seconds = Math.floor((this.now() - this.#since) / 1000);
    return `${this.#what}${count}${object} (${seconds} s)`;
  }

  #line(text: string): void {
    this.#output?.write(`offload: ${printable(text)}\n`);
  }
}

let verbose = false;

/** Has the progress of this process told in every detail. To be called before work begins. */
export function beVerbose(wanted: boolean): void {
  verbose = wanted;
}

/** The progress of this process: a process has one terminal. */
export const progress = new Progress(() => ({
  manner: mannerHere(),
  // The window may be made wider or narrower meanwhile.
  get columns() {
    return columnsOf("stderr");
  },
  write: drawOnStderr,
}));

function mannerHere(): ProgressManner {
  if (verbose) return "verbose";
  if (!isTerminal("stderr")) return "silent";
  return canDraw() ? "drawn" : "plain";
}
