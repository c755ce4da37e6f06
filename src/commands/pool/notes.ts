import type { Inventory } from "../../offload/inventory.ts";
import type { Journal } from "../../offload/journal.ts";
import { everyInterface } from "../../offload/targets.ts";
import { fromDocument } from "../../state/journal-document.ts";
import type { NoAnswer } from "../../xapi/pool.ts";
import { callHost } from "./call.ts";
import type { Pool } from "./pool.ts";
import { DISABLED, hostsSideBySide } from "./rounds.ts";

/** What the hosts of a pool have noted of before, by the UUID of the host; or why that is not known. */
export interface Noted {
  readonly journals: ReadonlyMap<string, Journal>;
  readonly why: ReadonlyMap<string, NoAnswer>;
}

/** Asks every host that is enabled for its journal. */
export async function readJournals(pool: Pool): Promise<Noted> {
  const { session, patience: seconds, signal } = pool;
  const told = new Map<string, Journal>();
  const why = new Map<string, NoAnswer>();
  await hostsSideBySide(pool.hosts, async (host) => {
    if (!host.enabled) {
      why.set(host.uuid, DISABLED);
      return;
    }
    const answer = await callHost(session, host, "journal", {}, { seconds, signal });
    if (answer.ok) told.set(host.uuid, fromDocument(answer.value.journal));
    else why.set(host.uuid, answer.why);
  });
  // In the order of the hosts, whoever answered first: what two have noted is put back the same each time.
  const journals = pool.hosts.flatMap(({ uuid }) => {
    const journal = told.get(uuid);
    return journal === undefined ? [] : [[uuid, journal] as const];
  });
  return { journals: new Map(journals), why };
}

/**
 * Those keys of a journal that nothing exists of any more. What is noted by device only its own host can
 * look for.
 */
export function goneFrom(keys: Iterable<string>, inventory: Inventory): readonly string[] {
  const all = everyInterface(inventory);
  return [...keys].filter((key) => !key.startsWith("device:") && !all.has(key));
}
