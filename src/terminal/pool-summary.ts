import type { Keyword } from "../offload/features.ts";
import type { Interface, NicInterface } from "../offload/interface.ts";
import type { Change } from "../offload/plan.ts";
import { counted, listed } from "../offload/wording.ts";
import { paragraph } from "./findings-view.ts";
import { printable } from "./text.ts";
import type { View } from "./view.ts";

/** One host as somebody who is to agree has to know it. */
export interface HostProposal {
  readonly host: { readonly name: string };
  readonly interfaces: readonly Interface[];
  /** What would change there. */
  readonly changes: readonly Change[];
  /** Why nothing can be done there; null where it can. */
  readonly why: { readonly message: string } | null;
}

/** What a confirmation for a whole pool rests on: every host, its management NIC and its changes. */
export function poolSummary(
  proposals: readonly HostProposal[],
  keywords: readonly Keyword[],
  view: View,
): string {
  const lines = proposals.flatMap(({ host, interfaces, changes, why }) => {
    const nics = interfaces.filter((one): one is NicInterface => one.kind === "pif");
    const management = nics.filter((one) => one.management).map(({ pif }) => printable(pif.device));
    const vifs = interfaces.length - nics.length;
    const head = `${printable(host.name)}: management on ${listed(management)}; ${counted(nics.length, "NIC")}, ${counted(vifs, "VIF")}`;
    return [
      ...paragraph("  ", head, view),
      ...paragraph("    ", why === null ? changesOf(changes) : why.message, view),
    ];
  });
  return `${[...lines, `  Features: ${keywords.join(" ")}`].join("\n")}\n`;
}

function changesOf(changes: readonly Change[]): string {
  const live = changes.filter(({ layer }) => layer === "live");
  const devices = new Set(live.map(({ device }) => device)).size;
  return `${counted(live.length, "change")} in the kernel, on ${counted(devices, "device")}; ${counted(changes.length - live.length, "record")} in XAPI`;
}
