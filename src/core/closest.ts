import { distance } from "fastest-levenshtein";
import { naturalOrder } from "./natural-order.ts";

/** Names beyond this length are not compared: nobody mistypes them, and the cost is quadratic. */
const LONGEST_COMPARED = 128;

/**
 * Up to `limit` of the candidates that the word is most likely a mistyped form of, nearest first:
 * those that differ only in case, start alike, have two letters in each other's places, or are at most
 * a third of the word's edits away.
 */
export function closest(word: string, candidates: Iterable<string>, limit = 3): string[] {
  if (word.length === 0 || word.length > LONGEST_COMPARED) return [];
  const wanted = word.toLowerCase();
  const scored: { readonly candidate: string; readonly score: number }[] = [];
  for (const candidate of new Set(candidates)) {
    if (candidate.length > LONGEST_COMPARED) continue;
    const score = scoreOf(wanted, candidate.toLowerCase());
    if (score !== null) scored.push({ candidate, score });
  }
  return scored
    .sort((a, b) => a.score - b.score || naturalOrder(a.candidate, b.candidate))
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

function scoreOf(wanted: string, candidate: string): number | null {
  const edits = distance(wanted, candidate);
  if (edits <= Math.max(1, Math.floor(wanted.length / 3))) return edits;
  if (edits === 2 && isTransposed(wanted, candidate)) return edits;
  return wanted.length >= 3 && candidate.startsWith(wanted) ? wanted.length : null;
}

/** Whether the two differ by the places of two letters: counted as edits that is two. */
function isTransposed(wanted: string, candidate: string): boolean {
  return [...wanted].sort().join("") === [...candidate].sort().join("");
}
