import { FEATURE_NAMES, type Feature } from "../features.ts";
import { EXIT_CODES, type ExitCode, type Note, type Problem } from "../problem.ts";
import { type BisectReport, createReport, type DeviceFeatures, type DeviceReport, type Report } from "../report.ts";
import { formatDeviceFeatures, groupByDevice } from "./devices.ts";
import { type BisectFix, formatFix } from "./fixes.ts";
import type { SearchResult } from "./search.ts";

/** What a bisection was about, as its report has to know it. */
export interface BisectReportContext {
  readonly host: NonNullable<Report["host"]>;
  /** The devices as they were, and are again. */
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  /** Whether every device is as it was before. */
  readonly isRestored: boolean;
  readonly notes: readonly Note[];
  readonly repeat: number;
  readonly steps: BisectReport["steps"];
  readonly fixes: readonly BisectFix[];
}

/** What was found out, whatever it is. */
export type BisectVerdict = Exclude<SearchResult, { type: "refused" }>;

const EXIT_CODES_BY_RESULT: Readonly<Record<BisectVerdict["type"], ExitCode>> = {
  found: EXIT_CODES.success,
  "not-the-cause": EXIT_CODES.problems,
  "not-present": EXIT_CODES.usage,
};

/** The cause, device by device; empty where none was found. */
export function listCause(result: BisectVerdict): readonly DeviceFeatures[] {
  return result.type === "found" ? groupByDevice(result.cause) : [];
}

/** The report of a bisection. Where something could not be restored, that outranks what was found. */
export function createBisectReport(result: BisectVerdict, context: BisectReportContext): Report {
  const { host, devices, problems, isRestored, notes, repeat, steps, fixes } = context;
  return createReport("bisect", {
    host,
    exitCode: isRestored ? EXIT_CODES_BY_RESULT[result.type] : EXIT_CODES.problems,
    devices,
    problems,
    notes: [...notes, ...createUntriedNotes(devices, steps[1]?.off)],
    advice: fixes.map(formatFix),
    bisect: {
      outcome: result.type,
      cause: listCause(result),
      wentAlong: result.type === "found" ? groupByDevice(result.wentAlong) : [],
      repeat,
      steps,
    },
  });
}

/** Features that were on and could not be tried. `allOff`: what was off when all was turned off. */
function createUntriedNotes(
  devices: readonly DeviceReport[],
  allOff: readonly DeviceFeatures[] | undefined,
): readonly Note[] {
  const offByDevice = new Map(allOff?.map(({ device, features }) => [device, features]));
  const untried = devices.flatMap(({ device, features }): DeviceFeatures[] => {
    if (device === null) return [];
    const isUntried = (name: Feature) =>
      features[name]?.live === "on" &&
      (features[name].fixed || (allOff !== undefined && !offByDevice.get(device)?.includes(name)));
    const names = FEATURE_NAMES.filter(isUntried);
    return names.length === 0 ? [] : [{ device, features: names }];
  });
  if (untried.length === 0) return [];
  const message = `not tried, because the driver does not let it be turned off: ${formatDeviceFeatures(untried)}`;
  return [{ code: "not-tried", message }];
}
