import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { CommandContext } from "../cli/command.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { success } from "../core/result.ts";
import { listCandidates, listDeviceCandidates } from "../core/targets/candidates.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { readHostIdentity } from "../xapi/host-files.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { XapiSocket } from "../xapi/rpc/socket.ts";

/** How long somebody who pressed Tab waits for XAPI, in seconds a call. */
const XAPI_TIMEOUT_SECONDS = 2;

/**
 * `offload complete KIND`: what a shell offers for a target, a line each: the name, a tab, what it is.
 * Completions call it. It is silent about whatever goes wrong: a person is typing.
 */
export function createCompleteCommand(context: CommandContext): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "complete", description: "Names to complete with", hidden: true },
    async run() {
      const [kind = ""] = context.rawArgs;
      const lines = await listCandidateLines(kind, context.signals);
      context.print(success(lines.map((line) => `${line}\n`).join("")));
    },
  });
}

async function listCandidateLines(kind: string, signals: SignalHandler): Promise<readonly string[]> {
  if (kind !== "targets" && kind !== "vms" && kind !== "pifs") return [];
  if (process.geteuid?.() !== 0) return [];
  const files = readHostIdentity();
  if (!files.ok) return [];
  const opening = XapiSession.open(files.value.uuid, new XapiSocket(undefined, XAPI_TIMEOUT_SECONDS));
  try {
    const session = await signals.waitInterruptibly(opening);
    const read = session.ok ? await signals.waitInterruptibly(session.value.readInventory({ kind: "pool" })) : session;
    if (read.ok) return listCandidates(kind, read.value);
    return kind === "vms" ? [] : listDeviceCandidates(listBaseDevices());
  } finally {
    const session = await opening;
    if (session.ok) await session.value.close();
  }
}

/** What can be named without XAPI: a bridge or a bond cannot. */
function listBaseDevices(): readonly string[] {
  using kernel = new NetworkDevices();
  const reading = kernel.readFeatures(() => []);
  if (!reading.ok) return [];
  return [...reading.value.existing].filter((device) => !kernel.hasLowerDevices(device));
}
