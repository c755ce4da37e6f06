import type { DeviceFeature, OffSet } from "../../../src/core/bisect/device-feature.ts";

/** How many different sets ddmin checks, and what it ends with. */
export interface DdminRun {
  readonly checks: number;
  readonly smallest: readonly DeviceFeature[];
}

/**
 * Ddmin as Zeller and Hildebrandt print it (2002, figure 2), which repeats no check: the measure for ours.
 * The first two checks, of nothing and of everything, are not counted.
 */
export function countDdminChecks(
  atoms: readonly (readonly DeviceFeature[])[],
  isGone: (off: OffSet) => boolean,
): DdminRun {
  const checked = new Map<string, boolean>();
  const all = atoms.map((_, index) => index);
  const expand = (indexes: readonly number[]) => indexes.flatMap((index) => atoms[index] ?? []);
  const isGood = (indexes: readonly number[]): boolean => {
    if (indexes.length === 0 || indexes.length === all.length) return indexes.length > 0;
    const key = indexes.join();
    const known = checked.get(key) ?? isGone(new Set(expand(indexes)));
    checked.set(key, known);
    return known;
  };
  const run = (current: readonly number[], granularity: number): readonly number[] => {
    if (current.length < 2) return current;
    const subsets = Array.from({ length: granularity }, (_, part) =>
      current.slice(
        Math.floor((part * current.length) / granularity),
        Math.floor(((part + 1) * current.length) / granularity),
      ),
    );
    const subset = subsets.find(isGood);
    if (subset !== undefined) return run(subset, 2);
    const complements = subsets.map((part) => current.filter((index) => !part.includes(index)));
    const complement = granularity > 2 ? complements.find(isGood) : undefined;
    if (complement !== undefined) return run(complement, Math.max(granularity - 1, 2));
    return granularity < current.length ? run(current, Math.min(2 * granularity, current.length)) : current;
  };
  const smallest = expand(run(all, 2));
  return { checks: checked.size, smallest };
}
