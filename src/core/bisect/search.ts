import type { DeviceFeature, OffSet } from "./device-feature.ts";

/** How a check ended: the problem is gone, or it is there. */
export type CheckOutcome = "good" | "bad";

/** What a search works on. */
export interface SearchPorts {
  /**
   * Turns off these, with everything else as it was, and gives what reads back as off: some features take
   * others along, and a driver may refuse.
   */
  turnOff(requested: OffSet): Promise<OffSet>;
  /** Whether the problem is gone with what is off now. `remaining`: about how many checks come after this one. */
  check(off: OffSet, remaining: number): Promise<CheckOutcome>;
}

/** What a search found. */
export type SearchResult =
  /** The problem was not there with everything as it was. */
  | { readonly type: "not-present" }
  /** The problem was there with everything off that can be off. */
  | { readonly type: "not-the-cause"; readonly off: OffSet }
  /** The problem is gone when `cause` is turned off, which takes `wentAlong` with it; with less off it is there. */
  | { readonly type: "found"; readonly cause: OffSet; readonly wentAlong: OffSet };

/** What is turned off together, while nothing smaller has been tried. */
type Atom = readonly DeviceFeature[];

/** Puts features of devices together: the search cuts between these atoms, not within one. */
type Grouping = (pair: DeviceFeature) => string;

const byKind: Grouping = ({ kind, feature }) => `${kind} ${feature}`;
const byDevice: Grouping = ({ device }) => device;
const byItself: Grouping = ({ device, feature }) => `${device} ${feature}`;

/**
 * Finds a smallest set of features of devices that has to be off, by delta debugging (Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", 2002, algorithm ddmin). What counts is what reads back as off.
 */
export async function findCause(candidates: readonly DeviceFeature[], ports: SearchPorts): Promise<SearchResult> {
  return await new CauseSearch(candidates, ports).run();
}

/** About how many checks are left when the cause is among so many: a half at a time, with one or two checks each. */
function estimateRemaining(count: number): number {
  return Math.ceil(1.5 * Math.log2(Math.max(1, count)));
}

class CauseSearch {
  readonly #indexes: ReadonlyMap<DeviceFeature, number>;
  /** What read back as off, by what was requested. */
  readonly #offByRequest = new Map<string, OffSet>();
  readonly #outcomes = new Map<string, CheckOutcome>();
  readonly #badSets: OffSet[] = [];
  /** What was requested last. */
  #lastRequest: string | undefined;

  constructor(
    readonly candidates: readonly DeviceFeature[],
    readonly ports: SearchPorts,
  ) {
    this.#indexes = new Map(candidates.map((pair, index) => [pair, index]));
  }

