import { ApiError } from "../simulator/errors.ts";
import type { Fault } from "../simulator/faults.ts";
import { Gate } from "../simulator/gate.ts";
import type { PluginHosts, PluginResult } from "../simulator/plugins.ts";
import type { XapiStatus } from "./pool-file.ts";
import type { PoolHost } from "./pool-host.ts";

/** A real coordinator tries for 100 s, 10 times, before it gives a member up (pool-facts §5). */
const CONTACT_MS = 1_000;

/** The hosts of a pool as they reach each other. */
export class PoolHosts implements PluginHosts {
  /** How long the coordinator tries to reach a member whose xapi is down. */
  contactMs = CONTACT_MS;
  readonly #states = new Map<string, XapiStatus>();
  readonly #reach = new Map<string, Gate>();

  constructor(
    private readonly hosts: readonly PoolHost[],
    private readonly coordinator: string,
  ) {}

  /**
   * Puts the xapi of a host into a state. When it is up again, every call that waits for it is carried out,
   * whether its caller still waits or not.
   */
  set(uuid: string, state: XapiStatus): void {
    const host = this.hosts.find((candidate) => candidate.uuid === uuid);
    if (host === undefined) throw new Error(`no host ${uuid} in the pool`);
    const isCoordinator = host.ref === this.coordinator;
    this.#states.set(host.ref, state);
    if (isCoordinator && state === "down") host.endSessions();
    this.#apply(host);
    if (state === "up") this.#gate(host.ref).open();
    else this.#gate(host.ref).close();
    if (!isCoordinator) return;
    for (const member of this.hosts) {
      if (member !== host && this.#state(member.ref) === "up") this.#apply(member);
    }
  }

  async start(ref: string, plugin: string, argument: string): Promise<PluginResult> {
    return (await this.reach(ref)).startPlugin(plugin, argument);
  }

  /** Resolves when the coordinator has reached a host, or throws the ApiError of one that it cannot reach. */
  async reach(ref: string): Promise<PoolHost> {
    const host = this.hosts.find((candidate) => candidate.ref === ref);
    const state = this.#state(ref);
    if (host === undefined || state === "offline") throw new ApiError("HOST_OFFLINE", ref);
    // A frozen xapi has its socket open: what is sent waits there.
    if (state === "frozen") await this.#gate(ref).waitUntilOpen();
    else if (!(await this.#gate(ref).waitUntilOpenWithin(this.contactMs))) {
      throw new ApiError("CANNOT_CONTACT_HOST", ref);
    }
    return host;
  }

  #apply(host: PoolHost): void {
    host.simulator.setFault({ fault: "none" });
    host.simulator.setFault(this.#fault(host));
  }

  #fault(host: PoolHost): Fault {
    switch (this.#state(host.ref)) {
      case "down":
        return { fault: "refuse" };
      case "frozen":
        return { fault: "hang" };
      case "starting":
        return host.ref === this.coordinator
          ? { fault: "loading" }
          : { fault: "starting", code: "HOST_HAS_NO_MANAGEMENT_IP" };
      case "up":
      case "offline":
        // Without its coordinator every call on a member hangs, login too (pool-facts §6).
        return { fault: this.#state(this.coordinator) === "up" ? "none" : "hang" };
    }
  }

  #state(ref: string): XapiStatus {
    return this.#states.get(ref) ?? "up";
  }

  #gate(ref: string): Gate {
    const gate = this.#reach.get(ref) ?? new Gate();
    this.#reach.set(ref, gate);
    return gate;
  }
}
