import type { CommandDef } from "citty";
import { type Coverage, coverageOf } from "../offload/boot.ts";
import type { Problem } from "../offload/problem.ts";
import type { Report } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { quoted } from "../offload/wording.ts";
import { removeBoot, usualMethod } from "../persistence/boot-layer.ts";
import { settleTrial } from "../state/trial.ts";
import {
  type PoolManner,
  parseArguments,
  poolOf,
  rollingOf,
  secondsOf,
  wantedOf,
} from "./arguments.ts";
import { bootFound, coverageKnown, installNow, persistReport, piecesAsText } from "./boot.ts";
import { PERSIST } from "./definition/persist.ts";
import { changeDom0, type Dom0, needRecords, withDom0, withHost, withLock } from "./dom0.ts";
import type { Interruption } from "./interruption.ts";
import type { Invocation, Told } from "./invocation.ts";
import type { PoolPersist } from "./pool/persist.ts";
import { reportingCommand } from "./reporting.ts";
import { choose } from "./selection.ts";

interface Request extends Omit<PoolPersist, "patience"> {
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolManner | null;
}

/** `offload persist`: keeps offloads off across reboots. */
export function persistCommand(invocation: Invocation): CommandDef {
  return reportingCommand(PERSIST, invocation, async ({ rawArgs, interruption }) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pool } = request.value;
    if (pool === null) return await persist(request.value, interruption);
    const { persistPool } = await import("./pool/persist.ts");
    return await persistPool({ ...request.value, ...pool }, interruption);
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
  const pool = poolOf(given.value, wait.value);
  if (!pool.ok) return pool;
  const rolling = rollingOf(given.value, pool.value);
  if (!rolling.ok) return rolling;
  return success({
    ...wanted.value,
    limited: given.value.values("features").length > 0,
    pool: pool.value,
    usual: method === "auto",
    method: method === "auto" ? usualMethod() : method,
    dryRun: given.value.flag("dry-run"),
    remove,
    wait: wait.value,
    rolling: rolling.value,
  });
}

function persist(request: Request, interruption: Interruption): Promise<Result<Told>> {
  const { dryRun, remove, wait } = request;
  if (remove) {
    return withHost(async (host) => {
      if (dryRun) return conclusion(host, request, []);
      return await withLock(interruption, wait, async () => {
        const removed = await interruption.protect(() => removeBoot());
        return removed.ok ? conclusion(host, request, []) : removed;
      });
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
  return success({ ...told.value, text: piecesAsText(coverage.value, request.method) });
}

/** The targets that were named, or what is remembered, or what XAPI's records say. */
function coverageFor(request: Request, dom0: Dom0): Result<Coverage> {
  if (request.targets.length > 0) {
    const chosen = choose(dom0, request.targets);
    if (!chosen.ok) return chosen;
    return coverageOf(chosen.value.interfaces, chosen.value.wholeHost, request.keywords);
  }
  const records = needRecords(dom0.records);
  return records.ok ? coverageKnown(records.value.inventory, request) : records;
}

async function install(coverage: Coverage, request: Request, dom0: Dom0): Promise<Result<Told>> {
  const records = needRecords(dom0.records);
  if (!records.ok) return records;
  const { inventory } = records.value;
  const installed = await installNow(coverage, request.method, { kernel: dom0.kernel, inventory });
  return installed.ok ? conclusion(dom0.host, request, installed.value) : installed;
}

function conclusion(
  host: NonNullable<Report["host"]>,
  request: Request,
  problems: readonly Problem[],
): Result<Told> {
  const found = bootFound(request, problems);
  if (!found.ok) return found;
  return success({ report: persistReport(host, request.dryRun, found.value) });
}
