import { BusyLock } from "./busy-lock.ts";
import type { RecordedCall } from "./control-protocol.ts";
import { type Cost, NO_COST } from "./cost.ts";
import type { Database } from "./database.ts";
import type { HostMethod } from "./method.ts";
import { Sessions } from "./sessions.ts";

/** What the sockets of one pool have in common: the coordinator does what all of them are asked. */
export class Coordinator {
  readonly sessions = new Sessions();
  readonly lock = new BusyLock();
  readonly calls: RecordedCall[] = [];
  /** The methods that hosts carry out, by name; without them the API has none of these. */
  readonly hostMethods = new Map<string, HostMethod>();
  cost: Cost = NO_COST;

  constructor(readonly database: Database) {}

  /** The host that is the coordinator. */
  get host(): string {
    const [pool] = this.database.records("pool").values();
    const master = pool?.["master"];
    if (typeof master === "string") return master;
    return this.database.records("host").keys().next().value ?? "OpaqueRef:NULL";
  }
}
