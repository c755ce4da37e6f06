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
  /** Nothing could be turned off. */
  | { readonly type: "refused" }
  /** The problem was there with everything off that can be off. */
  | { readonly type: "not-the-cause"; readonly off: OffSet }
  /** The problem is gone when `cause` is turned off, which takes `wentAlong` with it; with less off it is there. */
  | { readonly type: "found"; readonly cause: OffSet; readonly wentAlong: OffSet };

/** What was asked for, and what read back as off. */
interface Attempt {
  readonly requested: OffSet;
  readonly off: OffSet;
}

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
    let attempt = await this.#tryOff(new Set(this.candidates));
    if (attempt.off.size === 0) return { type: "refused" };
    if ((await this.#check(attempt.requested, rounds)) === "bad") return { type: "not-the-cause", off: attempt.off };
    attempt = await this.#minimize(attempt, byKind);
    if (this.#listAtoms(attempt, byKind).some((atom) => atom.length > 1)) {
      attempt = await this.#minimize(attempt, byDevice);
      attempt = await this.#minimize(attempt, byItself);
    }
    const { requested: cause, off } = attempt;
    const names = new Set([...cause].map(byItself));
    return { type: "found", cause, wentAlong: new Set([...off].filter((pair) => !names.has(byItself(pair)))) };
  }

  async #tryOff(requested: OffSet): Promise<Attempt> {
    return { requested, off: await this.#turnOff(requested) };
  }

  /** The fewest atoms with which the problem is gone, of which none takes along what is enough by itself. */
  async #minimize(start: Attempt, grouping: Grouping): Promise<Attempt> {
    let attempt = await this.#runDdmin(start, grouping);
    for (;;) {
      const instead = await this.#replaceByWentAlong(attempt, grouping);
      if (instead === null) return attempt;
      attempt = await this.#runDdmin(instead, grouping);
    }
  }

  async #runDdmin(start: Attempt, grouping: Grouping): Promise<Attempt> {
    let attempt = start;
    let chunkCount = 2;
    for (;;) {
      const atoms = this.#listAtoms(attempt, grouping);
      if (atoms.length < 2) return attempt;
      const chunks = splitAtoms(atoms, Math.min(chunkCount, atoms.length));
      const subset = await this.#findGoodSubset(chunks);
      if (subset !== null) {
        attempt = subset;
        chunkCount = 2;
        continue;
      }
      const rest = chunks.length > 2 ? await this.#findGoodRest(chunks, attempt) : null;
      if (rest !== null) {
        attempt = rest;
        chunkCount = Math.max(chunkCount - 1, 2);
        continue;
      }
      if (chunkCount >= atoms.length) return attempt;
      chunkCount = Math.min(chunkCount * 2, atoms.length);
    }
  }

  #listAtoms({ requested }: Attempt, grouping: Grouping): readonly Atom[] {
    return [
      ...Map.groupBy(
        this.candidates.filter((pair) => requested.has(pair)),
        grouping,
      ).values(),
    ];
  }

  async #findGoodSubset(chunks: readonly OffSet[]): Promise<Attempt | null> {
    for (const chunk of chunks) {
      // Where the problem is there with more off, it is there with this. Of two halves each is the rest of the
      // other, which is always checked.
      if (chunks.length > 2 && this.#badSets.some((bad) => chunk.isSubsetOf(bad))) continue;
      const remaining = estimateRemaining(chunk.size) + (chunks.length > 2 ? chunks.length : 0);
      if ((await this.#check(chunk, remaining)) === "good") return await this.#tryOff(chunk);
    }
    return null;
  }

  async #findGoodRest(chunks: readonly OffSet[], { requested }: Attempt): Promise<Attempt | null> {
    for (const chunk of chunks) {
      const rest = requested.difference(chunk);
      const remaining = estimateRemaining(rest.size) + chunks.length;
      if ((await this.#check(rest, remaining)) === "good") return await this.#tryOff(rest);
    }
    return null;
  }

  /** What an atom takes along may be the cause, and the atom not. */
  async #replaceByWentAlong(attempt: Attempt, grouping: Grouping): Promise<Attempt | null> {
    const { requested, off } = attempt;
    for (const atom of this.#listAtoms(attempt, grouping)) {
      const devices = new Set(atom.map(byDevice));
      const names = new Set([...off].filter((pair) => devices.has(pair.device)).map(byItself));
      const wentAlong = this.candidates.filter((pair) => names.has(byItself(pair)) && !requested.has(pair));
      if (wentAlong.length === 0) continue;
      const instead = await this.#tryOff(requested.difference(new Set(atom)).union(new Set(wentAlong)));
      if (instead.off.size >= off.size) continue;
      const remaining = estimateRemaining(instead.requested.size);
      if ((await this.#check(instead.requested, remaining)) === "good") return instead;
    }
    return null;
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
    let off = await this.#turnOff(requested);
    const known = this.#outcomes.get(this.#formatKey(off));
    if (known !== undefined) return known;
    const requestKey = this.#formatKey(requested);
    if (this.#lastRequest !== requestKey) off = await this.#write(requested, requestKey);
    const outcome = await this.ports.check(off, remaining);
    this.#outcomes.set(this.#formatKey(off), outcome);
    if (outcome === "bad") this.#badSets.push(off);
    return outcome;
  }

  #formatKey(pairs: OffSet): string {
    const names = [...pairs].map((pair) => this.#indexes.get(pair) ?? `${pair.device} ${pair.feature} ${pair.leftOn}`);
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
