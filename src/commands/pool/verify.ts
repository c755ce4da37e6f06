import { type Result, success } from "../../offload/result.ts";
import type { PoolManner } from "../arguments.ts";
import type { Interruption } from "../interruption.ts";
import type { Told } from "../invocation.ts";
import { type VerifyRequest, verifyReport } from "../verify.ts";
import { lookAtPool } from "./look.ts";
import { checkTargets, wholePool, withPool } from "./pool.ts";
import { poolReport, rowsOf } from "./verdict.ts";

/** `verify --pool`: what is live and recorded on every host, held against "off". */
export async function verifyPool(
  request: VerifyRequest,
  { patience }: PoolManner,
  interruption: Interruption,
): Promise<Result<Told>> {
  const whole = wholePool(request.targets);
  if (!whole.ok) return whole;
  return await withPool(interruption, patience, async (pool): Promise<Result<Told>> => {
    const checked = checkTargets(request.targets, pool.inventory);
    if (!checked.ok) return checked;
    const { turns, boots } = await lookAtPool(pool, () => false);
    const rows = rowsOf("verify", turns, ({ host }, { interfaces, view, problems }) => {
      const boot = boots.get(host.uuid) ?? { method: null, state: "absent", covers: null };
      const evidence = { interfaces, view, boot, problems, wholeHost: true, notes: [] };
      return verifyReport({ uuid: host.uuid, name: host.name }, evidence, request);
    });
    const advice = [...new Set(rows.flatMap(({ report }) => report?.advice ?? []))];
    return success({ report: poolReport("verify", pool, rows, { changing: false, advice }) });
  });
}
