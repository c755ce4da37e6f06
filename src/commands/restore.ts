import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { wishesByHand } from "../offload/by-hand.ts";
import { DEFAULT_KEYWORDS } from "../offload/features.ts";
import type { Interface } from "../offload/interface.ts";
import { type Journal, journalKey } from "../offload/journal.ts";
import { EXIT, exitCodeOf, type Note } from "../offload/problem.ts";
import type { Report } from "../offload/report.ts";
import { carryBack, planRestore, type RestorePlan, settle } from "../offload/restore.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { everyInterface, type TargetRequest } from "../offload/targets.ts";
import { judge } from "../offload/verdict.ts";
import { counted } from "../offload/wording.ts";
import { inspectBoot } from "../persistence/boot-layer.ts";
import { readJournal, writeJournal } from "../state/journal.ts";
import { ChangeLock } from "../state/lock.ts";
import { forget, forgetAll } from "../state/remembered.ts";
import { readTrial, revertTrial } from "../state/trial.ts";
import { canAsk, confirm } from "../terminal/confirm.ts";
import { parseArguments, SHARED, secondsOf, targetsOf } from "./arguments.ts";
import { type Dom0, withDom0 } from "./dom0.ts";
import { type Invocation, mannerOf, outcomeOf } from "./invocation.ts";
import { chooseWithoutXapi } from "./selection.ts";

const args = {
  target: {
    ...SHARED.target,
    description: "what to put back (default: everything that was changed)",
  },
  vm: SHARED.vm,
  pif: SHARED.pif,
  host: SHARED.host,
  yes: { type: "boolean", alias: "y", description: "do not ask before putting everything back" },
  "dry-run": {
    type: "boolean",
    description: "print the commands that would do the same; touch nothing",
  },
  force: { type: "boolean", description: "put back what somebody else has changed since, too" },
  wait: SHARED.wait,
  json: SHARED.json,
  color: SHARED.color,
  help: SHARED.help,
} as const satisfies ArgsDef;

interface Request {
  /** Empty: everything that was changed. */
  readonly targets: readonly TargetRequest[];
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly wait: number;
}

interface Told {
  readonly report: Report;
  readonly text?: string;
}

/** What of the journal a run is about. */
interface Scope {
  readonly interfaces: readonly Interface[];
  /** Keys of what no longer exists: there is nothing left to put back. */
  readonly gone: readonly string[];
  readonly notes: readonly Note[];
}

/** `offload restore`: puts back exactly what was there before. */
export function restoreCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "restore", description: "Put back exactly what was there before" },
    args,
    async run({ rawArgs }) {
      const request = requestOf(rawArgs);
      const told = request.ok ? await restore(request.value, invocation) : request;
      invocation.conclude("restore", mannerOf(rawArgs), outcomeOf(told));
    },
  });
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(args, rawArgs);
  if (!given.ok) return given;
  const targets = targetsOf(given.value);
  if (!targets.ok) return targets;
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  return success({
    targets: targets.value,
    yes: given.value.flag("yes"),
    dryRun: given.value.flag("dry-run"),
    force: given.value.flag("force"),
    wait: wait.value,
  });
}

function restore(request: Request, invocation: Invocation): Promise<Result<Told>> {
  const { interruption } = invocation;
  return withDom0(interruption, async (dom0): Promise<Result<Told>> => {
    const seen = readJournal();
    if (!seen.ok) return seen;
    const scope = scopeOf(request, dom0, seen.value);
    if (!scope.ok) return scope;
    const before = survey(scope.value.interfaces, dom0.kernel);
    if (!before.ok) return before;
    const options = { force: request.force };
    const plan = planRestore(seen.value, scope.value.interfaces, before.value, options);
    if (request.dryRun) return success(foretell(plan, scope.value, dom0));
    if (request.targets.length === 0 && !request.yes && seen.value.size > 0) {
      const agreed = await ask(plan, invocation);
      if (!agreed.ok) return agreed;
    }
    const locked = await ChangeLock.take(request.wait, (work) => interruption.orElse(work));
    if (!locked.ok) return locked;
    using _lock = locked.value;
    const trial = readTrial();
    if (!trial.ok) return trial;
    if (trial.value !== null) {
      const reverted = await revertTrial(trial.value, dom0.kernel);
      if (!reverted.ok) return reverted;
    }
    // Whoever had the lock may have changed the journal; what is planned now is planned from it.
    const journal = readJournal();
    if (!journal.ok) return journal;
    const latest = planRestore(journal.value, scope.value.interfaces, before.value, options);
    return await interruption.protect((isStopped) =>
      putBack(latest, journal.value, scope.value, dom0, isStopped),
    );
  });
}

