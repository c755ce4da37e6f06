import { type Interface, isUnmanagedNic } from "../core/interface.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { parseTargetGroup } from "../core/targets/targets.ts";
import { joinAnd } from "../core/text.ts";
import { writeStderrLine } from "../terminal/streams.ts";

/** What a change is asked for. */
interface ChangeScope {
  readonly targets: readonly TargetRequest[];
  /** The targets were picked from a list. */
  readonly isPicked?: boolean;
}

/**
 * The one rule for asking: what goes beyond VMs, VIFs and NICs that were named one by one is shown and confirmed
 * before anything is changed.
 */
export function needsConfirmation({ targets, isPicked = false }: ChangeScope): boolean {
  return isPicked || targets.length === 0 || targets.some((target) => parseTargetGroup(target) !== null);
}

/** What is asked about, for a run without a terminal. `everything`: what no target stands for. */
export function describeScope({ targets, isPicked = false }: ChangeScope, everything: string): string {
  if (isPicked) return "what was picked";
  if (targets.length === 0) return everything;
  const groups = targets.map(parseTargetGroup).filter((group) => group !== null);
  const [nics, vifs] = [groups.some((group) => group.nics), groups.some((group) => group.vifs)];
  return nics && vifs ? "the whole host" : nics ? "all NICS" : "all VIFS";
}

/**
 * What to know before a NIC is changed that may carry the very login; null where there is nothing to warn of.
 * Without XAPI nobody knows which NIC carries the management traffic.
 */
export function createSshWarning(interfaces: Iterable<Interface>, confirmWithinSeconds: number): string | null {
  if (!process.env["SSH_CONNECTION"] || confirmWithinSeconds > 0) return null;
  const nics = [...new Set(interfaces)];
  const management = nics.flatMap((iface) => (iface.kind === "pif" && iface.management ? [iface.pif.device] : []));
  if (management.length === 0 && !nics.some(isUnmanagedNic)) return null;
  const subject = management.length === 0 ? "a NIC that is changed may carry" : `${joinAnd(management)} carries`;
  return `you are logged in over SSH, and ${subject} the management traffic: --confirm-within 60 reverts the change unless you confirm it`;
}

/** Warns on stderr before the work, where nobody was asked. */
export function warnOverSsh(
  interfaces: Iterable<Interface>,
  confirmWithinSeconds: number,
  call: PoolCall | null,
): void {
  const warning = call === null ? createSshWarning(interfaces, confirmWithinSeconds) : null;
  if (warning !== null) writeStderrLine(`offload: ${warning}`);
}
