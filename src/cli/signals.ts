import { constants } from "node:os";
import type { PoolCall } from "../core/pool-call.ts";

/** Thrown where a signal ends the work before anything was touched. */
export class InterruptedError extends Error {
  override readonly name = "Interrupted";

  constructor(readonly signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
  }
}

/**
 * SIGINT, SIGTERM and SIGHUP. While nothing is being changed they end the work at once; once
 * changes have begun, the device at hand is finished, and the report says what was not done. Either
 * way the process then ends by that signal, so that a shell sees a signal death.
 */
export class SignalHandler {
  #signal: NodeJS.Signals | undefined;
  #isUninterruptible = false;
  readonly #rejectPending = new Set<(reason: InterruptedError) => void>();
  readonly #abortController = new AbortController();
  readonly #runningCleanups = new Set<Promise<unknown>>();

  /** Aborted when a signal comes: a prompt then gives the terminal back as it was. */
  readonly abortSignal = this.#abortController.signal;

  /** `call`: the pool's call that the work is done for; it can be given up on, too. */
  constructor(readonly call: PoolCall | null = null) {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => this.handleSignal(signal));
    }
  }

  /** The signal that came, if one did. */
  get signal(): NodeJS.Signals | undefined {
    return this.#signal;
  }

  /** Takes note of a signal, or of a Ctrl-C that a prompt has read as a key. */
  handleSignal(signal: NodeJS.Signals): void {
    this.#signal ??= signal;
    this.#abortController.abort();
    if (this.#isUninterruptible) return;
    for (const reject of this.#rejectPending) reject(new InterruptedError(signal));
  }

  /** Waits for work that may be given up: rejects with `Interrupted` when a signal comes. */
  async waitInterruptibly<T>(work: Promise<T>): Promise<T> {
    this.throwIfInterrupted();
    const { promise: interrupted, reject } = Promise.withResolvers<never>();
    this.#rejectPending.add(reject);
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      this.#rejectPending.delete(reject);
    }
  }

  /**
   * Fails where a signal has come: to be called before changes begin. Whoever waited for the work has then given it up,
   * and let go of what it needs, such as the lock.
   */
  throwIfInterrupted(): void {
    if (this.#signal !== undefined) throw new InterruptedError(this.#signal);
  }

  /** Runs work that must come to an orderly end by asking `isStopped` of this object. */
  async runUninterrupted<T>(work: (isStopped: () => boolean) => Promise<T>): Promise<T> {
    this.#isUninterruptible = true;
    try {
      return await work(() => this.#signal !== undefined);
    } finally {
      this.#isUninterruptible = false;
    }
  }

  /** Does what a signal calls for, such as putting back: the process does not end before it is done. */
  async runCleanup<T>(work: () => Promise<T>): Promise<T> {
    const cleanup = work();
    this.#runningCleanups.add(cleanup);
    try {
      return await cleanup;
    } finally {
      this.#runningCleanups.delete(cleanup);
    }
  }

  /** Waits until all of that is done, whatever came of it. */
  async waitForCleanup(): Promise<void> {
    await Promise.allSettled(this.#runningCleanups);
  }

  /**
   * Ends the process by the signal, with nothing of ours in its way. Returns the exit code that
   * stands for it, for the case that whoever started this process has it ignore the signal.
   */
  static exitBySignal(signal: NodeJS.Signals): number {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    return 128 + constants.signals[signal];
  }
}
