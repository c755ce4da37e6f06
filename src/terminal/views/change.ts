import type { Change } from "../../core/disable/steps.ts";
import { FEATURE_NAMES } from "../../core/features.ts";
import type { DeviceReport, Report } from "../../core/report.ts";
import { formatCount, joinAnd, stripUnprintable } from "../../core/text.ts";
import type { TerminalView } from "../view.ts";
import { formatBootLayer, formatFindings, formatParagraph } from "./findings.ts";
import { fitNames } from "./names.ts";

/** How many columns the names of devices have in a sentence. */
const NAMES_COLUMNS = 40;

/** What a change came to: the summary, what went along, what does not last, and how to take it back. */
export function formatChangeReport(report: Report, view: TerminalView): readonly string[] {
  const { changes, devices, boot, undo } = report;
  // Of a pending change that was reverted, its problem says what happened to the changes.
  const isReverted = report.problems.some(({ code }) => code === "reverted");
  const summary = isReverted || (changes.length === 0 && boot !== null) ? [] : [formatChanges(changes)];
  return [
    ...summary.flatMap((line) => formatParagraph("", line, view)),
    ...(isReverted ? [] : formatSideEffects(changes, devices, view)),
    ...(boot === null ? [] : formatParagraph("", formatBootLayer(boot), view)),
    ...formatFindings(report, view),
    ...formatUndo(undo, view),
  ];
}

/** The last line of what has changed something. */
export function formatUndo(undo: string | null, { paint }: TerminalView): readonly string[] {
  return undo === null ? [] : [`Undo: ${paint.strong(stripUnprintable(undo))}`];
}

function formatChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return "Nothing had to be changed.";
  const live = changes.filter(({ layer }) => layer === "live");
  const settings = formatCount(changes.length - live.length, "setting");
  const byState = Map.groupBy(live, ({ to }) => (to?.startsWith("on") ? "on" : "off"));
  const parts = [...byState].map(([state, group]) => {
    const changed = new Set(group.map(({ feature }) => feature));
    const names = FEATURE_NAMES.filter((feature) => changed.has(feature)).join(" ");
    return `turned ${state} ${names} on ${formatCount(new Set(group.map(({ device }) => device)).size, "device")}`;
  });
  const kernel = parts.length === 0 ? "changed nothing in the kernel" : joinAnd(parts);
  return `${kernel.charAt(0).toUpperCase()}${kernel.slice(1)}; changed ${settings} in XAPI.`;
}

/** Features that nobody asked for, and that the kernel changed along with others: `gso went off with sg`. */
function formatSideEffects(
  changes: readonly Change[],
  devices: readonly DeviceReport[],
  view: TerminalView,
): readonly string[] {
  const askedByDevice = new Map(devices.map(({ device, features }) => [device, features]));
  const liveByDevice = Map.groupBy(
    changes.filter(({ layer }) => layer === "live"),
    ({ device }) => device,
  );
  const sentences = [...liveByDevice].flatMap(([device, live]) => {
    const asked = askedByDevice.get(device);
    if (asked === undefined) return [];
    const along = live.filter(({ feature }) => !(feature in asked));
    const [first] = along;
    if (first === undefined) return [];
    const causes = live.filter(({ feature }) => feature in asked).map(({ feature }) => feature);
    const state = first.to?.startsWith("on") ? "on" : "off";
    const sentence = `${joinAnd(along.map(({ feature }) => feature))} went ${state} with ${joinAnd(causes)}`;
    return [{ sentence, device: stripUnprintable(device ?? "") }];
  });
  return [...Map.groupBy(sentences, ({ sentence }) => sentence)].flatMap(([sentence, group]) => {
    const names = fitNames(
      group.map(({ device }) => device),
      NAMES_COLUMNS,
      { ...view, wrapsLines: true },
    );
    return formatParagraph(`  ${view.paint.faint("-")} `, `${names}: ${sentence}`, view);
  });
}
