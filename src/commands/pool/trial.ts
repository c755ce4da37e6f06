import { revertedReport } from "../../offload/disable.ts";
import type { Problem } from "../../offload/problem.ts";
import type { Report } from "../../offload/report.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import { confirm } from "../../terminal/confirm.ts";
import type { PoolHost } from "../../xapi/pool.ts";
import { REVERTED } from "../trial.ts";
import { callHost } from "./call.ts";
import type { Pool } from "./pool.ts";
import { goOnce, goRound, hostsSideBySide, type Turn, turnsOf } from "./rounds.ts";
import { poolReport, rowsOf } from "./verdict.ts";
import { PoolWork, type WorkRequest } from "./work.ts";

/**
 * Turns what is live off on every host, each of which puts it back by itself unless it is kept in time,
 * and asks. Kept, each host does the same for good, and it is recorded; otherwise each puts it back.
 */
export async function tryOutPool(
  request: WorkRequest & { readonly seconds: number },
  pool: Pool,
  isStopped: () => boolean,
): Promise<Report> {
  const { seconds } = request;
  // Counted from before the first call: the hosts' own deadlines are later.
  const deadline = AbortSignal.timeout(seconds * 1000);
  const work = new PoolWork(request, pool, isStopped);
  const turns = turnsOf(pool);
  await goOnce({ work: work.on(() => ({ seconds })), isStopped }, turns);
  const tried = turns.filter(({ why }) => why === null);
  const answer =
    tried.length === 0 || isStopped()
      ? "no"
      : await confirm(
          `Keep these changes on ${tried.length} of ${turns.length} hosts? Without an answer they are put back in ${seconds} seconds.`,
          AbortSignal.any([pool.signal, deadline]),
        );
  return answer === "yes" && !deadline.aborted && !isStopped()
    ? await keep(request, pool, { turns, trials: work.trials }, isStopped)
    : await putBack(request, pool, { turns, trials: work.trials });
}

/** The hosts on which a trial was begun, and by which deadline each knows its own. */
interface Tried {
  readonly turns: readonly Turn[];
  readonly trials: ReadonlyMap<string, number>;
}

/** The deadline of no trial at all. */
const NONE = 0;

async function keep(
  request: WorkRequest,
  pool: Pool,
  tried: Tried,
  isStopped: () => boolean,
): Promise<Report> {
  const work = new PoolWork(request, pool, isStopped);
  const turns = turnsOf(pool);
  for (const [index, turn] of turns.entries()) turn.why = tried.turns[index]?.why ?? turn.why;
  const own = ({ uuid }: PoolHost) => ({ keep: tried.trials.get(uuid) ?? NONE });
  const { inventory } = await goRound({ pool, work: work.on(own), isStopped }, turns);
  const rows = rowsOf("disable", turns, (turn, evidence) =>
    work.reportOf(turn, evidence, inventory !== null),
  );
  return poolReport("disable", pool, rows, { changing: true });
}

/** Whatever signal came: what is on trial is put back. A host that does not answer does it by itself. */
async function putBack(
  { keywords, wait }: WorkRequest,
  pool: Pool,
  { turns, trials }: Tried,
): Promise<Report> {
  const untilAnswered: Pool = { ...pool, signal: new AbortController().signal };
  const problems = new Map<string, readonly Problem[]>();
  await hostsSideBySide(turns, async (turn) => {
    if (turn.why !== null) return;
    const { host, interfaces } = turn;
    const trial = trials.get(host.uuid) ?? NONE;
    const asked = { ...toWire(interfaces, host), trial, wait };
    const answer = await callHost(untilAnswered, host, "revert", asked);
    if (!answer.ok) {
      turn.why = answer.why;
      return;
    }
    turn.view = viewFromWire(answer.value.view);
    problems.set(host.uuid, [...answer.value.problems, REVERTED]);
  });
  const rows = rowsOf("disable", turns, ({ host }, { interfaces, view }) =>
    revertedReport(
      {
        interfaces,
        after: view,
        changes: [],
        // A host that has not answered is not known to have put anything back.
        problems: problems.get(host.uuid) ?? [],
        recordsKnown: true,
      },
      { host: { uuid: host.uuid, name: host.name }, keywords, record: true, notes: [] },
    ),
  );
  return poolReport("disable", pool, rows, { changing: true });
}
