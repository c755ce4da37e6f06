import type { CommandDef } from "citty";
import {
  type Coverage,
  coverageOf,
  coverageRecorded,
  coverageRemembered,
  coveredNics,
  type Method,
} from "../offload/boot.ts";
import { planLive } from "../offload/plan.ts";
import { exitCodeOf, type Problem } from "../offload/problem.ts";
import { type Report, reportOf } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { quoted } from "../offload/wording.ts";
import {
  inspectBoot,
  installBoot,
  pieces,
  removeBoot,
  runLoop,
  usualMethod,
} from "../persistence/boot-layer.ts";
import { FileJournal } from "../state/journal.ts";
import { ChangeLock } from "../state/lock.ts";
import { readRemembered } from "../state/remembered.ts";
import { settleTrial } from "../state/trial.ts";
import { progress } from "../terminal/progress.ts";
import { parseArguments, secondsOf, type Wanted, wantedOf } from "./arguments.ts";
import { PERSIST } from "./definition/persist.ts";
import { changeDom0, type Dom0, needRecords, withDom0, withHost } from "./dom0.ts";
import type { Interruption } from "./interruption.ts";
import type { Invocation, Told } from "./invocation.ts";
import { reportingCommand } from "./reporting.ts";
import { choose } from "./selection.ts";

interface Request extends Wanted {
  /** Whether `--features` was given: it then limits what is remembered or recorded, too. */
  readonly limited: boolean;
  readonly method: Method;
  readonly dryRun: boolean;
  readonly remove: boolean;
  /** Seconds to wait for another run. */
  readonly wait: number;
}

/** `offload persist`: keeps offloads off across reboots. */
export function persistCommand(invocation: Invocation): CommandDef {
  return reportingCommand(PERSIST, invocation, async (rawArgs, { interruption }) => {
    const request = requestOf(rawArgs);
    return request.ok ? await persist(request.value, interruption) : request;
  });
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(PERSIST.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const [method = "auto"] = given.value.values("method");
  if (method !== "auto" && method !== "systemd" && method !== "rc.local") {
    return usage("unknown-method", `${quoted(method)} is no method; say auto, systemd or rc.local`);
  }
  const remove = given.value.flag("remove");
  if (remove && wanted.value.targets.length > 0) {
    return usage(
      "remove-takes-no-target",
      "--remove takes away everything; name no target with it",
    );
  }
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  return success({
    ...wanted.value,
    limited: given.value.values("features").length > 0,
    method: method === "auto" ? usualMethod() : method,
    dryRun: given.value.flag("dry-run"),
    remove,
    wait: wait.value,
  });
}

function persist(request: Request, interruption: Interruption): Promise<Result<Told>> {
  const { dryRun, remove, wait } = request;
  if (remove) {
    return withHost(async (host) => {
      if (dryRun) return conclusion(host, request, []);
      const locked = await ChangeLock.take(wait, (taken) => interruption.orElse(taken));
      if (!locked.ok) return locked;
      using _lock = locked.value;
      const removed = await interruption.protect(() => removeBoot());
      return removed.ok ? conclusion(host, request, []) : removed;
    });
  }
  if (dryRun) return withDom0(interruption, async (dom0) => foretell(request, dom0));
  return changeDom0(interruption, wait, async (dom0): Promise<Result<Told>> => {
    const settled = await settleTrial(dom0.kernel);
    if (!settled.ok) return settled;
    const coverage = coverageFor(request, dom0);
    if (!coverage.ok) return coverage;
    return await interruption.protect(() => install(coverage.value, request, dom0));
  });
}

/** The dry run: every piece as it would be written. */
function foretell(request: Request, dom0: Dom0): Result<Told> {
  const coverage = coverageFor(request, dom0);
  if (!coverage.ok) return coverage;
  const told = conclusion(dom0.host, request, []);
  if (!told.ok) return told;
  const text = pieces(coverage.value, request.method)
    .map((piece) => `# ${piece.path}\n${piece.text}\n`)
    .join("");
  return success({ ...told.value, text });
}

/** The targets that were named, or what is remembered, or what XAPI's records say. */
function coverageFor(request: Request, dom0: Dom0): Result<Coverage> {
  if (request.targets.length > 0) {
    const chosen = choose(dom0, request.targets);
    if (!chosen.ok) return chosen;
    return coverageOf(chosen.value.interfaces, chosen.value.wholeHost, request.keywords);
  }
  const records = needRecords(dom0.records);
  if (!records.ok) return records;
  const remembered = readRemembered();
  if (!remembered.ok) return remembered;
  const { inventory } = records.value;
  const known = coverageRemembered(remembered.value, inventory) ?? coverageRecorded(inventory);
  const keywords = known?.keywords.filter(
    (keyword) => !request.limited || request.keywords.includes(keyword),
  );
  if (known === null || keywords === undefined || keywords.length === 0) {
    return usage(
      "nothing-to-persist",
      "nothing was turned off on this host yet; run offload disable ALL first, or name what to persist",
    );
  }
  return success({ ...known, keywords });
}

async function install(coverage: Coverage, request: Request, dom0: Dom0): Promise<Result<Told>> {
  const noted = await noteCovered(coverage, dom0);
  if (!noted.ok) return noted;
  const installed = await installBoot(coverage, request.method);
  if (!installed.ok) return installed;
  progress.begin("running the loop, as boot will");
  const left = await runLoop(coverage);
  progress.end();
  if (!left.ok) return left;
  const problems = left.value.map(
    (line): Problem => ({ code: "boot-failed", message: `the loop could not finish: ${line}` }),
  );
  return conclusion(dom0.host, request, problems);
}

/** Notes what the loop is about to turn off, as `disable` does before its own writes. */
async function noteCovered(coverage: Coverage, dom0: Dom0): Promise<Result<void>> {
  const { kernel } = dom0;
  const records = needRecords(dom0.records);
  if (!records.ok) return records;
  const { inventory } = records.value;
  const bare = kernel.observe(() => []);
  if (!bare.ok) return bare;
  const { existing } = bare.value;
  const covered = coveredNics(coverage, inventory, existing, (device) => kernel.isNic(device));
  const view = survey(covered, kernel);
  if (!view.ok) return view;
  return await new FileJournal().beforeLive(
    planLive(covered, coverage.keywords, view.value),
    view.value,
  );
}

function conclusion(
  host: NonNullable<Report["host"]>,
  { dryRun, remove }: Request,
  problems: readonly Problem[],
): Result<Told> {
  const boot = inspectBoot();
  if (!boot.ok) return boot;
  const { state } = boot.value;
  const wrong = !dryRun && state !== (remove ? "absent" : "current");
  const all: readonly Problem[] = wrong
    ? [...problems, { code: "boot-wrong", message: `what is installed for boot is ${state}` }]
    : problems;
  return success({
    report: reportOf("persist", {
      host,
      exitCode: exitCodeOf(all, { strict: false, changing: true }),
      dryRun,
      problems: all,
      boot: boot.value,
    }),
  });
}
