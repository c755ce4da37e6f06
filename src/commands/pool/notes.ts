import type { Interface } from "../../offload/interface.ts";
import { deviceOfKey, type Journal } from "../../offload/journal.ts";
import { fromDocument } from "../../state/journal-document.ts";
import type { HostAnswer, NoAnswer, PoolHost } from "../../xapi/pool.ts";
import { callHost } from "./call.ts";
import type { Pool } from "./pool.ts";
import { DISABLED, hostsSideBySide } from "./rounds.ts";

/** What the hosts of a pool have noted of before, by the UUID of the host; or why that is not known. */
export interface Noted {
  readonly journals: ReadonlyMap<string, Journal>;
  readonly why: ReadonlyMap<string, NoAnswer>;
}

/** Asks a host for its journal. */
export async function askJournal(pool: Pool, host: PoolHost): Promise<HostAnswer<Journal>> {
  const answer = await callHost(pool, host, "journal", {});
  return answer.ok ? { ok: true, value: fromDocument(answer.value.journal) } : answer;
}

/** Asks every host that is enabled for its journal. */
export async function readJournals(pool: Pool): Promise<Noted> {
  const told = new Map<string, Journal>();
  const why = new Map<string, NoAnswer>();
  await hostsSideBySide(pool.hosts, async (host) => {
    if (!host.enabled) {
      why.set(host.uuid, DISABLED);
      return;
    }
    const answer = await askJournal(pool, host);
    if (answer.ok) told.set(host.uuid, answer.value);
    else why.set(host.uuid, answer.why);
  });
  // In the order of the hosts, whoever answered first: what two have noted is put back the same each time.
  const journals = pool.hosts.flatMap(({ uuid }) => {
    const journal = told.get(uuid);
    return journal === undefined ? [] : [[uuid, journal] as const];
  });
  return { journals: new Map(journals), why };
}

/** What a journal tells of, as far as it exists. `all`: every interface, by its UUID. */
export function interfacesNoted(
  journal: Journal,
  all: ReadonlyMap<string, Interface>,
): readonly Interface[] {
  return [...journal.keys()].flatMap((key) => all.get(key) ?? []);
}

/**
 * Those keys of a journal that nothing exists of any more. What is noted by device only its own host can
 * look for.
 */
export function goneFrom(
  keys: Iterable<string>,
  all: ReadonlyMap<string, Interface>,
): readonly string[] {
  return [...keys].filter((key) => deviceOfKey(key) === null && !all.has(key));
}
