import { formatDeviceFeatures } from "../../core/bisect/devices.ts";
import type { BisectReport, DeviceFeatures, Report } from "../../core/report.ts";
import { formatCount, stripUnprintable } from "../../core/text.ts";
import type { TerminalView } from "../view.ts";
import { formatFindings, formatParagraph } from "./findings.ts";

/** What a bisection found: the verdict first, how sure it is, and what makes it last. */
export function formatBisect(report: Report, bisect: BisectReport, view: TerminalView): readonly string[] {
  const { paint } = view;
  const isRestored = !report.problems.some(({ code }) => code === "write-failed" || code === "state-write-failed");
  const details = [
    ...formatDetails(bisect),
    formatSureness(bisect),
    ...(isRestored ? ["Everything is as it was before, and nothing was stored."] : []),
  ];
  return [
    ...formatParagraph("", paint.strong(formatVerdict(report, bisect)), view),
    ...details.flatMap((text) => formatParagraph("", text, view)),
    ...formatFindings(report, view),
  ];
}

function formatVerdict(report: Report, { outcome, cause }: BisectReport): string {
  switch (outcome) {
    case "found":
      return `Cause found: ${formatWithVms(cause, report)}.`;
    case "not-the-cause":
      return "Offloads are not the cause: with all of them off that can be off, the problem is still there.";
    case "not-present":
      return "The problem is not there now: the check was good with every feature as it is.";
  }
}

/** With the name of the VM behind each device, which a domid does not say. */
function formatWithVms(list: readonly DeviceFeatures[], { devices }: Report): string {
  const names = new Map(devices.map(({ device, vm }) => [device, vm?.name]));
  const named = list.map(({ device, features }) => {
    const name = stripUnprintable(names.get(device) ?? "");
    return { device: name === "" ? device : `${device} (${name})`, features };
  });
  return formatDeviceFeatures(named);
}

function formatDetails({ outcome, cause, wentAlong, steps }: BisectReport): readonly string[] {
  switch (outcome) {
    case "found": {
      const more = wentAlong.length === 0 ? "" : `; ${formatDeviceFeatures(wentAlong)} only went along`;
      const isOne = cause.length === 1 && cause[0]?.features.length === 1;
      return [`With ${isOne ? "it" : "these"} off the problem is gone, with less off it is there${more}.`];
    }
    case "not-the-cause":
      return [`Off was: ${formatDeviceFeatures(steps.at(-1)?.off ?? [])}.`];
    case "not-present":
      return [];
  }
}

function formatSureness({ steps, repeat }: BisectReport): string {
  const runs = steps.reduce((sum, step) => sum + step.runs, 0);
  const repeated = repeat > 1 ? ` of up to ${repeat} runs, ${runs} in all: good was ${repeat} times in a row` : "";
  return `This rests on ${formatCount(steps.length, "check")}${repeated}.`;
}
