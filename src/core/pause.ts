/** How long signals may go unheard, in milliseconds. */
const UNHEARD_MS = 10;

/** Lets signals in now and then: a NIC may take a second to reset, and a loop of them hears nothing. */
export class Pause {
  #last = performance.now();

  /** Whether it is time for one. */
  get isDue(): boolean {
    return performance.now() - this.#last >= UNHEARD_MS;
  }

  /** Gives way to whatever else has come. */
  async take(): Promise<void> {
    await new Promise<void>((resume) => setImmediate(resume));
    this.#last = performance.now();
  }
}
