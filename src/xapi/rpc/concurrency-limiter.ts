/**
 * Lets so many at a time do their work, the others after them in their order. XAPI gains nothing from
 * more than four calls at a time, and on a pool member each new connection costs 20 ms.
 */
export class ConcurrencyLimiter {
  #freeSlots: number;
  readonly #queue: (() => void)[] = [];

  constructor(concurrency: number) {
    this.#freeSlots = concurrency;
  }

  /** Does the work when its turn has come. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#freeSlots > 0) this.#freeSlots -= 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#freeSlots += 1;
      else next();
    }
  }
}