function scopeOf(request: Request, dom0: Dom0, journal: Journal): Result<Scope> {
  if (request.targets.length > 0) {
    const chosen = chooseWithoutXapi(dom0, request.targets);
    if (!chosen.ok) return chosen;
    const interfaces = chosen.value.interfaces.filter((one) => journal.has(journalKey(one)));
    if (!dom0.records.known && interfaces.length < chosen.value.interfaces.length) {
      return { ok: false, failures: dom0.records.failures };
    }
    return success({ interfaces, gone: [], notes: chosen.value.notes });
  }
  const bare = dom0.kernel.observe(() => []);
  if (!bare.ok) return bare;
  const { records } = dom0;
  const byDevice = [...journal].every(([key]) => key.startsWith("device:"));
  if (!records.known && !byDevice) return { ok: false, failures: records.failures };
  const all = records.known ? everyInterface(records.inventory) : new Map<string, Interface>();
  const interfaces: Interface[] = [];
  const gone: string[] = [];
  for (const [key, entry] of journal) {
    const device = key.startsWith("device:") ? key.slice("device:".length) : undefined;
    const subject: Interface | undefined =
      device === undefined
        ? all.get(key)
        : bare.value.existing.has(device)
          ? { kind: "bare", device, as: entry.kind }
          : undefined;
    if (subject === undefined) gone.push(key);
    else interfaces.push(subject);
  }
  const notes = gone.map(
    (key): Note => ({
      code: "gone",
      message: `${journal.get(key)?.name ?? key} does not exist any more; nothing is left to put back`,
    }),
  );
  return success({ interfaces, gone, notes });
}

async function ask(plan: RestorePlan, { interruption }: Invocation): Promise<Result<void>> {
  if (!canAsk()) {
    return usage(
      "not-confirmed",
      "this puts back everything that offload has changed, and nobody can be asked here; confirm with --yes",
    );
  }
  const what = `${counted(plan.live.length, "device")} and ${counted(plan.records.length, "record")}`;
  const answer = await confirm(`Put back ${what} as they were?`, interruption.abortSignal);
  if (answer === "cancelled") {
    interruption.raise("SIGINT");
    return usage("cancelled", "cancelled; nothing was changed");
  }
  return answer === "yes"
    ? success(undefined)
    : usage("not-confirmed", "not confirmed; nothing was changed");
}

function foretell(plan: RestorePlan, scope: Scope, dom0: Dom0): Told {
  const { devices } = judge(plan.interfaces, plan.before, {
    keywords: DEFAULT_KEYWORDS,
    records: true,
  });
  const report: Report = {
    version: 1,
    command: "restore",
    host: dom0.host,
    exitCode: EXIT.done,
    dryRun: true,
    devices,
    changes: [],
    problems: [],
    notes: [...scope.notes, ...plan.notes],
    boot: null,
    advice: [],
  };
  const commands = wishesByHand(plan.live, plan.records, plan.before.kernel);
  return { report, text: commands.map((command) => `${command}\n`).join("") };
}

async function putBack(
  plan: RestorePlan,
  journal: Journal,
  scope: Scope,
  dom0: Dom0,
  isStopped: () => boolean,
): Promise<Result<Told>> {
  const toolstack = dom0.records.known ? dom0.records.toolstack : null;
  const restored = await carryBack(plan, dom0.kernel, toolstack, isStopped);
  const left = new Map(settle(journal, plan, restored));
  for (const key of scope.gone) left.delete(key);
  const written = await writeJournal(left);
  if (!written.ok) return written;
  const settled = [...journal.keys()].filter((key) => !left.has(key));
  const forgotten = left.size === 0 ? forgetAll() : await forget(new Set(settled));
  if (!forgotten.ok) return forgotten;
  const boot = inspectBoot();
  if (!boot.ok) return boot;
  const { devices } = judge(restored.interfaces, restored.after, {
    keywords: DEFAULT_KEYWORDS,
    records: restored.recordsKnown,
  });
  const persisted: readonly Note[] =
    boot.value.state === "absent"
      ? []
      : [
          {
            code: "still-persisted",
            message:
              "what persist installed turns offloads off again at boot; run offload persist --remove",
          },
        ];
  return success({
    report: {
      version: 1,
      command: "restore",
      host: dom0.host,
      exitCode: exitCodeOf(restored.problems, { strict: false, changing: true }),
      dryRun: false,
      devices,
      changes: restored.changes,
      problems: restored.problems,
      notes: [...scope.notes, ...plan.notes, ...persisted],
      boot: null,
      advice: [],
    },
  });
}
