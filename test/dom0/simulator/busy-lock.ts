/** Timers wake up late by about this much; the rest is waited out awake. */
const TIMER_SLACK_MS = 2;

/**
 * Lets one call at a time through and makes it last as long as it costs, as one database lock does
 * for a real xapi, which hardly gains from parallel connections.
 */
export class BusyLock {
  /** How long calls have held it, in milliseconds: what they cost, and what a busy machine adds. */
  heldMs = 0;
  #last: Promise<void> = Promise.resolve();

  /** Does the work when its turn comes, and returns when it has lasted as long as it costs. */
  hold<T>(work: () => T, price: (result: T) => number): Promise<T> {
    const turn = this.#last.then(async () => {
      const start = performance.now();
      const result = work();
      await waitUntil(start + price(result));
      this.heldMs += performance.now() - start;
      return result;
    });
    this.#last = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }
}

/** Waits until a moment of `performance.now()`, more exactly than a timer does. */
export async function waitUntil(moment: number): Promise<void> {
  const asleep = moment - performance.now() - TIMER_SLACK_MS;
  if (asleep > 0) await Bun.sleep(asleep);
  while (performance.now() < moment) {
    // Awake: a shorter sleep than a timer can give would come out too long. Meanwhile requests are
    // received and replies sent, as xapi's threads do while one of them has the database.
    await new Promise<void>((resume) => setImmediate(resume));
  }
}
