import type { TargetsAndFeatures } from "../cli/options.ts";
import type { BootMethod } from "../core/boot-layer.ts";
import type { ChangeDirection } from "../core/disable/request.ts";
import type { FeatureSnapshot } from "../core/disable/steps.ts";
import { planPolicy, previewBootLayer } from "./boot-layer.ts";
import { type PlannedChange, planTargets } from "./change.ts";
import type { Dom0 } from "./open.ts";
import { planEnabledReplugs } from "./replug-enabled.ts";
import type { ReplugPlan } from "./restore/replug.ts";

/** What is to be turned off or on, and how. Without targets it is what the policy asks for. */
export interface HostChangeRequest extends TargetsAndFeatures {
  readonly direction: ChangeDirection;
  /** Targets and features were picked from a list. */
  readonly isPicked: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Whether NICs are replugged, so that networkd forgets what was off. */
  readonly replug: boolean;
  /** Whether policy, originals and settings are stored in XAPI. */
  readonly store: boolean;
  /** Seconds within which the change has to be confirmed; 0 where it has not. */
  readonly confirmWithinSeconds: number;
  /** Seconds to wait for another run. */
  readonly waitSeconds: number;
  /** The boot layer to be installed as well; null for none. */
  readonly persist: { readonly method: BootMethod } | null;
}

/** Plans a request from what is there now. */
export function planHostRequest(
  request: HostChangeRequest,
  dom0: Dom0,
  prefetched: FeatureSnapshot | null,
): Promise<PlannedChange> {
  const { targets, store } = request;
  return targets.length === 0 ? planPolicy(dom0) : planTargets(dom0, targets, request, { store, prefetched });
}

/** The command that reports what a request came to. */
export function getReportingCommand({ direction, persist }: HostChangeRequest): "disable" | "enable" | "persist" {
  if (persist !== null) return "persist";
  return direction === "on" ? "enable" : "disable";
}

/** The plugs that turning features on needs, or would need. */
export async function planReplugs(
  planned: PlannedChange,
  { store }: HostChangeRequest,
  saveState?: () => Promise<boolean>,
): Promise<ReplugPlan> {
  return store ? await planEnabledReplugs(planned, saveState) : { plugs: [], unsafe: [] };
}

/** The files of the boot layer that is asked for, as text. Fails where it could not be installed. */
export async function previewInstall(planned: PlannedChange, { persist }: HostChangeRequest): Promise<string> {
  return persist === null ? "" : await previewBootLayer(planned, persist);
}
