/**
 * Orders names as people do: `eth2` before `eth10`. By code units otherwise; Intl.Collator would
 * follow a language, and costs more to load than all the devices of a host to read.
 */
export function compareNatural(a: string, b: string): number {
  return a === b ? 0 : compareCodeUnits(makeSortKey(a), makeSortKey(b)) || compareCodeUnits(a, b);
}

/**
 * The items in the natural order of their names; of two with one name `otherwise` decides. The key of
 * each name is made once, however often it is compared.
 */
export function sortNatural<T>(
  items: readonly T[],
  getName: (item: T) => string,
  compareTies: (a: T, b: T) => number = () => 0,
): readonly T[] {
  if (items.length < 2) return items;
  return items
    .map((item) => {
      const name = getName(item);
      return { item, name, key: makeSortKey(name) };
    })
    .sort((a, b) => compareCodeUnits(a.key, b.key) || compareCodeUnits(a.name, b.name) || compareTies(a.item, b.item))
    .map(({ item }) => item);
}

/**
 * A text whose order by code units is the natural one of the name. A run of digits becomes a digit,
 * the number of its digits and these, without leading zeros: the longer number is the larger. The NUL
 * before it ends the text there, so that `a1` comes before `a!` as `a` does.
 */
function makeSortKey(name: string): string {
  return name.replace(/\d+/g, (run, offset: number) => {
    const digits = run.startsWith("0") ? run.replace(/^0+/, "") : run;
    return `${offset === 0 ? "" : "\0"}0${String.fromCharCode(Math.min(digits.length, 0xffff))}${digits}`;
  });
}

function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
