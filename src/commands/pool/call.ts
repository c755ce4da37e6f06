import type { RecordStep } from "../../offload/plan.ts";
import { type StepsWritten, writeSteps } from "../../offload/record-half.ts";
import type { AnswerOf, FunctionName } from "../../plugin/messages.ts";
import { progress } from "../../terminal/progress.ts";
import { type Asked, callHost as call, type HostAnswer, type PoolHost } from "../../xapi/pool.ts";
import type { XapiSession } from "../../xapi/session.ts";
import type { Pool } from "./pool.ts";

/** What is being done while hosts are called. */
const DOING: Readonly<Record<FunctionName, string>> = {
  observe: "looking at the hosts of the pool",
  disable: "turning offloads off on the hosts of the pool",
  revert: "putting the trial back on the hosts of the pool",
  strike: "striking out in the hosts' notes what XAPI refused",
  journal: "reading the notes of the hosts of the pool",
  restore: "putting back on the hosts of the pool",
  persist: "seeing to what the hosts of the pool run at boot",
};

/** How much goes on side by side: what began first says what all of it is. */
let underWay = 0;

async function during<T>(what: string, work: () => Promise<T>): Promise<T> {
  if (underWay === 0) progress.begin(what);
  underWay += 1;
  try {
    return await work();
  } finally {
    underWay -= 1;
    if (underWay === 0) progress.end();
  }
}

/** The call of a host, each of which is told of: it may take minutes. */
export function callHost<F extends FunctionName>(
  { session, patience: seconds, signal }: Pick<Pool, "session" | "patience" | "signal">,
  host: PoolHost,
  name: F,
  asked: Asked<F>,
): Promise<HostAnswer<AnswerOf<F>>> {
  return during(DOING[name], async () => {
    progress.at(host.name);
    const answer = await call(session, host, name, asked, { seconds, signal });
    progress.done(host.name, answer.ok ? "answered" : answer.why.message);
    return answer;
  });
}

/** Writes records and tells xenopsd, in sight of whoever waits for it. */
export function recordSteps(
  steps: readonly RecordStep[],
  session: XapiSession,
  isStopped: () => boolean,
): Promise<StepsWritten> {
  return during("writing XAPI's records", () => writeSteps(steps, session, isStopped));
}
