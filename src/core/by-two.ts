/**
 * What follows from two objects together, found once and kept: hosts have hundreds of devices that are
 * alike, and those have the very same objects.
 */
export class ByTwo<A, B, T> {
  readonly #known = new Map<A, Map<B, T>>();

  get(first: A, second: B): T | undefined {
    return this.#known.get(first)?.get(second);
  }

  /** Keeps what was found, and gives it back. */
  keep(first: A, second: B, found: T): T {
    const known = this.#known.get(first);
    if (known === undefined) this.#known.set(first, new Map([[second, found]]));
    else known.set(second, found);
    return found;
  }
}
