import type { LiveView } from "../../src/core/disable/steps.ts";
import type { FeatureBits, FeatureSet, FeatureWish } from "../../src/core/feature-set.ts";
import type { NicInterface } from "../../src/core/interface.ts";
import type { Pif } from "../../src/core/inventory.ts";
import type { WriteOutcome } from "../../src/core/ports.ts";
import type { LiveAddress } from "../../src/core/restore/addresses.ts";
import { success } from "../../src/core/result.ts";
import { planReplug, type ReplugPorts, replug } from "../../src/host/restore/replug.ts";
import {
  big,
  bitsFrom,
  inventory,
  KERNEL,
  NIC_ON,
  namesOf,
  pif,
  viewOf,
} from "../builders/hosts.ts";

/** A NIC of its own. */
export const eth0 = pif("eth0");
const bond0 = pif("bond0", { role: "bond", slaves: [pif("eth1").uuid, pif("eth2").uuid] });
/** A slave of bond0, which has eth1 and eth2; as XAPI has it, slaves are not attached. */
export const slave = (device: string) => pif(device, { slaveOf: bond0.uuid, attached: false });
/** The pool of these PIFs. */
export const POOL = inventory({ pifs: [eth0, bond0, slave("eth1"), slave("eth2")] });

/** A host in whose journal all calls are. By itself a plug succeeds and changes nothing. */
export class Host {
  readonly journal: string[] = [];
  readonly writes: string[] = [];
  readonly devices: Map<string, FeatureSet>;
  readonly unreadable = new Set<string>();
  /** Devices that take every request and follow none. */
  readonly deaf = new Set<string>();
  addresses: readonly LiveAddress[] | null = [];
  synced = true;
  isStopped = false;
  onPlug: (pif: Pif) => string | null = () => null;

  constructor(devices: Readonly<Record<string, FeatureSet>>) {
    this.devices = new Map(Object.entries(devices));
  }

  plugSets(features: FeatureSet, ...devices: readonly string[]): void {
    this.onPlug = () => {
      for (const device of devices) this.devices.set(device, features);
      return null;
    };
  }

  plan(...nics: readonly NicInterface[]) {
    const bridgeOf = async ({ device }: Pif) => success(`br-${device}`);
    return planReplug(nics, POOL, { bridgeOf }, () => this.addresses);
  }

  async replug(...nics: readonly NicInterface[]) {
    return await replug(
      await this.plan(...nics),
      viewOf({}),
      (device, feature) => this.isRestored(device, feature),
      this.ports(),
    );
  }

  isRestored = (device: string, _feature: string): boolean => device === "eth1";

  ports(): ReplugPorts {
    return {
      kernel: {
        observeAgain: (view, devices) => this.#observe(view, devices),
        request: (device, wish) => this.#request(device, wish),
      },
      toolstack: {
        plug: async (pif) => {
          this.journal.push(`plug ${pif.device}`);
          return this.onPlug(pif);
        },
      },
      sync: () => {
        this.journal.push("sync");
        return this.synced;
      },
      isStopped: () => this.isStopped,
    };
  }

  requested(device: string): readonly string[] {
    const features = this.devices.get(device);
    return features === undefined ? [] : namesOf(KERNEL, features.requested);
  }

  #observe(view: LiveView, devices: Iterable<string>): LiveView {
    const observations = new Map(view.observations);
    for (const device of devices) {
      const features = this.devices.get(device);
      if (this.unreadable.has(device)) {
        observations.set(device, { state: "unreadable", because: "permission denied" });
      } else if (features === undefined) observations.set(device, { state: "missing" });
      else observations.set(device, { state: "read", features });
    }
    return { ...view, observations };
  }

  #request(device: string, { valid, requested }: FeatureWish): WriteOutcome {
    this.writes.push(device);
    const now = this.devices.get(device);
    if (now === undefined) return { done: false, gone: true, because: "no such device" };
    const wished = (from: FeatureBits) =>
      bitsFrom(KERNEL, (big(from) & ~big(valid)) | big(requested));
    if (!this.deaf.has(device)) {
      const { active, changeable } = now;
      const asked = { active: wished(active), requested: wished(now.requested), changeable };
      this.devices.set(device, asked);
    }
    return { done: true };
  }
}

/** The features of a NIC without gro, which somebody turned off live. */
export const NO_GRO: FeatureSet = KERNEL.without(NIC_ON, KERNEL.clearable(NIC_ON, ["gro"]));
