import * as v from "valibot";
import type { Control } from "../simulator/control-server.ts";
import type { Networkd } from "./networkd.ts";

const Stop = v.object({ written: v.boolean() });

/** What tests can have a host's networkd do; `startOfDay` is what its xapi has it do then. */
export function networkdControls(
  networkd: Networkd,
  startOfDay: () => Promise<void>,
): Readonly<Record<string, Control>> {
  return {
    "POST /networkd/sync": () => networkd.sync(),
    "POST /networkd/stop": (body) => networkd.stop(v.parse(Stop, body)),
    "POST /networkd/start": () => networkd.start(),
    "POST /networkd/commands": () => networkd.commands.splice(0),
    "POST /start-of-day": startOfDay,
  };
}
