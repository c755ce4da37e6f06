import { quoteShellWord } from "../disable/manual-commands.ts";
import type { Feature } from "../features.ts";
import type { DeviceFeatures } from "../report.ts";
import type { TargetRequest } from "../targets/target-request.ts";
import { formatTargetWords } from "../undo-command.ts";

/** What has to be turned off for good. */
export interface BisectFix {
  readonly targets: readonly TargetRequest[];
  readonly features: readonly Feature[];
}

/** A target as it was named, with the devices that it means. */
export interface NamedTarget {
  readonly request: TargetRequest;
  readonly devices: readonly string[];
}

/**
 * What to disable for good: in the words in which targets were named, as far as they mean no other device, and
 * device by device else.
 */
export function planFixes(cause: readonly DeviceFeatures[], named: readonly NamedTarget[]): readonly BisectFix[] {
  const byFeatures = Map.groupBy(cause, ({ features }) => features.join());
  return [...byFeatures.values()].map((group) => {
    const left = new Set(group.map(({ device }) => device));
    const all = new Set(left);
    const targets: TargetRequest[] = [];
    for (const { request, devices } of named) {
      const isCovered = devices.length > 0 && devices.every((device) => all.has(device));
      if (!isCovered || !devices.some((device) => left.has(device))) continue;
      targets.push(request);
      for (const device of devices) left.delete(device);
    }
    // A tap is changed with its vif.
    const rest = new Set([...left].map((device) => device.replace(/^tap/, "vif")));
    targets.push(...[...rest].map((text): TargetRequest => ({ text, kind: "any" })));
    return { targets, features: group[0]?.features ?? [] };
  });
}

/** The command that carries out a fix. */
export function formatFix({ targets, features }: BisectFix): string {
  const words = targets.flatMap(formatTargetWords);
  return ["offload", "disable", ...words, "--features", features.join()].map(quoteShellWord).join(" ");
}
