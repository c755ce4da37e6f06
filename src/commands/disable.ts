import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { byHand } from "../offload/by-hand.ts";
import {
  carryOut,
  type Disabled,
  type DisablePlan,
  disableReport,
  forecast,
  planDisable,
  stateProblem,
} from "../offload/disable.ts";
import type { Keyword } from "../offload/features.ts";
import { laterNotes, unrecordedNotes } from "../offload/notes.ts";
import { EXIT } from "../offload/problem.ts";
import type { Report } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import type { TargetRequest } from "../offload/targets.ts";
import { judge } from "../offload/verdict.ts";
import { quoted } from "../offload/wording.ts";
import { FileJournal } from "../state/journal.ts";
import { ChangeLock } from "../state/lock.ts";
import { remember } from "../state/remembered.ts";
import { settleTrial } from "../state/trial.ts";
import { canAsk, confirm } from "../terminal/confirm.ts";
import { writeOut } from "../terminal/output.ts";
import { planSummary } from "../terminal/plan-summary.ts";
import { featuresOf, parseArguments, SHARED, secondsOf, targetsOf } from "./arguments.ts";
import { type Dom0, renew, withDom0 } from "./dom0.ts";
import type { Interruption } from "./interruption.ts";
import { type Invocation, mannerOf, outcomeOf } from "./invocation.ts";
import { type Chosen, choose, chooseWithoutXapi } from "./selection.ts";
import { tryOut } from "./trial.ts";

const args = {
  target: SHARED.target,
  features: SHARED.features,
  vm: SHARED.vm,
  pif: SHARED.pif,
  host: SHARED.host,
  yes: { type: "boolean", alias: "y", description: "do not ask before changing the whole host" },
  "dry-run": {
    type: "boolean",
    description: "print the ethtool and xe commands that would do the same; touch nothing",
  },
  record: {
    type: "boolean",
    default: true,
    negativeDescription: "change the kernel only; works on devices even without XAPI",
  },
  "confirm-within": {
    type: "string",
    valueHint: "seconds",
    description: "put everything back unless it is confirmed in that time",
  },
  wait: SHARED.wait,
  json: SHARED.json,
  color: SHARED.color,
  help: SHARED.help,
} as const satisfies ArgsDef;

interface Request {
  readonly targets: readonly TargetRequest[];
  readonly keywords: readonly Keyword[];
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly record: boolean;
  /** Seconds that the change is on trial; 0 where it is not. */
  readonly seconds: number;
  /** Seconds to wait for another run. */
  readonly wait: number;
}

interface Told {
  readonly report: Report;
  readonly text?: string;
}

/** `offload disable`: turns features off, in the kernel and in XAPI's records. */
export function disableCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "disable", description: "Turn offloads off, now and in XAPI's records" },
    args,
    async run({ rawArgs }) {
      const request = requestOf(rawArgs);
      const told = request.ok ? await disable(request.value, invocation) : request;
      invocation.conclude("disable", mannerOf(rawArgs), outcomeOf(told));
    },
  });
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(args, rawArgs);
  if (!given.ok) return given;
  const targets = targetsOf(given.value);
  const keywords = featuresOf(given.value);
  if (!targets.ok) return targets;
  if (!keywords.ok) return keywords;
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  const trial = trialOf(given.value.values("confirm-within"), given.value.flag("record"));
  if (!trial.ok) return trial;
  if (targets.value.length === 0) {
    return usage(
      "no-target",
      "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host",
    );
  }
  return success({
    targets: targets.value,
    keywords: keywords.value,
    yes: given.value.flag("yes"),
    dryRun: given.value.flag("dry-run"),
    record: given.value.flag("record"),
    seconds: Number(given.value.values("confirm-within")[0] ?? 0),
    wait: wait.value,
  });
}

/** The seconds of `--confirm-within`: 5 to 3600. */
function trialOf([text]: readonly string[], record: boolean): Result<void> {
  if (text === undefined) return success(undefined);
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 5 || seconds > 3600) {
    return usage("bad-seconds", `${quoted(text)} is no time for a trial; say 5 to 3600 seconds`);
  }
  return record
    ? success(undefined)
    : usage("trial-is-recorded", "a trial is recorded when it is kept; leave --no-record away");
}

function disable(request: Request, invocation: Invocation): Promise<Result<Told>> {
  return withDom0(invocation.interruption, async (dom0): Promise<Result<Told>> => {
    const looked = look(request, dom0);
    if (!looked.ok) return looked;
    const { plan, chosen } = looked.value;
    if (request.dryRun) return success(foretell(plan, request, dom0, chosen));
    if (!chosen.wholeHost || request.yes) {
      return await change(plan, request, dom0, chosen, invocation);
    }
    const agreed = await ask(plan, request, dom0, invocation);
    if (!agreed.ok) return agreed;
    // VMs may have started and moved while the question stood: what is done is planned anew.
    const renewed = await renew(dom0);
    if (!renewed.ok) return renewed;
    const again = look(request, renewed.value);
    if (!again.ok) return again;
    return await change(again.value.plan, request, renewed.value, again.value.chosen, invocation);
  });
}

