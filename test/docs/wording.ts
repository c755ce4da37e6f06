/**
 * Phrases that this project does not use, and what it says instead. Single words are in `cspell.json`.
 * A space stands for any gap, a line break within a comment too.
 */
const PHRASES: readonly (readonly [phrase: RegExp, use: string])[] = [
  [/\bon trial\b|\btrial change\b/, "pending"],
  [/\bthe loop at boot\b|\bboot loop\b/, "the boot script"],
  [/\bsomeone else's VM\b|\ba stranger's\b/, "another VM's"],
  [/\bleft us\b|\bleft in the lurch\b/, "did not answer; failed"],
  [/\bleft alone, for\b/, "skipped: …"],
  [/\bmends? it\b|\bmend that\b/, "fixes it; fix that"],
  [/\bis told of\b|\bare told of\b/, "is reported"],
  [/\brecorded only\b|\bno record of\b/, "a setting in XAPI"],
  [/\bplug(?:s|ged)? (?:\w+ )*anew\b/, "replug"],
  [/\bhow it stands with\b/, "the state of"],
  [/\bwhoever has the lock\b/, "the process that holds the lock"],
  [/\bsomebody else\b/, "someone else"],
  [/\bshall not\b|\bshall be\b/, "must not, should; will be"],
];

/** A place where a text uses a phrase that it should not. */
export interface Finding {
  readonly line: number;
  readonly found: string;
  readonly use: string;
}

/** The phrases of the table that stand in a text, also across lines. */
export function findPhrases(text: string): readonly Finding[] {
  return PATTERNS.flatMap(([pattern, use]) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
      line: text.slice(0, index).split("\n").length,
      found: found.replaceAll(/\s+/g, " "),
      use,
    })),
  );
}

/** A space of a pattern: white space, and what begins the next line of a comment. */
const GAP = String.raw`\s+(?:(?:\*|//|#)\s+)?`;

const PATTERNS = PHRASES.map(([phrase, use]) => [new RegExp(phrase.source.replaceAll(" ", GAP), "gi"), use] as const);
