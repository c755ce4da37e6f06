import type { Manner } from "../cli/command.ts";
import type { Wanted } from "../cli/parse-args.ts";
import type { Interruption } from "../cli/signals.ts";
import { DEFAULT_KEYWORDS, FEATURES, KEYWORDS, type Keyword } from "../core/features.ts";
import { type Result, success, usage } from "../core/result.ts";
import { type Choice, choicesOf, choosable } from "../core/targets/choices.ts";
import { survey } from "../core/targets/survey.ts";
import type { TargetRequest } from "../core/targets/targets.ts";
import { judge } from "../core/verify/verdict.ts";
import { canAsk, canDraw } from "../terminal/confirm.ts";
import { type List, type Picked, pick } from "../terminal/picker.ts";
import { printable } from "../terminal/text.ts";
import { viewOn } from "../terminal/view.ts";
import { needRecords, withDom0 } from "./open.ts";

/**
 * Lets the person at the terminal choose NICs and VMs, then features; `keywords` are chosen to begin
 * with. Fails with `no-terminal` where there is none, and with `cancelled` after Ctrl-C.
 */
export async function pickWork(
  keywords: readonly Keyword[],
  manner: Manner,
  interruption: Interruption,
): Promise<Result<Wanted>> {
  if (!canAsk() || !canDraw()) {
    const why = canAsk() ? "one that is not dumb" : "a terminal";
    return usage("no-terminal", `--pick needs ${why}; name VMs, PIFs or VIFs instead`);
  }
  const choices = await choicesHere(interruption);
  if (!choices.ok) return choices;
  const targets = await ask(targetList(choices.value), manner, interruption);
  if (targets === "cancelled") return cancelled(interruption);
  const chosen = targets.flatMap((number) => choices.value[number] ?? []);
  const features = await ask(featureList(chosen, keywords), manner, interruption);
  if (features === "cancelled") return cancelled(interruption);
  return success({
    targets: chosen.map(({ request }) => request),
    features: features.flatMap((number) => KEYWORDS[number] ?? []),
    named: true,
  });
}

function choicesHere(interruption: Interruption): Promise<Result<readonly Choice[]>> {
  return withDom0(
    interruption,
    { kind: "pool" },
    async (dom0): Promise<Result<readonly Choice[]>> => {
      const records = needRecords(dom0.records);
      if (!records.ok) return records;
      const there = choosable(records.value.inventory);
      const interfaces = [...there.nics, ...there.vifs];
      const view = survey(interfaces, dom0.kernel);
      if (!view.ok) return view;
      const { devices } = judge(interfaces, view.value, { keywords: KEYWORDS, records: false });
      return success(choicesOf(there, devices));
    },
  );
}

function targetList(choices: readonly Choice[]): List {
  return {
    question: "Turn off offloads of which NICs and VMs?",
    heading: ["name", "state", "VIFs", "on"],
    rows: choices.map(({ request, name, state, vifs, on }) => ({
      cells: [
        titleOf(name, request),
        state,
        vifs === null ? "" : String(vifs),
        usual(on).join(" "),
      ],
    })),
    chosen: [],
    empty: "Choose at least one with Tab; Ctrl-C leaves",
  };
}

/** A name that leaves nothing to read is replaced by the UUID. */
function titleOf(name: string, { text }: TargetRequest): string {
  return printable(name).trim() === "" ? text : name;
}

/** Features that are on everywhere, and harm nobody, would only hide the others. */
function usual(keywords: readonly Keyword[]): readonly Keyword[] {
  return keywords.filter((keyword) => DEFAULT_KEYWORDS.includes(keyword));
}

function featureList(chosen: readonly Choice[], keywords: readonly Keyword[]): List {
  return {
    question: "Which features?",
    heading: ["feature", "what it does", "on at"],
    rows: FEATURES.map(({ keyword, meaning }) => {
      const count = chosen.filter(({ on }) => on.includes(keyword)).length;
      return { cells: [keyword, meaning, count === 0 ? "" : `${count} of ${chosen.length}`] };
    }),
    chosen: keywords.map((keyword) => KEYWORDS.indexOf(keyword)),
    empty: "Choose at least one with Tab; Ctrl-C leaves",
  };
}

function ask(list: List, { colour }: Manner, interruption: Interruption): Promise<Picked> {
  return pick(list, viewOn("stderr", colour), interruption.abortSignal);
}

function cancelled(interruption: Interruption): Result<never> {
  interruption.raise("SIGINT");
  return usage("cancelled", "cancelled; nothing was changed");
}
