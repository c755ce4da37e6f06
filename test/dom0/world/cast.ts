import type { Host, Vm } from "./database.ts";
import type { GuestBuilder, VifPlan, VmPlan } from "./guest-builder.ts";
import type { Network } from "./host-builder.ts";
import type { Scenarios } from "./scenarios.ts";

/** The networks that VMs of a world can be on. */
export interface Networks {
  /** The networks of ordinary VIFs, the first one first. */
  readonly ordinary: readonly Network[];
  readonly sriov: Network | undefined;
}

/** How many VMs run on this host, and how many VIFs each of them has; the cast's own numbers where absent. */
export interface VmCounts {
  readonly vms: number | undefined;
  readonly vifs: number | undefined;
}

/** Makes the VMs of a world in an order that keeps domids steady: scenarios only ever add at the end. */
export class VmFixtures {
  private networkIndex = 0;

  constructor(
    private readonly guests: GuestBuilder,
    private readonly networks: Networks,
    private readonly counts: VmCounts,
  ) {}

  /** The VMs of this host. */
  createLocalVms(host: Host): Vm[] {
    const control = this.guests.vm({
      name: `Control domain on host: ${host.record.name_label}`,
      kind: "control",
    });
    host.record.control_domain = control.ref;
    const running = this.planRunning().map((plan) => this.guests.vm(plan));
    const stopped = this.planStopped().map((plan) => this.guests.vm(plan));
    return [control, ...running, ...stopped];
  }

  /** The VMs of the other host. */
  createRemoteVms(host: Host): Vm[] {
    const control = this.guests.vm({
      name: `Control domain on host: ${host.record.name_label}`,
      kind: "control",
      host,
    });
    host.record.control_domain = control.ref;
    const names = ["remote web", "remote db"];
    return [
      control,
      ...names.map((name) => this.guests.vm({ name, host, vifs: this.planVifs(1) })),
    ];
  }

  /** What the chosen scenarios add. */
  createScenarioVms(scenarios: Scenarios, existing: readonly Vm[]): Vm[] {
    const plans: VmPlan[] = [];
    if (scenarios.has("duplicates")) plans.push(...this.planDuplicates(existing));
    if (scenarios.has("hostile")) {
      plans.push(...HOSTILE_NAMES.map((name) => ({ name, vifs: this.planVifs(1) })));
    }
    if (this.networks.sriov !== undefined) {
      const sriovVif = { network: this.networks.sriov, sriov: true };
      plans.push({ name: "nfv", vifs: [sriovVif, ...this.planVifs(1)] });
    }
    return plans.map((plan) => this.guests.vm(plan));
  }

  private planRunning(): VmPlan[] {
    // Xen Orchestra writes "true" and "false" (xo-server, `networking.mjs`), and so do most new VIFs carry it.
    const xenOrchestraConfig = { "ethtool-tx": "true", "xo:note": "uplink", promiscuous: "false" };
    // xenopsd ignores gro on a VIF; keys without the hyphen come from a manual and do nothing at all.
    const ineffectiveSettings = { "ethtool-gro": "off", ethtoolrx: "off" };
    const [uplink, ...others] = this.planVifs(2);
    const [only, ...more] = this.planVifs(1);
    const named: VmPlan[] = [
      { name: "web 1", vifs: this.planVifs(2) },
      {
        name: "db",
        vifs: only === undefined ? [] : [{ ...only, otherConfig: ineffectiveSettings }, ...more],
      },
      { name: "mail é", emulated: true, vifs: this.planVifs(1) },
      {
        name: "pfSense",
        vifs:
          uplink === undefined ? [] : [{ ...uplink, otherConfig: xenOrchestraConfig }, ...others],
      },
    ];
    const vmCount = this.counts.vms ?? named.length;
    const extra = Math.max(0, vmCount - named.length);
    const extraVms = Array.from({ length: extra }, (_, n) => ({
      name: `vm ${n + named.length + 1}`,
      vifs: this.planVifs(1),
    }));
    return [...named.slice(0, vmCount), ...extraVms];
  }

  private planStopped(): VmPlan[] {
    return [
      { name: "backup", power: "Halted", vifs: this.planVifs(1) },
      { name: "win 10", power: "Suspended", emulated: true, vifs: this.planVifs(1) },
      { name: "Debian Bookworm 12", kind: "template", vifs: this.planVifs(1) },
      { name: "web 1 before the upgrade", kind: "snapshot", vifs: this.planVifs(1) },
    ];
  }

  private planDuplicates(existing: readonly Vm[]): VmPlan[] {
    const first = existing.find((vm) => !vm.record.is_control_domain)?.record.uuid;
    return [
      { name: "twin", vifs: this.planVifs(1) },
      { name: "twin", power: "Halted", vifs: this.planVifs(1) },
      { name: "eth0", vifs: this.planVifs(1) },
      { name: "ALL", vifs: this.planVifs(1) },
      ...(first === undefined ? [] : [{ name: first, vifs: this.planVifs(1) }]),
    ];
  }

  /** As many VIFs as were asked for, or the cast's own number, over the networks in turn. */
  private planVifs(defaultCount: number): VifPlan[] {
    const networks = this.networks.ordinary;
    return Array.from({ length: this.counts.vifs ?? defaultCount }, () => {
      const network = networks[this.networkIndex++ % networks.length];
      return network === undefined ? [] : [{ network }];
    }).flat();
  }
}

/** Names a tenant could choose to harm whoever prints them or hands them to a shell. */
export const HOSTILE_NAMES: readonly string[] = [
  "quotes ' \" and \\ backslash",
  "$(touch /tmp/owned)",
  "`touch /tmp/owned`",
  "; touch /tmp/owned #",
  "two\nlines\r\nand a third",
  "\u001b[2J\u001b[31mred\u001b]0;title\u0007\u009b5m",
  "invoice\u202Efdp.exe",
  "long ".repeat(2000),
  "🚀 ワイド 漢字 👩‍👩‍👧",
  "-K",
  "--help",
  "  spaces around  ",
  "%s%n{}<b>&amp;",
  "",
];
