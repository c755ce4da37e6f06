/** Lets calls through while it is open; those that come while it is closed go on when it opens, all at once. */
export class Gate {
  #opening: PromiseWithResolvers<void> | undefined;

  /** Lets nothing through any more. */
  close(): void {
    this.#opening ??= Promise.withResolvers<void>();
  }

  /** Lets everything through that waits. */
  open(): void {
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  /** Resolves when it is open. */
  async waitUntilOpen(): Promise<void> {
    while (this.#opening !== undefined) await this.#opening.promise;
  }

  /** Resolves to whether it was open before so many milliseconds were over. */
  async waitUntilOpenWithin(ms: number): Promise<boolean> {
    const late = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => late.resolve(false), ms);
    const passed = await Promise.race([this.waitUntilOpen().then(() => true), late.promise]);
    clearTimeout(timer);
    return passed;
  }
}
