import { type ChangePlan, previewChanges } from "../../core/disable/plan.ts";
import { type Interface, isUnmanagedNic, type VifInterface } from "../../core/interface.ts";
import type { Vm } from "../../core/inventory.ts";
import { formatCount, joinAnd, stripUnprintable } from "../../core/text.ts";
import { truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";
import { wrapWithPrefix } from "../wrap.ts";

/** How many VMs the summary names before it only counts. */
const MAX_NAMED_VMS = 8;
const MAX_NAME_COLUMNS = 24;

type SummaryView = Pick<TerminalView, "columns" | "ellipsis">;
type SummaryHost = { readonly host: { readonly name: string }; readonly product: string };
type Row = readonly [label: string, text: string];

/** What a confirmation rests on: host, NICs, VMs, features and the number of changes; and a warning, if any. */
export function formatPlanSummary(
  plan: ChangePlan,
  dom0: SummaryHost,
  warning: string | null,
  view: SummaryView,
  plugs: string | null = null,
): string {
  const changes = previewChanges(plan);
  const live = changes.filter(({ layer }) => layer === "live").length;
  return formatSummary(
    [
      ...createInterfaceRows(plan.interfaces, dom0, view),
      ["Features", plan.request.features.join(" ")],
      [
        "Changes",
        `${live} in the kernel, on ${formatCount(plan.live.length, "device")}; ${formatCount(plan.settings.length, "setting")} in XAPI`,
      ],
      ...(plugs === null ? [] : [["Replug", plugs] as const]),
    ],
    warning,
    view,
  );
}

/** The same for restoring. */
export function formatRestoreSummary(
  interfaces: readonly Interface[],
  rows: readonly Row[],
  dom0: SummaryHost,
  warning: string | null,
  view: SummaryView,
): string {
  return formatSummary([...createInterfaceRows(interfaces, dom0, view), ...rows], warning, view);
}

function formatSummary(rows: readonly Row[], warning: string | null, { columns }: SummaryView): string {
  const lines: readonly Row[] = warning === null ? rows : [...rows, ["SSH", warning]];
  return lines
    .flatMap(([label, text]) => wrapWithPrefix(`  ${label.padEnd(9)} `, text, columns))
    .map((line) => `${line}\n`)
    .join("");
}

function createInterfaceRows(
  interfaces: readonly Interface[],
  { host, product }: SummaryHost,
  { ellipsis }: SummaryView,
): readonly Row[] {
  const nics = interfaces.flatMap((iface) => {
    if (iface.kind === "pif")
      return [`${stripUnprintable(iface.pif.device)}${iface.management ? " (management)" : ""}`];
    return isUnmanagedNic(iface) ? [stripUnprintable(iface.device)] : [];
  });
  const vifs = interfaces.filter((iface): iface is VifInterface => iface.kind === "vif");
  const vms = [...new Map(vifs.map(({ vm }) => [vm.uuid, vm])).values()];
  const shownNames = vms.slice(0, MAX_NAMED_VMS).map((vm) => truncate(formatVmName(vm), MAX_NAME_COLUMNS, ellipsis));
  const rest = vms.length - shownNames.length;
  const vmNames = `${vms.length}: ${shownNames.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
  const hasUnmanaged = interfaces.some(({ kind }) => kind === "unmanaged");
  return [
    ["Host", `${stripUnprintable(host.name)}${product === "" ? "" : ` (${product})`}`],
    ["NICs", nics.length === 0 ? "none" : joinAnd(nics)],
    ["VMs", vms.length > 0 ? vmNames : hasUnmanaged ? "unknown without XAPI" : "none"],
    ["VIFs", String(interfaces.length - nics.length)],
  ];
}

/** A name that leaves nothing to read is replaced by the UUID. */
function formatVmName({ name, uuid }: Vm): string {
  const printableName = stripUnprintable(name).trim();
  return printableName === "" ? uuid : printableName;
}
