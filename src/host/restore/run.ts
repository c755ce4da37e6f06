import type { Told } from "../../cli/command.ts";
import { agree } from "../../cli/confirm.ts";
import type { Interruption } from "../../cli/signals.ts";
import { wishesByHand } from "../../core/disable/manual-commands.ts";
import { liveChanges } from "../../core/disable/steps.ts";
import { DEFAULT_KEYWORDS, KEYWORDS } from "../../core/features.ts";
import { EXIT, exitCodeOf, type Note, type Problem } from "../../core/problem.ts";
import { reportOf } from "../../core/report.ts";
import { applyRestore, restorePlanned } from "../../core/restore/apply.ts";
import { requestsNow } from "../../core/restore/wishes.ts";
import { type Result, success, unavailable } from "../../core/result.ts";
import type { ReadScope } from "../../core/targets/read-scope.ts";
import { wordOf } from "../../core/targets/targets.ts";
import { counted, listed } from "../../core/text.ts";
import { judge } from "../../core/verify/verdict.ts";
import type { PoolCall } from "../../plugin/pool-call.ts";
import { KernelBitsFile } from "../../state/kernel-bits.ts";
import type { ChangeLock } from "../../state/lock.ts";
import { readPendingChange, secondsLeft } from "../../state/pending-change.ts";
import { changePorts } from "../change.ts";
import { changeDom0, type Dom0, silenceProblems, withDom0 } from "../open.ts";
import { awaitAnswer } from "../pending/await-answer.ts";
import { beginPendingChange, revertPendingChange } from "../pending/pending-change.ts";
import { scopeOf } from "../selection.ts";
import { restoreBootLayer } from "./boot-layer.ts";
import {
  findRestore,
  notReplugged,
  type RestoreFound,
  type RestoreOptions,
  repluggerOf,
} from "./find.ts";

/** What is to be restored, and how. */
export interface RestoreRun extends RestoreOptions {
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Seconds within which the change has to be confirmed; 0 where it has not. */
  readonly seconds: number;
  /** Seconds to wait for another run. */
  readonly wait: number;
}

/** Brings back what was there, as a request says: asks where that goes beyond what was named. */
export async function runRestore(
  request: RestoreRun,
  interruption: Interruption,
  call: PoolCall | null,
): Promise<Result<Told>> {
  // The host that was asked counts templates and snapshots too, wherever they are.
  const isEverything = request.targets.length === 0 && (call === null || call.halted);
  const scope: ReadScope = isEverything ? { kind: "policy" } : scopeOf(request.targets, call);
  if (request.dryRun) {
    return await withDom0(interruption, scope, async (dom0): Promise<Result<Told>> => {
      const found = await findRestore(dom0, request);
      return found.ok ? success(preview(found.value, request, dom0)) : found;
    });
  }
  if (!request.yes && isBeyondNames(request)) {
    const agreed = await ask(request, scope, interruption);
    if (!agreed.ok) return agreed;
  }
  return await changeDom0(interruption, scope, request.wait, async (dom0, lock) => {
    const reverted = await revertPending(request, dom0);
    if (!reverted.ok) return reverted;
    const found = await findRestore(dom0, request);
    if (!found.ok) return found;
    if (request.seconds > 0) {
      return await pend(found.value, { request, dom0, interruption, call }, lock);
    }
    const run = { request, dom0, call, command: "restore" } as const;
    return await interruption.protect((isStopped) =>
      carryOutRestore(found.value, { ...run, isStopped }, reverted.value),
    );
  });
}

function isBeyondNames({ targets }: RestoreRun): boolean {
  return targets.length === 0 || targets.some((target) => wordOf(target) !== null);
}

async function ask(
  request: RestoreRun,
  scope: ReadScope,
  interruption: Interruption,
): Promise<Result<void>> {
  const found = await withDom0(interruption, scope, (dom0) => findRestore(dom0, request));
  if (!found.ok) return found;
  const { plan, boot, plugs, rule } = found.value;
  const isBootLayer = request.targets.length === 0 && boot.state !== "absent";
  if (plan.live.length + plan.settled.length === 0 && rule === null && !isBootLayer) {
    return success(undefined);
  }
  const parts = [
    counted(plan.live.length, "device"),
    `${counted(plan.settings.length, "setting")} in XAPI`,
  ];
  const plugged = plugs.plugs.map(({ pif, management }) =>
    management ? `${pif.device} (management)` : pif.device,
  );
  const lines = [
    ...(plugged.length > 0 ? [`  XAPI plugs anew: ${listed(plugged)}\n`] : []),
    ...(isBootLayer ? ["  What persist installed is removed.\n"] : []),
  ];
  const what =
    request.targets.length === 0 ? "everything that offload has changed" : "all of these";
  return await agree(
    {
      question: `Restore ${listed(parts)}?`,
      summary: lines.join(""),
      unasked: `refusing to restore ${what} without confirmation`,
    },
    interruption,
  );
}

/** A pending change of what is to be restored is reverted first; any other one has to be answered. */
async function revertPending(
  { targets }: RestoreRun,
  dom0: Dom0,
): Promise<Result<readonly Problem[]>> {
  const pending = readPendingChange();
  if (!pending.ok) return pending;
  if (pending.value === null) return success([]);
  const left = secondsLeft(pending.value);
  const isSame = sameTargets(targets, pending.value.targets);
  if (left > 0 && targets.length > 0 && !isSame) {
    return unavailable(
      "change-pending",
      `a change of something else is pending, and reverted in ${counted(left, "second")}; keep it with offload confirm, or revert it now with offload restore`,
    );
  }
  const bits = KernelBitsFile.read(dom0.kernel);
  return bits.ok ? await revertPendingChange(pending.value, dom0.kernel, bits.value) : bits;
}

