import { EXIT } from "../../offload/problem.ts";
import { reportOf } from "../../offload/report.ts";
import { type Result, success } from "../../offload/result.ts";
import { judge } from "../../offload/verdict.ts";
import type { PoolManner, Wanted } from "../arguments.ts";
import type { Interruption } from "../interruption.ts";
import type { Told } from "../invocation.ts";
import { isUnread } from "../status.ts";
import { lookAtPool } from "./look.ts";
import { checkTargets, wholePool, withPool } from "./pool.ts";
import { poolReport, rowsOf } from "./verdict.ts";

/** `status --pool`: the whole picture of every host, without judging. */
export async function statusPool(
  { targets, keywords }: Wanted,
  { patience }: PoolManner,
  interruption: Interruption,
): Promise<Result<Told>> {
  const whole = wholePool(targets);
  if (!whole.ok) return whole;
  return await withPool(interruption, patience, async (pool): Promise<Result<Told>> => {
    const checked = checkTargets(targets, pool.inventory);
    if (!checked.ok) return checked;
    const { turns, boots } = await lookAtPool(pool, () => false);
    const rows = rowsOf("status", turns, ({ host }, { interfaces, view, problems: moving }) => {
      const judged = judge(interfaces, view, { keywords, records: true });
      const problems = [...judged.problems, ...moving].filter(isUnread);
      return reportOf("status", {
        host: { uuid: host.uuid, name: host.name },
        exitCode: problems.length > 0 ? EXIT.unavailable : EXIT.done,
        devices: judged.devices,
        problems,
        boot: boots.get(host.uuid) ?? null,
      });
    });
    return success({ report: poolReport("status", pool, rows, { changing: false }) });
  });
}
