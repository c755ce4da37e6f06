import * as v from "valibot";
import type { Remembered } from "../offload/boot.ts";
import { KEYWORDS, type Keyword } from "../offload/features.ts";
import type { Interface } from "../offload/interface.ts";
import { type Result, success, unavailable } from "../offload/result.ts";
import { readStateFile, removeStateFile, statePath, writeStateFile } from "./file.ts";

const DISABLED = "disabled.json";

const Keywords = v.array(v.picklist(KEYWORDS));
const DisabledSchema = v.object({
  version: v.literal(1),
  wholeHost: Keywords,
  nics: v.record(v.string(), Keywords),
});

const NOTHING: Remembered = { wholeHost: [], nics: new Map() };

/** What `disable` has turned off on this host so far; nothing where it never ran. */
export function readRemembered(): Result<Remembered> {
  const text = readStateFile(DISABLED);
  if (!text.ok) return text;
  if (text.value === null) return success(NOTHING);
  try {
    const parsed = v.parse(DisabledSchema, JSON.parse(text.value));
    return success({ wholeHost: parsed.wholeHost, nics: new Map(Object.entries(parsed.nics)) });
  } catch {
    return unavailable(
      "state-damaged",
      `${statePath(DISABLED)} is damaged or of a newer version; move it away, or name to persist what it should cover`,
    );
  }
}

/**
 * Adds a run of `disable` to what is remembered. Written only when that tells anything new. `before`
 * may be given by whoever has read it already, with the lock held that is held still.
 */
export async function remember(
  interfaces: readonly Interface[],
  wholeHost: boolean,
  keywords: readonly Keyword[],
  before: Result<Remembered> = readRemembered(),
): Promise<Result<void>> {
  if (!before.ok) return before;
  const nics = new Map(before.value.nics);
  let isNews = wholeHost && !includesAll(before.value.wholeHost, keywords);
  for (const one of interfaces) {
    if (one.kind !== "pif") continue;
    const known = nics.get(one.pif.uuid);
    if (known !== undefined && includesAll(known, keywords)) continue;
    nics.set(one.pif.uuid, merged(known ?? [], keywords));
    isNews = true;
  }
  if (!isNews || nics.size === 0) return success(undefined);
  const whole = wholeHost ? merged(before.value.wholeHost, keywords) : before.value.wholeHost;
  return write({ wholeHost: whole, nics });
}

function includesAll(known: readonly Keyword[], keywords: readonly Keyword[]): boolean {
  return keywords.every((keyword) => known.includes(keyword));
}

/** Forgets PIFs that were put back; a whole host is no longer one when any of it was. */
export async function forget(uuids: ReadonlySet<string>): Promise<Result<void>> {
  const before = readRemembered();
  if (!before.ok) return before;
  const nics = new Map([...before.value.nics].filter(([uuid]) => !uuids.has(uuid)));
  const whole = nics.size < before.value.nics.size ? [] : before.value.wholeHost;
  return nics.size === before.value.nics.size
    ? success(undefined)
    : write({ wholeHost: whole, nics });
}

/** Forgets everything: nothing is turned off any more. */
export function forgetAll(): Result<void> {
  return removeStateFile(DISABLED);
}

async function write({ wholeHost, nics }: Remembered): Promise<Result<void>> {
  if (nics.size === 0) return removeStateFile(DISABLED);
  return await writeStateFile(DISABLED, { version: 1, wholeHost, nics: Object.fromEntries(nics) });
}

function merged(a: readonly Keyword[], b: readonly Keyword[]): readonly Keyword[] {
  return KEYWORDS.filter((keyword) => a.includes(keyword) || b.includes(keyword));
}
