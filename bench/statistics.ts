/** The middle of the values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** A median with what lies around it. */
export interface Summary {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Median and spread of the values. */
export function summary(values: readonly number[]): Summary {
  return { median: median(values), minimum: Math.min(...values), maximum: Math.max(...values) };
}

/**
 * Round by round how many times longer one took than another: what the machine did in the meantime
 * did it to both.
 */
export function ratios(of: readonly number[], to: readonly number[]): Summary {
  return summary(of.map((value, round) => value / (to[round] ?? Number.NaN)));
}
