import type { Interface } from "../../offload/interface.ts";
import type { LiveView } from "../../offload/plan.ts";
import {
  answeredRow,
  exitCodeOfHosts,
  type PoolCommand,
  unansweredRow,
} from "../../offload/pool.ts";
import { EXIT, type Problem } from "../../offload/problem.ts";
import { problemAbout } from "../../offload/problem-about.ts";
import type { HostReport, Report } from "../../offload/report.ts";
import { reportOf } from "../../offload/report.ts";
import type { Pool } from "./pool.ts";
import { type Turn, unsettled } from "./rounds.ts";

/** What a host can be judged by. */
export interface Evidence {
  readonly interfaces: readonly Interface[];
  readonly view: LiveView;
  /** Of the VIFs whose device on that host is not known to be theirs. */
  readonly problems: readonly Problem[];
}

/** The rows of all hosts, each with the report that `judged` makes of its evidence. */
export function rowsOf(
  command: PoolCommand,
  turns: readonly Turn[],
  judged: (turn: Turn, evidence: Evidence) => Report,
): readonly HostReport[] {
  return turns.map((turn) => {
    const { host, why, view } = turn;
    if (view === null) return unansweredRow(host, why ?? NOTHING_SEEN);
    const report = judged(turn, evidenceOf(turn, view));
    const row = answeredRow(command, host, report);
    if (why === null) return row;
    // It answered once, and then no more: what it has shown stands, and so does what it has not.
    const isBegun = report.changes.length > 0 && !report.dryRun;
    const exitCode = isBegun ? EXIT.partly : row.exitCode || EXIT.unavailable;
    return { ...unansweredRow(host, why), exitCode, report };
  });
}

const NOTHING_SEEN = {
  state: "not-attempted",
  message: "nothing was asked of it",
  advice: [],
} as const;

/** The report of a pool: its rows, and the exit code of the worst. */
export function poolReport(
  command: PoolCommand,
  pool: Pool,
  rows: readonly HostReport[],
  options: {
    readonly changing: boolean;
    readonly dryRun?: boolean;
    readonly advice?: readonly string[];
  },
): Report {
  const { changing, dryRun = false, advice = [] } = options;
  return reportOf(command, {
    host: pool.home,
    exitCode: exitCodeOfHosts(rows, { changing }),
    dryRun,
    advice,
    hosts: rows,
  });
}

function evidenceOf(turn: Turn, view: LiveView): Evidence {
  const open = unsettled(turn);
  const left = new Set(open);
  return {
    interfaces: turn.interfaces.filter((one) => !left.has(one)),
    view,
    problems: open.map((one) => {
      const because = one.kind === "vif" ? turn.strangers.get(one.vm.uuid) : undefined;
      const says = `not touched, for its VM was on the move (${because ?? "it arrived last"}); run this again`;
      return problemAbout("domain-changed", one, says);
    }),
  };
}
