import type { BootLayer } from "../../offload/boot.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import { callHost } from "./call.ts";
import type { Pool } from "./pool.ts";
import { goRound, type Rounds, turnsOf, type Work } from "./rounds.ts";

/** What every host shows, and what is installed there for boot, by the host's UUID. */
export interface PoolLook extends Rounds {
  readonly boots: ReadonlyMap<string, BootLayer>;
}

/** Looks at every host, and changes nothing. */
export async function lookAtPool(pool: Pool, isStopped: () => boolean): Promise<PoolLook> {
  const boots = new Map<string, BootLayer>();
  const work: Work = async (host, interfaces) => {
    const asked = toWire(interfaces, host);
    const answer = await callHost(pool, host, "observe", asked);
    if (!answer.ok) return answer;
    boots.set(host.uuid, answer.value.boot);
    const { view, strangers } = answer.value;
    return { ok: true, value: { view: viewFromWire(view), strangers } };
  };
  const rounds = await goRound({ pool, work, isStopped }, turnsOf(pool));
  return { ...rounds, boots };
}