function sameTargets(a: RestoreOptions["targets"], b: RestoreOptions["targets"]): boolean {
  const names = (targets: RestoreOptions["targets"]) => new Set(targets.map(({ text }) => text));
  return names(a).symmetricDifference(names(b)).size === 0;
}

function preview({ plan, chosen, plugs }: RestoreFound, request: RestoreRun, { host }: Dom0): Told {
  const { devices } = judge(plan.interfaces, plan.before, {
    keywords: DEFAULT_KEYWORDS,
    records: true,
  });
  const report = reportOf("restore", {
    host,
    exitCode: EXIT.done,
    dryRun: true,
    devices,
    problems: [...chosen.problems, ...plan.problems],
    notes: [...chosen.notes, ...plan.notes],
  });
  const commands = [
    ...wishesByHand([], plan.settings, plan.before.kernel),
    ...plugs.plugs.map(({ pif }) => `xe pif-plug uuid=${pif.uuid}`),
    ...wishesByHand(plan.live, [], plan.before.kernel),
    ...(request.targets.length === 0 ? ["offload persist --remove"] : []),
  ];
  return { report, text: commands.map((command) => `${command}\n`).join("") };
}

interface Pending {
  readonly request: RestoreRun;
  readonly dom0: Dom0;
  readonly interruption: Interruption;
  readonly call: PoolCall | null;
}

/** Changes the kernel alone, until somebody confirms it: nothing is written in XAPI or plugged. */
async function pend(
  { plan, chosen, bits }: RestoreFound,
  { request, dom0, interruption, call }: Pending,
  lock: ChangeLock,
): Promise<Result<Told>> {
  const wanted = (await call?.stillWanted()) ?? success(undefined);
  if (!wanted.ok) return wanted;
  const { targets, features, force, replug, seconds } = request;
  const begun = await beginPendingChange(
    { id: call?.run ?? crypto.randomUUID(), targets, features: features ?? KEYWORDS, seconds },
    { command: "restore", isWhole: features === null, force, replug },
    requestsNow(plan),
    bits,
  );
  if (!begun.ok) return begun;
  const live = await interruption.protect((isStopped) =>
    restorePlanned(plan, { kernel: dom0.kernel, isStopped }),
  );
  lock[Symbol.dispose]();
  const { host } = dom0;
  const { devices } = judge(plan.interfaces, live.after, {
    keywords: DEFAULT_KEYWORDS,
    records: true,
  });
  const changes = liveChanges(plan.interfaces, KEYWORDS, plan.before, live.after);
  const problems = [...chosen.problems, ...plan.problems, ...live.failed];
  const report = (more: readonly Problem[], kept: typeof changes) => {
    const all = [...problems, ...more];
    const exitCode = exitCodeOf(all, { strict: false, changing: true });
    return reportOf("restore", {
      host,
      exitCode,
      devices,
      changes: kept,
      problems: all,
      notes: UNPROTECTED,
    });
  };
  if (call !== null) {
    return success({ report: { ...report([], changes), pending: { secondsLeft: seconds } } });
  }
  const ended = await awaitAnswer(begun.value, seconds, { dom0, interruption, command: "restore" });
  if (!ended.ok) return ended;
  return ended.value.type === "confirmed"
    ? success(ended.value.told)
    : success({ report: report(ended.value.problems, []) });
}

const UNPROTECTED: readonly Note[] = [
  {
    code: "plug-unprotected",
    message:
      "NICs are plugged anew once this is confirmed; that plug is not covered by --confirm-within",
  },
];

interface Run {
  readonly request: RestoreOptions;
  readonly dom0: Dom0;
  readonly call: PoolCall | null;
  readonly command: "restore" | "confirm";
  readonly isStopped: () => boolean;
}

/** Carries out what was planned, has the boot layer follow, and reports. */
export async function carryOutRestore(
  found: RestoreFound,
  { request, dom0, call, command, isStopped }: Run,
  reverted: readonly Problem[],
): Promise<Result<Told>> {
  const { plan, chosen, bits } = found;
  const ports = changePorts(dom0, bits, chosen.toolstack, call, isStopped);
  const replugger = repluggerOf(found, request, dom0.kernel, isStopped);
  const followBoot = (settled: RestoreFound["plan"]["settled"]) =>
    restoreBootLayer(found, request, settled);
  const work = { request, evidence: found.evidenceOf, rule: found.rule, replugger, followBoot };
  const restored = await applyRestore(plan, work, ports);
  if (!restored.ok) return restored;
  const { interfaces, after, changes, settingsKnown } = restored.value;
  const { devices } = judge(interfaces, after, {
    keywords: DEFAULT_KEYWORDS,
    records: settingsKnown,
  });
  const problems = [
    ...silenceProblems(dom0.records),
    ...chosen.problems,
    ...reverted,
    ...restored.value.problems,
  ];
  const notes = [
    ...chosen.notes,
    ...restored.value.notes,
    ...notReplugged(found, restored.value, request),
  ];
  const exitCode = exitCodeOf(problems, { strict: false, changing: true });
  const { host } = dom0;
  return success({
    report: reportOf(command, { host, exitCode, devices, changes, problems, notes }),
  });
}
