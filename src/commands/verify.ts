import { bootFindings } from "../offload/boot.ts";
import { shellQuoted } from "../offload/by-hand.ts";
import { isMendedByDisable } from "../offload/findings.ts";
import { pluginAnswer, pluginFailure } from "../offload/nagios.ts";
import { exitCodeOf } from "../offload/problem.ts";
import { reportOf } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { judge } from "../offload/verdict.ts";
import { inspectBoot } from "../persistence/boot-layer.ts";
import { parseArguments, type Wanted, wantedOf } from "./arguments.ts";
import { VERIFY } from "./definition/verify.ts";
import { withDom0 } from "./dom0.ts";
import type { Interruption } from "./interruption.ts";
import {
  type Command,
  flagsAmong,
  type Invocation,
  type Outcome,
  outcomeOf,
  type Told,
} from "./invocation.ts";
import { reportingCommand } from "./reporting.ts";
import { type Chosen, choose } from "./selection.ts";

/** Without targets it is about the whole host. */
interface Request extends Wanted {
  /** `--features` as it was given, to be repeated in advice. */
  readonly features: readonly string[];
  readonly strict: boolean;
}

/** `offload verify`: holds what is live and recorded against "off". */
export function verifyCommand(invocation: Invocation): Command {
  const work = async (rawArgs: readonly string[], { interruption }: Invocation) => {
    const request = requestOf(rawArgs);
    return request.ok ? await verify(request.value, interruption) : request;
  };
  return reportingCommand(VERIFY, invocation, work, outcome);
}

/** A plugin answers to a wrong command line in its own way, too. */
function outcome(told: Result<Told>, rawArgs: readonly string[]): Outcome {
  const flags = flagsAmong(rawArgs);
  if (!flags.some((word) => /^--nagios(?:=|$)/.test(word))) return outcomeOf(told);
  const answer = told.ok
    ? pluginAnswer(told.value.report, flags.includes("--strict"))
    : pluginFailure(told.failures);
  return { type: "line", ...answer };
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(VERIFY.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  if (given.value.flag("nagios") && given.value.flag("json")) {
    return usage("nagios-or-json", "--nagios and --json exclude each other");
  }
  return success({
    ...wanted.value,
    features: given.value.values("features"),
    strict: given.value.flag("strict"),
  });
}

function verify(request: Request, interruption: Interruption): Promise<Result<Told>> {
  const wholeHost = { text: "ALL", kind: "host" } as const;
  const targets = request.targets.length > 0 ? request.targets : [wholeHost];
  return withDom0(interruption, async (dom0): Promise<Result<Told>> => {
    const chosen = choose(dom0, targets);
    if (!chosen.ok) return chosen;
    const view = survey(chosen.value.interfaces, dom0.kernel);
    if (!view.ok) return view;
    const judged = judge(chosen.value.interfaces, view.value, {
      keywords: request.keywords,
      records: true,
    });
    const boot = bootOf(chosen.value, request);
    if (!boot.ok) return boot;
    const problems = [...judged.problems, ...boot.value.problems];
    const report = reportOf("verify", {
      host: dom0.host,
      exitCode: exitCodeOf(problems, { strict: request.strict, changing: false }),
      devices: judged.devices,
      problems,
      notes: [...chosen.value.notes, ...judged.notes, ...boot.value.notes],
      boot: boot.value.layer,
      advice: isMendedByDisable(judged.problems) ? [mendingCommand(request)] : [],
    });
    return success({ report });
  });
}

/** The boot layer, which is a matter of NICs: nothing of a single VIF is installed for boot. */
function bootOf({ interfaces, wholeHost }: Chosen, { keywords, strict }: Request) {
  const layer = inspectBoot();
  if (!layer.ok) return layer;
  const devices = interfaces.flatMap((one) => (one.kind === "pif" ? [one.pif.device] : []));
  const findings =
    wholeHost || devices.length > 0
      ? bootFindings(layer.value, { keywords, devices }, strict)
      : { problems: [], notes: [] };
  return success({ layer: layer.value, ...findings });
}

/** `offload disable` with the same targets and features. */
function mendingCommand({ targets, features }: Request): string {
  const flags = targets.flatMap(({ text, kind }) =>
    kind === "any" ? [] : [kind === "host" ? "--host" : `--${kind}=${text}`],
  );
  const words = targets.flatMap(({ text, kind }) => (kind === "any" ? [text] : []));
  if (features.length > 0) flags.push(`--features=${features.join(",")}`);
  if (targets.length === 0) words.push("ALL");
  const guard = words.some((word) => word.startsWith("-")) ? ["--"] : [];
  return ["offload", "disable", ...flags, ...guard, ...words].map(shellQuoted).join(" ");
}
