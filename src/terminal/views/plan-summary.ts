import { type DisablePlan, previewChanges } from "../../core/disable/plan.ts";
import type { NicInterface, VifInterface } from "../../core/interface.ts";
import type { Vm } from "../../core/inventory.ts";
import { formatCount, joinAnd, stripUnprintable } from "../../core/text.ts";
import { truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";
import { wrapWithPrefix } from "../wrap.ts";

/** How many VMs the summary names before it only counts. */
const MAX_NAMED_VMS = 8;
const MAX_NAME_COLUMNS = 24;

/** What a confirmation rests on: host, NICs, VMs, features and the number of changes. */
export function formatPlanSummary(
  plan: DisablePlan,
  dom0: { readonly host: { readonly name: string }; readonly product: string },
  { columns, ellipsis }: Pick<TerminalView, "columns" | "ellipsis">,
): string {
  const nics = plan.interfaces.filter((iface): iface is NicInterface => iface.kind === "pif");
  const vifs = plan.interfaces.filter((iface): iface is VifInterface => iface.kind === "vif");
  const vms = [...new Map(vifs.map(({ vm }) => [vm.uuid, vm])).values()];
  const shownNames = vms.slice(0, MAX_NAMED_VMS).map((vm) => truncate(formatVmName(vm), MAX_NAME_COLUMNS, ellipsis));
  const rest = vms.length - shownNames.length;
  const changes = previewChanges(plan);
  const live = changes.filter(({ layer }) => layer === "live").length;
  const lines: readonly (readonly [string, string])[] = [
    ["Host", `${stripUnprintable(dom0.host.name)}${dom0.product === "" ? "" : ` (${dom0.product})`}`],
    [
      "NICs",
      nics.length === 0
        ? "none"
        : joinAnd(
            nics.map(({ pif, management }) =>
              management ? `${stripUnprintable(pif.device)} (management)` : stripUnprintable(pif.device),
            ),
          ),
    ],
    [
      "VMs",
      vms.length === 0 ? "none" : `${vms.length}: ${shownNames.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`,
    ],
    ["VIFs", String(vifs.length)],
    ["Features", plan.request.features.join(" ")],
    [
      "Changes",
      `${live} in the kernel, on ${formatCount(plan.live.length, "device")}; ${formatCount(plan.settings.length, "setting")} in XAPI`,
    ],
  ];
  return lines
    .flatMap(([label, text]) => wrapWithPrefix(`  ${label.padEnd(9)} `, text, columns))
    .map((line) => `${line}\n`)
    .join("");
}

/** A name that leaves nothing to read is replaced by the UUID. */
function formatVmName({ name, uuid }: Vm): string {
  const printableName = stripUnprintable(name).trim();
  return printableName === "" ? uuid : printableName;
}
