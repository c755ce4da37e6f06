/** What a throwaway dom0 can be, and what each scenario is about, in the words of `scripts/dom0 --help`. */
export const SCENARIOS = {
  standalone: "a pool of one host (this is the default)",
  coordinator: "a pool of two hosts, this one the coordinator",
  member: "a pool of two hosts, this one a member",
  "old-member": "a member older than 8.2, which cannot forward JSON-RPC to its coordinator",
  starting: "XAPI is still starting",
  dead: "no XAPI at all: its socket is absent",
  emergency: "a member that cannot reach its coordinator",
  elsewhere: "a VM on another host has the domid of a VM that runs here",
  duplicates: "two VMs of one name, and VMs called eth0, ALL and a UUID",
  hostile: "VMs whose names were chosen to do harm to terminals and shells",
  sriov: "an SR-IOV logical PIF, and a VM on its network without a vif device",
  tunnel: "a tunnel between the hosts, with its access PIF",
  fixed: "a NIC whose rx, tx and sg are on and fixed",
  "not-dom0": "an ordinary Linux machine: no inventory, no XAPI, no VMs",
  predictable: "NICs are called eno12429np0 and the like",
  unmanaged: "one NIC is not managed by XAPI",
  "requested-on": "vifs wait for their guests: tx and tso are off, requested on",
} as const;

/** The name of a scenario. */
export type Scenario = keyof typeof SCENARIOS;

/** Whether a string names a scenario. */
export function isScenario(name: string): name is Scenario {
  return Object.hasOwn(SCENARIOS, name);
}

/** Of each of these groups a world can be one at most. */
const EXCLUSIVE: readonly (readonly Scenario[])[] = [
  ["standalone", "coordinator", "member"],
  ["standalone", "coordinator", "old-member"],
  ["standalone", "coordinator", "emergency"],
  ["standalone", "elsewhere"],
  ["standalone", "tunnel"],
  ["dead", "starting", "emergency", "old-member"],
];

/** Scenarios that make this host a member of a pool, not its coordinator. */
const MEMBERS: readonly Scenario[] = ["member", "old-member", "emergency"];

/** Scenarios in which there is a second host. */
const POOLS: readonly Scenario[] = [...MEMBERS, "coordinator", "elsewhere", "tunnel"];

/** The chosen scenarios, and the questions that building a world asks about them. */
export class Scenarios {
  private readonly chosen: ReadonlySet<Scenario>;

  constructor(chosen: Iterable<Scenario> = []) {
    this.chosen = new Set(chosen);
    for (const group of EXCLUSIVE) {
      const several = group.filter((name) => this.has(name));
      if (several.length > 1) {
        throw new Error(`these scenarios exclude each other: ${several.join(", ")}`);
      }
    }
  }

  has(name: Scenario): boolean {
    return this.chosen.has(name);
  }

  /** Whether there is a second host. */
  get pooled(): boolean {
    return POOLS.some((name) => this.has(name));
  }

  /** Whether this host is a member, not the coordinator. */
  get member(): boolean {
    return MEMBERS.some((name) => this.has(name));
  }

  /** Whether a XAPI, of whatever health, listens on the socket. */
  get xapi(): boolean {
    return !this.has("dead") && !this.has("not-dom0");
  }
}