/** Finds the targets, reads their devices and plans. */
function look(
  request: Request,
  dom0: Dom0,
): Result<{ readonly plan: DisablePlan; readonly chosen: Chosen }> {
  const chosen = request.record
    ? choose(dom0, request.targets)
    : chooseWithoutXapi(dom0, request.targets);
  if (!chosen.ok) return chosen;
  const before = survey(chosen.value.interfaces, dom0.kernel);
  if (!before.ok) return before;
  const plan = planDisable(chosen.value.interfaces, request.keywords, before.value);
  return success({ plan, chosen: chosen.value });
}

async function ask(
  plan: DisablePlan,
  request: Request,
  dom0: Dom0,
  { interruption }: Invocation,
): Promise<Result<void>> {
  if (!canAsk()) {
    return usage(
      "not-confirmed",
      "ALL changes every NIC and VM of this host, and nobody can be asked here; confirm with --yes",
    );
  }
  await writeOut("stderr", planSummary(plan, forecast(plan, { records: request.record }), dom0));
  const answer = await confirm("Turn these offloads off?", interruption.abortSignal);
  if (answer === "cancelled") {
    interruption.raise("SIGINT");
    return usage("cancelled", "cancelled; nothing was changed");
  }
  return answer === "yes"
    ? success(undefined)
    : usage("not-confirmed", "not confirmed; nothing was changed");
}

/** The dry run: what would change, and by which commands. */
function foretell(plan: DisablePlan, request: Request, dom0: Dom0, chosen: Chosen): Told {
  const { records, changes } = forecast(plan, { records: request.record });
  const { devices, notes } = judge(plan.interfaces, plan.before, {
    keywords: plan.keywords,
    records: request.record,
  });
  const report: Report = {
    version: 1,
    command: "disable",
    host: dom0.host,
    exitCode: EXIT.done,
    dryRun: true,
    devices,
    changes,
    problems: [],
    notes: [...chosen.notes, ...notes],
    boot: null,
    advice: [],
  };
  const commands = byHand(plan.live, records);
  return { report, text: commands.map((command) => `${command}\n`).join("") };
}

async function carryOutNow(
  plan: DisablePlan,
  request: Request,
  dom0: Dom0,
  chosen: Chosen,
  interruption: Interruption,
): Promise<Result<Disabled>> {
  const journal = FileJournal.open();
  if (!journal.ok) return journal;
  const toolstack = request.record ? chosen.toolstack : null;
  return await interruption.protect((isStopped) =>
    carryOut(plan, dom0.kernel, toolstack, journal.value, isStopped),
  );
}

async function change(
  plan: DisablePlan,
  request: Request,
  dom0: Dom0,
  chosen: Chosen,
  { interruption }: Invocation,
): Promise<Result<Told>> {
  const locked = await ChangeLock.take(request.wait, (work) => interruption.orElse(work));
  if (!locked.ok) return locked;
  using _lock = locked.value;
  const settled = await settleTrial(dom0.kernel);
  if (!settled.ok) return settled;
  const carried =
    request.seconds > 0
      ? await tryOut(plan, request, dom0, chosen, locked.value, interruption)
      : await carryOutNow(plan, request, dom0, chosen, interruption);
  if (!carried.ok) return carried;
  const done = carried.value;
  // A trial that was put back leaves nothing to remember, and what is on is meant to be on.
  const reverted = done.problems.some(({ code }) => code === "reverted");
  const remembered = reverted
    ? success(undefined)
    : await interruption.protect(() => remember(plan.interfaces, chosen.wholeHost, plan.keywords));
  const forgotten = remembered.ok ? [] : remembered.failures.map(stateProblem);
  const judged = judge(done.interfaces, done.after, {
    keywords: plan.keywords,
    records: request.record && done.recordsKnown,
  });
  const notes = [
    ...chosen.notes,
    ...judged.notes,
    ...laterNotes(plan.interfaces, request.record),
    ...(request.record ? unrecordedNotes(plan.interfaces, plan.keywords) : []),
  ];
  const problems = [...done.problems, ...forgotten];
  if (reverted) {
    const judgement = { devices: judged.devices, problems: [], notes: chosen.notes };
    return success({ report: disableReport(dom0.host, { ...done, problems }, judgement) });
  }
  return success({ report: disableReport(dom0.host, { ...done, problems }, { ...judged, notes }) });
}
