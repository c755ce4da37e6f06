import { defineOffloadCommand } from "../cli/command.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { attempt, attemptAsync, CommandError } from "../core/command-error.ts";
import { listCandidates, listDeviceCandidates } from "../core/targets/candidates.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { KernelBitsFile } from "../state/kernel-bits.ts";
import { readHostIdentity } from "../xapi/host-files.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { XapiSocket } from "../xapi/rpc/socket.ts";

/** How long someone who pressed Tab waits for XAPI, in seconds a call. */
const XAPI_TIMEOUT_SECONDS = 2;

const COMPLETE = {
  name: "complete",
  summary: "Names to complete with",
  args: { kind: { type: "positional", required: false } },
} as const;

/**
 * `offload complete KIND`, hidden: what a shell offers for a target, a line each: the name, a tab, what it is.
 * Completions call it. It is silent about whatever goes wrong: a person is typing.
 */
export const completeCommand = defineOffloadCommand(
  null,
  COMPLETE,
  async ({ positionals: [kind = ""] }, { signals }) => {
    const lines = await listCandidateLines(kind, signals);
    return { text: lines.map((line) => `${line}\n`).join("") };
  },
);

async function listCandidateLines(kind: string, signals: SignalHandler): Promise<readonly string[]> {
  if (kind !== "targets" && kind !== "restorable" && kind !== "vms" && kind !== "pifs") return [];
  if (process.geteuid?.() !== 0) return [];
  const files = attempt(readHostIdentity);
  if (files instanceof CommandError) return [];
  const opening = XapiSession.open(files.uuid, new XapiSocket(undefined, XAPI_TIMEOUT_SECONDS));
  try {
    const inventory = await attemptAsync(async () => {
      const session = await signals.waitInterruptibly(opening);
      return await signals.waitInterruptibly(session.readInventory({ kind: "pool" }));
    });
    if (!(inventory instanceof CommandError))
      return listCandidates(kind, inventory, kind === "restorable" ? listChangedDevices() : undefined);
    return kind === "vms" ? [] : listDeviceCandidates(listBaseDevices());
  } finally {
    const session = await attemptAsync(() => opening);
    if (session instanceof XapiSession) await session.close();
  }
}

/** The devices that were changed since the boot. */
function listChangedDevices(): ReadonlySet<string> {
  using kernel = new NetworkDevices();
  const devices = attempt(() => KernelBitsFile.read(kernel).listDevices());
  return new Set(devices instanceof CommandError ? [] : devices);
}

/** What can be named without XAPI: a bridge or a bond cannot. */
function listBaseDevices(): readonly string[] {
  using kernel = new NetworkDevices();
  const reading = attempt(() => kernel.readFeatures(() => []));
  if (reading instanceof CommandError) return [];
  return [...reading.existing].filter((device) => !kernel.hasLowerDevices(device));
}
