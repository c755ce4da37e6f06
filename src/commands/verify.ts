import type { CommandDef } from "citty";
import { type BootLayer, bootFindings } from "../offload/boot.ts";
import { shellQuoted } from "../offload/by-hand.ts";
import { isMendedByDisable } from "../offload/findings.ts";
import { pluginAnswer, pluginFailure } from "../offload/nagios.ts";
import type { LiveView } from "../offload/plan.ts";
import { exitCodeOf, type Problem } from "../offload/problem.ts";
import { type Report, reportOf } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { WHOLE_HOST } from "../offload/targets.ts";
import { judge } from "../offload/verdict.ts";
import { inspectBoot } from "../persistence/boot-layer.ts";
import { type PoolManner, parseArguments, poolOf, type Wanted, wantedOf } from "./arguments.ts";
import { VERIFY } from "./definition/verify.ts";
import { withDom0Ahead } from "./dom0.ts";
import type { Interruption } from "./interruption.ts";
import { flagsAmong, type Invocation, type Outcome, outcomeOf, type Told } from "./invocation.ts";
import { reportingCommand } from "./reporting.ts";
import { type Chosen, choose, lookAhead } from "./selection.ts";

/** Without targets it is about the whole host. */
export interface VerifyRequest extends Wanted {
  /** `--features` as it was given, to be repeated in advice. */
  readonly features: readonly string[];
  readonly strict: boolean;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolManner | null;
}

/** `offload verify`: holds what is live and recorded against "off". */
export function verifyCommand(invocation: Invocation): CommandDef {
  const work = async ({ rawArgs, interruption }: Invocation) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pool } = request.value;
    if (pool === null) return await verify(request.value, interruption);
    const { verifyPool } = await import("./pool/verify.ts");
    return await verifyPool(request.value, pool, interruption);
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

function requestOf(rawArgs: readonly string[]): Result<VerifyRequest> {
  const given = parseArguments(VERIFY.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const pool = poolOf(given.value);
  if (!pool.ok) return pool;
  if (given.value.flag("nagios") && given.value.flag("json")) {
    return usage("nagios-or-json", "--nagios and --json exclude each other");
  }
  if (given.value.flag("nagios") && pool.value !== null) {
    return usage("nagios-or-pool", "--nagios is about one host; let each be asked for itself");
  }
  return success({
    ...wanted.value,
    pool: pool.value,
    features: given.value.values("features"),
    strict: given.value.flag("strict"),
  });
}

function verify(request: VerifyRequest, interruption: Interruption): Promise<Result<Told>> {
  const targets = request.targets.length > 0 ? request.targets : [WHOLE_HOST];
  return withDom0Ahead(
    interruption,
    (kernel) => ({ ahead: lookAhead(kernel, targets), boot: inspectBoot() }),
    async (dom0, { ahead, boot }): Promise<Result<Told>> => {
      dom0.leaveXapi();
      const chosen = choose(dom0, targets);
      if (!chosen.ok) return chosen;
      const view = survey(chosen.value.interfaces, dom0.kernel, ahead);
      if (!view.ok) return view;
      if (!boot.ok) return boot;
      const evidence = { ...chosen.value, view: view.value, boot: boot.value };
      return success({ report: verifyReport(dom0.host, evidence, request) });
    },
  );
}

/** What a verdict on a host rests on. */
export interface VerifyEvidence extends Pick<Chosen, "interfaces" | "wholeHost" | "notes"> {
  readonly view: LiveView;
  readonly boot: BootLayer;
  /** What is known to be wrong besides. */
  readonly problems?: readonly Problem[];
}

/** The report of one host; the same whether it looked at itself or was looked at. */
export function verifyReport(
  host: NonNullable<Report["host"]>,
  { interfaces, wholeHost, view, boot, notes, problems: known = [] }: VerifyEvidence,
  request: VerifyRequest,
): Report {
  const { keywords, strict } = request;
  const judged = judge(interfaces, view, { keywords, records: true });
  const devices = interfaces.flatMap((one) => (one.kind === "pif" ? [one.pif.device] : []));
  // The boot layer is a matter of NICs: nothing of a single VIF is installed for boot.
  const atBoot =
    wholeHost || devices.length > 0
      ? bootFindings(boot, { keywords, devices }, strict)
      : { problems: [], notes: [] };
  const problems = [...judged.problems, ...known, ...atBoot.problems];
  return reportOf("verify", {
    host,
    exitCode: exitCodeOf(problems, { strict, changing: false }),
    devices: judged.devices,
    problems,
    notes: [...notes, ...judged.notes, ...atBoot.notes],
    boot,
    advice: isMendedByDisable(judged.problems) ? [mendingCommand(request)] : [],
  });
}

/** `offload disable` with the same targets and features. */
function mendingCommand({ targets, features, pool }: VerifyRequest): string {
  const flags = targets.flatMap(({ text, kind }) =>
    kind === "any" ? [] : [kind === "host" ? "--host" : `--${kind}=${text}`],
  );
  const words = targets.flatMap(({ text, kind }) => (kind === "any" ? [text] : []));
  if (features.length > 0) flags.push(`--features=${features.join(",")}`);
  if (targets.length === 0) words.push("ALL");
  if (pool !== null) flags.push("--pool");
  const guard = words.some((word) => word.startsWith("-")) ? ["--"] : [];
  return ["offload", "disable", ...flags, ...guard, ...words].map(shellQuoted).join(" ");
}
