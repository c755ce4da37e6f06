import { closest } from "../closest.ts";
import type { Inventory, Pif, Vm } from "../inventory.ts";
import { type Result, usage } from "../result.ts";
import { quoted } from "../text.ts";
import type { Catalogue } from "./catalog.ts";
import type { TargetRequest } from "./targets.ts";

/** That several VMs have the name, with what tells them apart. */
export function duplicateName(text: string, vms: readonly Vm[]): Result<never> {
  const each = vms.map(
    ({ uuid, powerState, residentOn }) =>
      `${uuid} (${powerState.toLowerCase()}${residentOn ? ` on ${residentOn.name}` : ""})`,
  );
  return usage(
    "duplicate-name",
    `${vms.length} VMs are called ${quoted(text)}; name one by its UUID: ${each.join(", ")}`,
  );
}

/** That a PIF is another host's. */
export function pifOfAnotherHost(text: string, { host }: Pif): Result<never> {
  return usage(
    "pif-of-another-host",
    `${quoted(text)} is a PIF of the host ${quoted(host.name)}; run offload there`,
  );
}

/** That a PIF has no NIC, and what to name instead. */
export function pifWithoutNic(text: string, { role }: Pif): Result<never> {
  const why =
    role === "tunnel"
      ? "is a tunnel; name the PIF that carries it"
      : role === "sriov"
        ? "is an SR-IOV logical PIF; name the physical one"
        : "has no NIC under it on this host";
  return usage("pif-without-nic", `${quoted(text)} ${why}`);
}

/** That nothing is called so, with the names that are close to it. */
export function unknownTarget(
  { text, kind }: TargetRequest,
  { vms, pifs, host }: Inventory,
  catalogue: Catalogue,
): Result<never> {
  const beside = text.replace(/^tap/, "vif");
  if (beside !== text && kind === "any" && catalogue.vifCalled(beside) !== undefined) {
    return usage("tap-of-a-vif", `${quoted(text)} goes along with ${beside}; name that`);
  }
  const names = [
    ...(kind === "pif" ? [] : vms.filter(({ role }) => role === "vm").map(({ name }) => name)),
    ...(kind === "vm"
      ? []
      : pifs.filter((pif) => pif.host.uuid === host.uuid).map(({ device }) => device)),
  ];
  const near = closest(text, names).map(quoted);
  const what = kind === "vm" ? "VM" : kind === "pif" ? "PIF of this host" : "VM, PIF or VIF";
  const advice =
    near.length > 0 ? `the closest: ${near.join(", ")}` : "offload status lists what there is";
  return usage("unknown-target", `no ${what} is called ${quoted(text)}; ${advice}`);
}
