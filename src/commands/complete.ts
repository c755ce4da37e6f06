import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { Invocation } from "../cli/command.ts";
import type { Interruption } from "../cli/signals.ts";
import { success } from "../core/result.ts";
import { candidates, devicesAlone } from "../core/targets/candidates.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { readHostFiles } from "../xapi/host-files.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { XapiSocket } from "../xapi/rpc/socket.ts";

/** How long somebody who pressed Tab waits for XAPI, in seconds a call. */
const PATIENCE = 2;

/**
 * `offload complete KIND`: what a shell offers for a target, a line each: the name, a tab, what it is.
 * Completions call it. It is silent about whatever goes wrong: a person is typing.
 */
export function completeCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "complete", description: "Names to complete with", hidden: true },
    async run() {
      const [kind = ""] = invocation.rawArgs;
      const lines = await linesFor(kind, invocation.interruption);
      invocation.print(success(lines.map((line) => `${line}\n`).join("")));
    },
  });
}

async function linesFor(kind: string, interruption: Interruption): Promise<readonly string[]> {
  if (kind !== "targets" && kind !== "vms" && kind !== "pifs") return [];
  if (process.geteuid?.() !== 0) return [];
  const files = readHostFiles();
  if (!files.ok) return [];
  const opening = XapiSession.open(files.value.uuid, new XapiSocket(undefined, PATIENCE));
  try {
    const session = await interruption.orElse(opening);
    const read = session.ok
      ? await interruption.orElse(session.value.inventory({ kind: "pool" }))
      : session;
    if (read.ok) return candidates(kind, read.value);
    return kind === "vms" ? [] : devicesAlone(listDevices());
  } finally {
    const session = await opening;
    if (session.ok) await session.value.close();
  }
}

/** What can be named without XAPI: a bridge or a bond cannot. */
function listDevices(): readonly string[] {
  using kernel = new NetworkDevices();
  const view = kernel.observe(() => []);
  if (!view.ok) return [];
  return [...view.value.existing].filter((device) => !kernel.standsOnOthers(device));
}
