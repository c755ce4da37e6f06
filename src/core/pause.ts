/** How long signals may go unheard, in milliseconds. */
const YIELD_INTERVAL_MS = 10;

/** Lets signals in now and then: a NIC may take a second to reset, and a loop of them hears nothing. */
export class EventLoopYielder {
  #lastYieldMs = performance.now();

  /** Whether it is time for one. */
  get isDue(): boolean {
    return performance.now() - this.#lastYieldMs >= YIELD_INTERVAL_MS;
  }

  /** Gives way to whatever else has come. */
  async yieldNow(): Promise<void> {
    await new Promise<void>((resume) => setImmediate(resume));
    this.#lastYieldMs = performance.now();
  }
}
