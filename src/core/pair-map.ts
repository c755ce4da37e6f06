/**
 * What follows from two objects together, found once and kept: hosts have hundreds of devices that are
 * alike, and those have the very same objects.
 */
export class PairMap<A, B, T> {
  readonly #values = new Map<A, Map<B, T>>();

  get(first: A, second: B): T | undefined {
    return this.#values.get(first)?.get(second);
  }

  /** Keeps what was found, and gives it back. */
  set(first: A, second: B, value: T): T {
    const inner = this.#values.get(first);
    if (inner === undefined) this.#values.set(first, new Map([[second, value]]));
    else inner.set(second, value);
    return value;
  }
}
