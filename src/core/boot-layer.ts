import type { Coverage } from "./verify/coverage.ts";
import { type CoverageJson, coverageToJson } from "./verify/coverage-json.ts";

/** What runs the boot script at boot. */
export type BootMethod = "systemd" | "rc.local";

/** The state of what `persist` installed. Only `current` does its work, and all of it. */
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
  /** What stands in the place of its files and is not this program's. */
  readonly thirdParty: readonly ThirdPartyBootFile[];
}

/** What stands in the place of a file of the boot layer, and is left alone. */
export interface ThirdPartyBootFile {
  readonly path: string;
  /** Why it is not this program's. */
  readonly reason: string;
  /** Whether it is how an administrator keeps such a file from counting. */
  readonly isMask: boolean;
}

/** Says what is left alone and why, and how to make way. */
export function formatThirdPartyFile({ path, reason, isMask }: ThirdPartyBootFile): string {
  return `${path} is left alone: ${reason}; ${isMask ? "remove the mask" : "move it away"}`;
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
