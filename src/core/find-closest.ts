import { distance } from "fastest-levenshtein";
import { compareNatural } from "./natural-order.ts";

/** Names beyond this length are not compared: nobody mistypes them, and the cost is quadratic. */
const MAX_COMPARED_LENGTH = 128;

/**
 * Up to `limit` of the candidates that the word is most likely a mistyped form of, nearest first:
 * those that differ only in case, start alike, have two letters in each other's places, or are at most
 * a third of the word's edits away.
 */
export function findClosest(word: string, candidates: Iterable<string>, limit = 3): string[] {
  if (word.length === 0 || word.length > MAX_COMPARED_LENGTH) return [];
  const lowercaseWord = word.toLowerCase();
  const scored: { readonly candidate: string; readonly score: number }[] = [];
  for (const candidate of new Set(candidates)) {
    if (candidate.length > MAX_COMPARED_LENGTH) continue;
    const score = scoreCandidate(lowercaseWord, candidate.toLowerCase());
    if (score !== null) scored.push({ candidate, score });
  }
  return scored
    .sort((a, b) => a.score - b.score || compareNatural(a.candidate, b.candidate))
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

function scoreCandidate(word: string, candidate: string): number | null {
  const edits = distance(word, candidate);
  if (edits <= Math.max(1, Math.floor(word.length / 3))) return edits;
  if (edits === 2 && isTransposed(word, candidate)) return edits;
  return word.length >= 3 && candidate.startsWith(word) ? word.length : null;
}

/** Whether the two differ by the places of two letters: counted as edits that is two. */
function isTransposed(word: string, candidate: string): boolean {
  return [...word].sort().join("") === [...candidate].sort().join("");
}
