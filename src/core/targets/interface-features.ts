import { attempt, CommandError, mapCollectingFailures, usageError } from "../command-error.ts";
import type { FeatureSnapshot } from "../disable/steps.ts";
import { type Interface, listInterfaceDevices, type UnmanagedInterface } from "../interface.ts";
import { sortNatural } from "../natural-order.ts";
import type { Kernel } from "../ports.ts";
import { quote } from "../text.ts";
import type { TargetRequest } from "./target-request.ts";
import { checkSpelling, parseTargetGroup } from "./targets.ts";

/**
 * Reads the features of every device of the interfaces. What was read of them a moment ago may be
 * given as `ahead`, and is not read again.
 */
export function readInterfaceFeatures(
  interfaces: readonly Interface[],
  kernel: Kernel,
  cached: FeatureSnapshot | null = null,
): FeatureSnapshot {
  if (cached === null) return kernel.readFeatures((existing) => listDeviceNames(interfaces, existing));
  const unread = listDeviceNames(interfaces, cached.existing).filter((device) => !cached.readings.has(device));
  return unread.length === 0 ? cached : kernel.rereadFeatures(cached, unread);
}

function listDeviceNames(interfaces: readonly Interface[], existing: ReadonlySet<string>): readonly string[] {
  const names: string[] = [];
  for (const iface of interfaces) {
    for (const { name } of listInterfaceDevices(iface, existing)) names.push(name);
  }
  return names;
}

/** Names that belong to interfaces of guests; every other device counts as a NIC. */
const GUEST_DEVICE = /^(?:vif|tap)\d+\.\d+$/;

/**
 * Reads the features of all devices of guests, before it is known whose they are: for work on the
 * whole host, while XAPI is asked for that. Null where nothing can be read; `survey` says why.
 */
export function readGuestFeatures(kernel: Kernel): FeatureSnapshot | null {
  const snapshot = attempt(() =>
    kernel.readFeatures((existing) => [...existing].filter((device) => GUEST_DEVICE.test(device))),
  );
  return snapshot instanceof CommandError ? null : snapshot;
}

/**
 * Takes the targets for devices of the kernel, as far as that goes without XAPI: ALL, NICS and VIFS mean its own
 * NICs, vifs and taps. Fails for every target that is none; `null` when some target can only be understood with XAPI.
 */
export function resolveUnmanaged(
  requests: readonly TargetRequest[],
  existing: ReadonlySet<string>,
  kernel: Pick<Kernel, "hasLowerDevices" | "isNic">,
): readonly UnmanagedInterface[] | null {
  mapCollectingFailures(requests, checkSpelling);
  const devices = new Set<string>();
  for (const request of requests) {
    const { text, kind } = request;
    const group = parseTargetGroup(request);
    if (group !== null) {
      for (const device of sortNatural([...existing], (name) => name)) {
        const isGuest = GUEST_DEVICE.test(device);
        if (isGuest ? group.vifs : group.nics && kernel.isNic(device)) devices.add(device);
      }
      continue;
    }
    if (kind === "vm") return null;
    if (!existing.has(text)) {
      if (kind === "any") return null;
      throw usageError("unknown-target", `no device is called ${quote(text)}`);
    }
    if (text === "lo" || (!GUEST_DEVICE.test(text) && kernel.hasLowerDevices(text))) {
      throw usageError("pif-without-nic", `${quote(text)} has no NIC of its own; without XAPI name the NICs under it`);
    }
    devices.add(text);
  }
  return [...devices].map(createUnmanagedInterface);
}

/** Without XAPI nothing says which devices are NICs: all but loopback and the datapath itself. */
export function resolveUnmanagedHost(existing: ReadonlySet<string>): readonly UnmanagedInterface[] {
  const devices = [...existing].filter(
    (device) => device !== "lo" && device !== "ovs-system" && device !== "bonding_masters",
  );
  return sortNatural(devices, (device) => device).map(createUnmanagedInterface);
}

/** A device as the kernel alone has it. */
export function createUnmanagedInterface(device: string): UnmanagedInterface {
  return { kind: "unmanaged", device, deviceKind: GUEST_DEVICE.test(device) ? "vif" : "pif" };
}
