import { type CommandError, usageError } from "../command-error.ts";
import { findClosest } from "../find-closest.ts";
import type { Inventory, Pif, Vm } from "../inventory.ts";
import { quote } from "../text.ts";
import type { Catalog } from "./catalog.ts";
import { explainNonTarget } from "./target-hints.ts";
import type { TargetRequest } from "./target-request.ts";

/** That several VMs have the name, with what tells them apart. */
export function createDuplicateNameError(text: string, vms: readonly Vm[]): CommandError {
  const descriptions = vms.map(
    ({ uuid, powerState, residentOn }) =>
      `${uuid} (${powerState.toLowerCase()}${residentOn ? ` on ${residentOn.name}` : ""})`,
  );
  return usageError(
    "duplicate-name",
    `${vms.length} VMs are called ${quote(text)}; name one by its UUID: ${descriptions.join(", ")}`,
  );
}

/** That a PIF is another host's. */
export function createRemotePifError(text: string, { host }: Pif): CommandError {
  return usageError("pif-on-other-host", `${quote(text)} is a PIF of the host ${quote(host.name)}; run offload there`);
}

/** That a PIF has no NIC, and what to name instead. */
export function createPifWithoutNicError(text: string, { role }: Pif): CommandError {
  const reason =
    role === "tunnel"
      ? "is a tunnel; name the PIF that carries it"
      : role === "sriov"
        ? "is an SR-IOV logical PIF; name the physical one"
        : "has no NIC under it on this host";
  return usageError("pif-without-nic", `${quote(text)} ${reason}`);
}

/** That nothing is called so, with what was probably meant. */
export function createUnknownTargetError(
  { text, kind }: TargetRequest,
  inventory: Inventory,
  catalog: Catalog,
): CommandError {
  const { vms, pifs, host } = inventory;
  const explanation = kind === "any" ? explainNonTarget(text, inventory, catalog) : null;
  if (explanation !== null) return usageError("not-a-target", explanation);
  const names = [
    ...(kind === "pif" ? [] : vms.filter(({ role }) => role === "vm").map(({ name }) => name)),
    ...(kind === "vm" ? [] : pifs.filter((pif) => pif.host.uuid === host.uuid).map(({ device }) => device)),
  ];
  const suggestions = findClosest(text, names).map(quote);
  const kindLabel = kind === "vm" ? "VM" : kind === "pif" ? "PIF of this host" : "VM, PIF or VIF";
  const hint = suggestions.length > 0 ? `the closest: ${suggestions.join(", ")}` : "offload status lists what there is";
  return usageError("unknown-target", `no ${kindLabel} is called ${quote(text)}; ${hint}`);
}
