/**
 * Orders names as people do: `eth2` before `eth10`. By code units otherwise; Intl.Collator would
 * follow a language, and costs more to load than all the devices of a host to read.
 */
export function naturalOrder(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const difference = pieceOrder(left[index] ?? "", right[index] ?? "");
    if (difference !== 0) return difference;
  }
  return left.length - right.length || unitOrder(a, b);
}

/** Digits by their value, whatever their number; anything else, and a tie, by code units. */
function pieceOrder(a: string, b: string): number {
  if (!/^\d/.test(a) || !/^\d/.test(b)) return unitOrder(a, b);
  const [x, y] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return x.length - y.length || unitOrder(x, y);
}

function unitOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
