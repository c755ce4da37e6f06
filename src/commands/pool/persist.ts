import type { Method } from "../../offload/boot.ts";
import type { Interface } from "../../offload/interface.ts";
import { answeredRow, unansweredRow } from "../../offload/pool.ts";
import { EXIT } from "../../offload/problem.ts";
import type { HostReport } from "../../offload/report.ts";
import { type Result, success } from "../../offload/result.ts";
import { everyInterface } from "../../offload/targets.ts";
import { toWire } from "../../plugin/interfaces.ts";
import { printable } from "../../terminal/text.ts";
import type { NoAnswer, PoolHost } from "../../xapi/pool.ts";
import type { Wanted } from "../arguments.ts";
import { persistReport } from "../boot.ts";
import type { Interruption } from "../interruption.ts";
import type { Told } from "../invocation.ts";
import { callHost } from "./call.ts";
import { checkTargets, type Pool, wholePool, withPool } from "./pool.ts";
import { DISABLED, homeLast, hostsSideBySide, leftAlone, NOT_ATTEMPTED } from "./rounds.ts";
import { poolReport } from "./verdict.ts";

/** What `persist --pool` is to do. */
export interface PoolPersist extends Wanted {
  /** Whether `--features` was given: it then limits what is remembered or recorded, too. */
  readonly limited: boolean;
  readonly method: Method;
  /** Whether that is what a host takes of its own accord. */
  readonly usual: boolean;
  readonly dryRun: boolean;
  readonly remove: boolean;
  /** Seconds that a host waits for another run there. */
  readonly wait: number;
  /** Seconds that a host may take to answer. */
  readonly patience: number;
  /** One host after the other: what runs at boot runs once at once, and may reset NICs. */
  readonly rolling: boolean;
}

/** `persist --pool`: what runs at boot, on every host. */
export async function persistPool(
  request: PoolPersist,
  interruption: Interruption,
): Promise<Result<Told>> {
  const whole = wholePool(request.targets);
  if (!whole.ok) return whole;
  return await withPool(interruption, request.patience, async (pool): Promise<Result<Told>> => {
    const checked = checkTargets(request.targets, pool.inventory);
    if (!checked.ok) return checked;
    return await interruption.protect(async (isStopped) => {
      const done = await (request.rolling ? oneByOne : sideBySide)(request, pool, isStopped);
      const all = pool.hosts.flatMap(({ uuid }) => done.get(uuid) ?? []);
      const rows = all.map(({ row }) => row);
      const report = poolReport("persist", pool, rows, {
        changing: !request.dryRun,
        dryRun: request.dryRun,
      });
      if (!request.dryRun) return success({ report });
      return success({ report, text: all.map(({ text }) => text).join("") });
    });
  });
}

interface OnHost {
  readonly row: HostReport;
  /** What a dry run shows. */
  readonly text: string;
}

type Done = ReadonlyMap<string, OnHost>;

async function sideBySide(
  request: PoolPersist,
  pool: Pool,
  isStopped: () => boolean,
): Promise<Done> {
  const done = new Map<string, OnHost>();
  await hostsSideBySide(pool.hosts, async (host) => {
    done.set(host.uuid, await onHost(request, pool, host, isStopped));
  });
  return done;
}

/** After the first host that is not well the others are left alone. */
async function oneByOne(request: PoolPersist, pool: Pool, isStopped: () => boolean): Promise<Done> {
  const done = new Map<string, OnHost>();
  let failed: string | null = null;
  for (const host of homeLast(pool, pool.hosts, (one) => one)) {
    const one: OnHost =
      failed === null || !host.enabled || isStopped()
        ? await onHost(request, pool, host, isStopped)
        : unanswered(host, leftAlone(failed));
    done.set(host.uuid, one);
    if (failed === null && host.enabled && one.row.exitCode !== EXIT.done) failed = host.name;
  }
  return done;
}

function unanswered(host: PoolHost, why: NoAnswer): OnHost {
  return {
    row: unansweredRow(host, why),
    text: `# ${printable(`${host.name}: ${why.message}`)}\n`,
  };
}

async function onHost(
  request: PoolPersist,
  pool: Pool,
  host: PoolHost,
  isStopped: () => boolean,
): Promise<OnHost> {
  const { targets, keywords, limited, usual, method, remove, dryRun, wait } = request;
  const nics = [...everyInterface({ ...pool.inventory, host }).values()].filter(
    (one: Interface) => one.kind === "pif",
  );
  const answer =
    host.enabled && !isStopped()
      ? await callHost(pool, host, "persist", {
          ...toWire(nics, host),
          ...{ limited, remove, dryRun, wait },
          keywords: [...keywords],
          everything: targets.length > 0,
          method: usual ? null : method,
        })
      : { ok: false as const, why: host.enabled ? NOT_ATTEMPTED : DISABLED };
  if (!answer.ok) return unanswered(host, answer.why);
  const report = persistReport({ uuid: host.uuid, name: host.name }, dryRun, answer.value);
  const text = `# ${printable(host.name)}\n${answer.value.text}`;
  return { row: answeredRow("persist", host, report), text };
}
