import { DEFAULT_FEATURES, type Feature } from "../../../src/core/features.ts";
import type { Coverage } from "../../../src/core/verify/coverage.ts";

/** Nothing is kept off. */
export const EMPTY_COVERAGE: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };

/** Nothing but these is kept off. */
export function createCoverage(parts: Partial<Coverage>): Coverage {
  return { ...EMPTY_COVERAGE, ...parts };
}

/** Devices by name, with the same features for each: the default ones unless given. */
export function coverDevices(devices: readonly string[], features: readonly Feature[] = DEFAULT_FEATURES): Coverage {
  return createCoverage({ devices: new Map(devices.map((device) => [device, features])) });
}
