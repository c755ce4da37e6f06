import type { Database, Host, Vif, Vm } from "./database.ts";
import type { Network } from "./host-builder.ts";
import type { Identity } from "./identity.ts";
import type { PowerState } from "./record-guest.ts";
import { vifRecord, vmRecord } from "./record-guest.ts";
import { NULL_REF, type StringMap } from "./record-kinds.ts";

/** A VIF as the cast of a world asks for it. */
export interface VifPlan {
  readonly network: Network;
  readonly otherConfig?: StringMap;
  /** A VIF on an SR-IOV network is a virtual function of the NIC: dom0 has no vif device for it. */
  readonly sriov?: boolean;
}

/** A VM as the cast of a world asks for it. */
export interface VmPlan {
  readonly name: string;
  readonly power?: PowerState;
  readonly kind?: "vm" | "template" | "snapshot" | "control";
  /** Has emulated devices, and therefore a tap beside each vif. */
  readonly emulated?: boolean;
  readonly host?: Host;
  readonly vifs?: readonly VifPlan[];
  readonly uuid?: string;
}

/** Puts VMs and their VIFs into a database, with the references both ways. */
export class GuestBuilder {
  private readonly domids = new Map<string, number>();
  private count = 0;

  constructor(
    private readonly database: Database,
    private readonly identity: Identity,
    private readonly here: Host,
  ) {}

  /** Makes domids of a host start here. They are counted for each host on its own. */
  domidsFrom(host: Host, first: number): void {
    this.domids.set(host.ref, first);
  }

  vm(plan: VmPlan): Vm {
    const label = `vm ${this.count++}`;
    const host = plan.host ?? this.here;
    const kind = plan.kind ?? "vm";
    const power = plan.power ?? (kind === "vm" || kind === "control" ? "Running" : "Halted");
    const resident = power === "Running" || power === "Paused";
    const domid = kind === "control" ? 0 : resident ? this.nextDomid(host) : -1;
    const record = {
      ...vmRecord(),
      uuid: plan.uuid ?? this.identity.uuid(label),
      name_label: plan.name,
      power_state: power,
      is_a_template: kind === "template" || kind === "snapshot",
      is_a_snapshot: kind === "snapshot",
      is_control_domain: kind === "control",
      domain_type: kind === "control" ? "pv" : plan.emulated ? "hvm" : "pvh",
      resident_on: resident ? host.ref : NULL_REF,
      affinity: host.ref,
      domid,
      other_config: { mac_seed: this.identity.uuid(`${label} mac seed`) },
    };
    const ref = this.identity.ref(label);
    this.database.VM[ref] = record;
    if (resident) host.record.resident_VMs.push(ref);
    const local = resident && host.ref === this.here.ref;
    const vifs = (plan.vifs ?? []).map((vif, n) =>
      this.vif(vif, n, {
        vm: ref,
        // The record of a suspended VM goes on saying that its VIFs are attached.
        attached: resident || power === "Suspended",
        device: local && vif.sriov !== true ? `vif${domid}.${n}` : undefined,
        tap: local && vif.sriov !== true && plan.emulated === true ? `tap${domid}.${n}` : undefined,
        label: `${label} vif ${n}`,
      }),
    );
    record.VIFs.push(...vifs.map((vif) => vif.ref));
    return { ref, record, vifs };
  }

  private vif(
    plan: VifPlan,
    n: number,
    of: {
      readonly vm: string;
      readonly attached: boolean;
      readonly device: string | undefined;
      readonly tap: string | undefined;
      readonly label: string;
    },
  ): Vif {
    const record = {
      ...vifRecord(),
      uuid: this.identity.uuid(of.label),
      device: String(n),
      network: plan.network.ref,
      VM: of.vm,
      MAC: this.identity.mac(of.label),
      metrics: this.identity.ref(`metrics ${of.label}`),
      currently_attached: of.attached,
      other_config: { ...plan.otherConfig },
    };
    const ref = this.identity.ref(of.label);
    this.database.VIF[ref] = record;
    plan.network.record.VIFs.push(ref);
    return { ref, record, device: of.device, tap: of.tap };
  }

  private nextDomid(host: Host): number {
    const domid = this.domids.get(host.ref) ?? 1;
    this.domids.set(host.ref, domid + 1);
    return domid;
  }
}
