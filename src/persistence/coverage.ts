import * as v from "valibot";
import type { Coverage } from "../offload/boot.ts";
import { KEYWORDS } from "../offload/features.ts";
import { VERSION } from "../version.ts";

const MarkSchema = v.object({
  program: v.string(),
  keywords: v.pipe(v.array(v.picklist(KEYWORDS)), v.minLength(1)),
  devices: v.array(v.string()),
  everything: v.boolean(),
});

const MARK = "# offload-coverage: ";

/** The first line of the unit and of the udev rule. */
export const SIGNATURE = '# Written by "offload persist"; remove with "offload persist --remove".';

/** Whether a unit or a rule is ours, of whatever version; any other of the same name is left alone. */
export function isSigned(text: string): boolean {
  return text.startsWith(SIGNATURE);
}

/** The coverage as a comment, by which every piece says what it was written for, and by what. */
export function coverageLine({ keywords, devices, everything }: Coverage): string {
  return `${MARK}${JSON.stringify({ program: VERSION, keywords, devices, everything })}`;
}

/** What that comment says. `program`: the version of this program that wrote it. */
export interface Mark {
  readonly program: string;
  readonly covers: Coverage;
}

/** Finds that comment in a text again; null where there is none, or none that is understood. */
export function readMark(text: string): Mark | null {
  const line = text.split("\n").find((candidate) => candidate.startsWith(MARK));
  if (line === undefined) return null;
  try {
    const parsed = v.safeParse(MarkSchema, JSON.parse(line.slice(MARK.length)));
    if (!parsed.success) return null;
    const { program, ...covers } = parsed.output;
    return { program, covers };
  } catch {
    return null;
  }
}

/**
 * What it means that a piece is not what this program would write: an older version's work, or a
 * hand's.
 */
export function whyDifferent({ program }: Mark): "stale" | "edited" {
  return program === VERSION ? "edited" : "stale";
}
