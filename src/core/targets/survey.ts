import type { LiveView } from "../disable/steps.ts";
import { type BareInterface, devicesOf, type Interface } from "../interface.ts";
import { inNaturalOrder } from "../natural-order.ts";
import type { Kernel } from "../ports.ts";
import { all, type Result, success, usage } from "../result.ts";
import { quoted } from "../text.ts";
import { checkSpelling, type TargetRequest, wordOf } from "./targets.ts";

/**
 * Reads the features of every device of the interfaces. What was read of them a moment ago may be
 * given as `ahead`, and is not read again.
 */
export function survey(
  interfaces: readonly Interface[],
  kernel: Kernel,
  ahead: LiveView | null = null,
): Result<LiveView> {
  if (ahead === null) return kernel.observe((existing) => namesOf(interfaces, existing));
  const unread = namesOf(interfaces, ahead.existing).filter(
    (device) => !ahead.observations.has(device),
  );
  return success(unread.length === 0 ? ahead : kernel.observeAgain(ahead, unread));
}

function namesOf(
  interfaces: readonly Interface[],
  existing: ReadonlySet<string>,
): readonly string[] {
  const names: string[] = [];
  for (const subject of interfaces) {
    for (const { name } of devicesOf(subject, existing)) names.push(name);
  }
  return names;
}

/** Names that belong to interfaces of guests; every other device counts as a NIC. */
const GUEST_DEVICE = /^(?:vif|tap)\d+\.\d+$/;

/**
 * Reads the features of all devices of guests, before it is known whose they are: for work on the
 * whole host, while XAPI is asked for that. Null where nothing can be read; `survey` says why.
 */
export function surveyGuests(kernel: Kernel): LiveView | null {
  const view = kernel.observe((existing) =>
    [...existing].filter((device) => GUEST_DEVICE.test(device)),
  );
  return view.ok ? view.value : null;
}

/**
 * Takes the targets for devices of the kernel, as far as that goes without XAPI. Fails for every
 * target that is none; `null` when some target can only be understood with XAPI.
 */
export function resolveBare(
  requests: readonly TargetRequest[],
  existing: ReadonlySet<string>,
  standsOnOthers: (device: string) => boolean,
): Result<readonly BareInterface[]> | null {
  const spelled = all(requests.map(checkSpelling));
  if (!spelled.ok) return spelled;
  const devices: BareInterface[] = [];
  for (const request of requests) {
    const { text, kind } = request;
    if (kind === "vm" || wordOf(request) !== null) return null;
    if (!existing.has(text)) {
      if (kind === "any") return null;
      return usage("unknown-target", `no device is called ${quoted(text)}`);
    }
    const as = GUEST_DEVICE.test(text) ? "vif" : "pif";
    if (text === "lo" || (as === "pif" && standsOnOthers(text))) {
      return usage(
        "no-nic",
        `${quoted(text)} has no NIC of its own; without XAPI name the NICs under it`,
      );
    }
    devices.push({ kind: "bare", device: text, as });
  }
  return success(devices);
}

/** Without XAPI nothing says which devices are NICs: all but loopback and the datapath itself. */
export function resolveBareHost(existing: ReadonlySet<string>): readonly BareInterface[] {
  const devices = [...existing].filter(
    (device) => device !== "lo" && device !== "ovs-system" && device !== "bonding_masters",
  );
  return inNaturalOrder(devices, (device) => device).map(bareDevice);
}

/** A device as the kernel alone has it. */
export function bareDevice(device: string): BareInterface {
  return { kind: "bare", device, as: GUEST_DEVICE.test(device) ? "vif" : "pif" };
}
