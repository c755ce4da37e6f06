/**
 * Orders names as people do: `eth2` before `eth10`. By code units otherwise; Intl.Collator would
 * follow a language, and costs more to load than all the devices of a host to read.
 */
export function naturalOrder(a: string, b: string): number {
  return a === b ? 0 : orderOf(takeApart(a), takeApart(b));
}

/**
 * The items in the natural order of their names; of two with one name `otherwise` decides. Each name
 * is taken apart once, however often it is compared.
 */
export function inNaturalOrder<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  otherwise: (a: T, b: T) => number = () => 0,
): readonly T[] {
  if (items.length < 2) return items;
  return items
    .map((item) => ({ item, name: takeApart(nameOf(item)) }))
    .sort((a, b) => orderOf(a.name, b.name) || otherwise(a.item, b.item))
    .map(({ item }) => item);
}

/** A name in runs of digits and of anything else. */
interface TakenApart {
  readonly name: string;
  readonly runs: readonly Run[];
}

interface Run {
  readonly text: string;
  /** The digits without leading zeros; null where it is not a number. */
  readonly digits: string | null;
}

function takeApart(name: string): TakenApart {
  const runs = (name.match(/\d+|\D+/g) ?? []).map((text) => ({
    text,
    digits: /^\d/.test(text) ? text.replace(/^0+/, "") : null,
  }));
  return { name, runs };
}

function orderOf(a: TakenApart, b: TakenApart): number {
  if (a.name === b.name) return 0;
  for (let index = 0; ; index++) {
    const left = a.runs[index];
    const right = b.runs[index];
    if (left === undefined || right === undefined) break;
    const difference = runOrder(left, right);
    if (difference !== 0) return difference;
  }
  return a.runs.length - b.runs.length || unitOrder(a.name, b.name);
}

/** Digits by their value, whatever their number; anything else, and a tie, by code units. */
function runOrder(a: Run, b: Run): number {
  if (a.digits === null || b.digits === null) return unitOrder(a.text, b.text);
  return a.digits.length - b.digits.length || unitOrder(a.digits, b.digits);
}

function unitOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
