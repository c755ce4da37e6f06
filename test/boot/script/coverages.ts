import { DEFAULT_KEYWORDS, type Keyword } from "../../../src/core/features.ts";
import type { Coverage } from "../../../src/core/verify/coverage.ts";

/** Nothing is kept off. */
export const NOTHING_COVERED: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };

/** Nothing but these is kept off. */
export function covering(parts: Partial<Coverage>): Coverage {
  return { ...NOTHING_COVERED, ...parts };
}

/** Devices by name, with the same features for each: the default ones unless given. */
export function named(
  devices: readonly string[],
  features: readonly Keyword[] = DEFAULT_KEYWORDS,
): Coverage {
  return covering({ devices: new Map(devices.map((device) => [device, features])) });
}