  async run(): Promise<SearchResult> {
    const rounds = estimateRemaining(this.candidates.length);
    if ((await this.#check(new Set(), rounds + 1)) === "good") return { type: "not-present" };
    const all = new Set(this.candidates);
    let off = await this.#turnOff(all);
    if ((await this.#check(all, rounds)) === "bad") return { type: "not-the-cause", off };
    off = await this.#minimize(off, byKind);
    if (this.#listAtoms(off, byKind).some((atom) => atom.length > 1)) {
      off = await this.#minimize(off, byDevice);
      off = await this.#minimize(off, byItself);
    }
    const cause = await this.#findRequest(off);
    return { type: "found", cause, wentAlong: off.difference(cause) };
  }

  /** Ddmin: the smallest set of atoms with which the problem is gone. */
  async #minimize(start: OffSet, grouping: Grouping): Promise<OffSet> {
    let off = start;
    let chunkCount = 2;
    for (;;) {
      const atoms = this.#listAtoms(off, grouping);
      if (atoms.length < 2) return off;
      const chunks = splitAtoms(atoms, Math.min(chunkCount, atoms.length));
      const subset = await this.#findGoodSubset(chunks, off);
      if (subset !== null) {
        off = subset;
        chunkCount = 2;
        continue;
      }
      const rest = chunks.length > 2 ? await this.#findGoodRest(chunks, off) : null;
      if (rest !== null) {
        off = rest;
        chunkCount = Math.max(chunkCount - 1, 2);
        continue;
      }
      if (chunkCount >= atoms.length) return off;
      chunkCount = Math.min(chunkCount * 2, atoms.length);
    }
  }

  #listAtoms(off: OffSet, grouping: Grouping): readonly Atom[] {
    return [
      ...Map.groupBy(
        this.candidates.filter((pair) => off.has(pair)),
        grouping,
      ).values(),
    ];
  }

  async #findGoodSubset(chunks: readonly OffSet[], off: OffSet): Promise<OffSet | null> {
    for (const chunk of chunks) {
      // Where the problem is there with more off, it is there with this. Of two halves each is the rest of the
      // other, which is always checked.
      if (chunks.length > 2 && this.#badSets.some((bad) => chunk.isSubsetOf(bad))) continue;
      const smaller = await this.#tryInstead(chunk, off, chunks.length);
      if (smaller !== null) return smaller;
    }
    return null;
  }

  async #findGoodRest(chunks: readonly OffSet[], off: OffSet): Promise<OffSet | null> {
    const candidates = off.intersection(this.#indexes);
    for (const chunk of chunks) {
      const smaller = await this.#tryInstead(candidates.difference(chunk), off, chunks.length);
      if (smaller !== null) return smaller;
    }
    return null;
  }

  /** What reads back as off instead, where that is less and the problem is still gone. */
  async #tryInstead(requested: OffSet, off: OffSet, chunkCount: number): Promise<OffSet | null> {
    const instead = await this.#turnOff(requested);
    if (instead.size >= off.size) return null;
    const remaining = estimateRemaining(requested.size) + (chunkCount > 2 ? chunkCount : 0);
    return (await this.#check(requested, remaining)) === "good" ? instead : null;
  }

  /** The least to ask for so that all this is off: the rest goes along. */
  async #findRequest(off: OffSet): Promise<OffSet> {
    let request: OffSet = off.intersection(this.#indexes);
    for (const pair of request) {
      const smaller = request.difference(new Set([pair]));
      if (smaller.size === 0) break;
      const instead = await this.#turnOff(smaller);
      if (instead.size === off.size && instead.isSubsetOf(off)) request = smaller;
    }
    return request;
  }

  /** What reads back as off after such a request; a device is written to only where that is not known. */
  async #turnOff(requested: OffSet): Promise<OffSet> {
    const key = this.#formatKey(requested);
    const known = this.#offByRequest.get(key);
    if (known !== undefined) return known;
    return await this.#write(requested, key);
  }

  async #write(requested: OffSet, key: string): Promise<OffSet> {
    const off = await this.ports.turnOff(requested);
    this.#lastRequest = key;
    this.#offByRequest.set(key, off);
    return off;
  }

  async #check(requested: OffSet, remaining: number): Promise<CheckOutcome> {
    const off = await this.#turnOff(requested);
    const key = this.#formatKey(off);
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    const requestKey = this.#formatKey(requested);
    if (this.#lastRequest !== requestKey) await this.#write(requested, requestKey);
    const outcome = await this.ports.check(off, remaining);
    this.#outcomes.set(key, outcome);
    if (outcome === "bad") this.#badSets.push(off);
    return outcome;
  }

  #formatKey(pairs: OffSet): string {
    const names = [...pairs].map((pair) => this.#indexes.get(pair) ?? `${pair.device} ${pair.feature}`);
    return names.sort().join();
  }
}

/** Atoms in so many chunks, none of which has more than one atom more than another. */
function splitAtoms(atoms: readonly Atom[], count: number): readonly OffSet[] {
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [index, index + 1].map((bound) => Math.floor((bound * atoms.length) / count));
    return new Set(atoms.slice(from, to).flat());
  });
}
