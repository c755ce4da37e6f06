import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { disableReport } from "../offload/disable.ts";
import { laterNotes, unrecordedNotes } from "../offload/notes.ts";
import type { Report } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { judge } from "../offload/verdict.ts";
import { remember } from "../state/remembered.ts";
import { readTrial } from "../state/trial.ts";
import { parseArguments, SHARED } from "./arguments.ts";
import { withDom0 } from "./dom0.ts";
import { type Invocation, mannerOf, outcomeOf } from "./invocation.ts";
import { choose } from "./selection.ts";
import { keepTrial } from "./trial.ts";

const args = {
  json: SHARED.json,
  color: SHARED.color,
  help: SHARED.help,
} as const satisfies ArgsDef;

/** `offload confirm`: keeps what `disable --confirm-within` has put on trial, and records it. */
export function confirmCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "confirm", description: "Keep a change that is on trial" },
    args,
    async run({ rawArgs }) {
      const told = await keep(rawArgs, invocation);
      invocation.conclude("confirm", mannerOf(rawArgs), outcomeOf(told));
    },
  });
}

async function keep(
  rawArgs: readonly string[],
  { interruption }: Invocation,
): Promise<Result<{ readonly report: Report }>> {
  const given = parseArguments(args, rawArgs);
  if (!given.ok) return given;
  if (given.value.positionals.length > 0) {
    return usage("no-target-taken", "confirm takes no target: there is one trial at most");
  }
  return withDom0(interruption, async (dom0): Promise<Result<{ readonly report: Report }>> => {
    const trial = readTrial();
    if (!trial.ok) return trial;
    if (trial.value === null) return usage("no-trial", "no change is on trial");
    const { targets, keywords } = trial.value;
    const chosen = choose(dom0, targets);
    if (!chosen.ok) return chosen;
    const done = await interruption.protect(() => keepTrial(keywords, dom0, chosen.value));
    if (!done.ok) return done;
    const remembered = await remember(chosen.value.interfaces, chosen.value.wholeHost, keywords);
    if (!remembered.ok) return remembered;
    const judged = judge(done.value.interfaces, done.value.after, {
      keywords,
      records: done.value.recordsKnown,
    });
    const notes = [
      ...chosen.value.notes,
      ...judged.notes,
      ...laterNotes(chosen.value.interfaces, true),
      ...unrecordedNotes(chosen.value.interfaces, keywords),
    ];
    const report = disableReport(dom0.host, done.value, { ...judged, notes });
    return success({ report: { ...report, command: "confirm" } });
  });
}
