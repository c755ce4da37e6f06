import {
  type BootLayer,
  type Coverage,
  coverageRecorded,
  coverageRemembered,
  coveredNics,
  type Method,
} from "../offload/boot.ts";
import type { Keyword } from "../offload/features.ts";
import type { Inventory } from "../offload/inventory.ts";
import { planLive } from "../offload/plan.ts";
import type { Kernel } from "../offload/ports.ts";
import { exitCodeOf, type Problem } from "../offload/problem.ts";
import { type Report, reportOf } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { inspectBoot, installBoot, pieces, runLoop } from "../persistence/boot-layer.ts";
import { FileJournal } from "../state/journal.ts";
import { readRemembered } from "../state/remembered.ts";
import { progress } from "../terminal/progress.ts";

/** What is remembered of runs of `disable` on this host, or what XAPI's records say of its NICs. */
export function coverageKnown(
  inventory: Inventory,
  wanted: {
    readonly keywords: readonly Keyword[];
    /** Whether the features were named, and so limit what is known. */
    readonly limited: boolean;
  },
): Result<Coverage> {
  const remembered = readRemembered();
  if (!remembered.ok) return remembered;
  const known = coverageRemembered(remembered.value, inventory) ?? coverageRecorded(inventory);
  const keywords = known?.keywords.filter(
    (keyword) => !wanted.limited || wanted.keywords.includes(keyword),
  );
  if (known === null || keywords === undefined || keywords.length === 0) {
    return usage(
      "nothing-to-persist",
      "nothing was turned off on this host yet; run offload disable ALL first, or name what to persist",
    );
  }
  return success({ ...known, keywords });
}

/** Every piece that would be written, as text. */
export function piecesAsText(coverage: Coverage, method: Method): string {
  return pieces(coverage, method)
    .map((piece) => `# ${piece.path}\n${piece.text}\n`)
    .join("");
}

/**
 * Installs what runs at boot, and runs it; what it could not do is told. To be called with the lock
 * held.
 */
export async function installNow(
  coverage: Coverage,
  method: Method,
  on: { readonly kernel: Kernel; readonly inventory: Inventory },
): Promise<Result<readonly Problem[]>> {
  const noted = await noteCovered(coverage, on);
  if (!noted.ok) return noted;
  const installed = await installBoot(coverage, method);
  if (!installed.ok) return installed;
  progress.begin("running the loop, as boot will");
  const left = await runLoop(coverage);
  progress.end();
  if (!left.ok) return left;
  return success(
    left.value.map(
      (line): Problem => ({ code: "boot-failed", message: `the loop could not finish: ${line}` }),
    ),
  );
}

/** Notes what the loop is about to turn off, as `disable` does before its own writes. */
async function noteCovered(
  coverage: Coverage,
  { kernel, inventory }: { readonly kernel: Kernel; readonly inventory: Inventory },
): Promise<Result<void>> {
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

/** What is installed now, and whether that is what was wanted. */
export function bootFound(
  { dryRun, remove }: { readonly dryRun: boolean; readonly remove: boolean },
  problems: readonly Problem[],
): Result<{ readonly boot: BootLayer; readonly problems: readonly Problem[] }> {
  const boot = inspectBoot();
  if (!boot.ok) return boot;
  const { state } = boot.value;
  const wrong = !dryRun && state !== (remove ? "absent" : "current");
  const all: readonly Problem[] = wrong
    ? [...problems, { code: "boot-wrong", message: `what is installed for boot is ${state}` }]
    : problems;
  return success({ boot: boot.value, problems: all });
}

/** The report of `persist` on one host. */
export function persistReport(
  host: NonNullable<Report["host"]>,
  dryRun: boolean,
  { boot, problems }: { readonly boot: BootLayer; readonly problems: readonly Problem[] },
): Report {
  const exitCode = exitCodeOf(problems, { strict: false, changing: true });
  return reportOf("persist", { host, exitCode, dryRun, problems, boot });
}
