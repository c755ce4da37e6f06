import { type DisablePlan, expectedChanges } from "../../core/disable/plan.ts";
import type { NicInterface, VifInterface } from "../../core/interface.ts";
import type { Vm } from "../../core/inventory.ts";
import { counted, listed } from "../../core/text.ts";
import { fitted, printable } from "../text.ts";
import type { View } from "../view.ts";
import { hanging } from "../wrap.ts";

/** How many VMs the summary names before it only counts. */
const NAMED_VMS = 8;
const NAME_COLUMNS = 24;

/** What a confirmation rests on: host, NICs, VMs, features and the number of changes. */
export function planSummary(
  plan: DisablePlan,
  dom0: { readonly host: { readonly name: string }; readonly product: string },
  { columns, ellipsis }: Pick<View, "columns" | "ellipsis">,
): string {
  const nics = plan.interfaces.filter((subject): subject is NicInterface => subject.kind === "pif");
  const vifs = plan.interfaces.filter((subject): subject is VifInterface => subject.kind === "vif");
  const vms = [...new Map(vifs.map(({ vm }) => [vm.uuid, vm])).values()];
  const named = vms.slice(0, NAMED_VMS).map((vm) => fitted(titleOf(vm), NAME_COLUMNS, ellipsis));
  const rest = vms.length - named.length;
  const changes = expectedChanges(plan);
  const live = changes.filter(({ layer }) => layer === "live").length;
  const lines: readonly (readonly [string, string])[] = [
    ["Host", `${printable(dom0.host.name)}${dom0.product === "" ? "" : ` (${dom0.product})`}`],
    [
      "NICs",
      nics.length === 0
        ? "none"
        : listed(
            nics.map(({ pif, management }) =>
              management ? `${printable(pif.device)} (management)` : printable(pif.device),
            ),
          ),
    ],
    [
      "VMs",
      vms.length === 0
        ? "none"
        : `${vms.length}: ${named.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`,
    ],
    ["VIFs", String(vifs.length)],
    ["Features", plan.request.features.join(" ")],
    [
      "Changes",
      `${live} in the kernel, on ${counted(plan.live.length, "device")}; ${counted(plan.settings.length, "setting")} in XAPI`,
    ],
  ];
  return lines
    .flatMap(([label, text]) => hanging(`  ${label.padEnd(9)} `, text, columns))
    .map((line) => `${line}\n`)
    .join("");
}

/** A name that leaves nothing to read is replaced by the UUID. */
function titleOf({ name, uuid }: Vm): string {
  const shown = printable(name).trim();
  return shown === "" ? uuid : shown;
}
