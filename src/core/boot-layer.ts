import type { Coverage } from "./verify/coverage.ts";
import { type CoverageJson, coverageToJson } from "./verify/coverage-json.ts";

/** What runs the boot script at boot. */
export type BootMethod = "systemd" | "rc.local";

/** How it stands with what `persist` installed. Only `current` does its work, and all of it. */
export type BootState =
  | "not-installed"
  | "up-to-date"
  | "outdated"
  | "disabled"
  | "modified"
  | "not-executable"
  | "incomplete";

/** The boot layer as it is on disk. */
export interface BootLayer {
  readonly method: BootMethod | null;
  readonly state: BootState;
  /** What the boot script keeps off; null where there is none that can be understood. */
  readonly covers: Coverage | null;
}

/** The boot layer as reports have it. */
export interface BootReport {
  readonly method: BootMethod | null;
  readonly state: BootState;
  readonly covers: CoverageJson | null;
}

/** The boot layer for a report. */
export function toBootReport({ method, state, covers }: BootLayer): BootReport {
  return { method, state, covers: covers === null ? null : coverageToJson(covers) };
}
