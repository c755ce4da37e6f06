import type { FeatureSnapshot } from "../../src/core/disable/steps.ts";
import type { FeatureBits, FeatureRequest, FeatureSet } from "../../src/core/feature-set.ts";
import type { NicInterface } from "../../src/core/interface.ts";
import type { Pif } from "../../src/core/inventory.ts";
import type { WriteOutcome } from "../../src/core/ports.ts";
import type { LiveAddress } from "../../src/core/restore/address-risk.ts";
import { planReplug, type ReplugPorts, replug } from "../../src/host/restore/replug.ts";
import {
  bitsFrom,
  createSnapshot,
  inventory,
  KERNEL,
  NIC_ON,
  namesOf,
  pif,
  toBigInt,
  withBits,
} from "../builders/hosts.ts";

/** A NIC of its own. */
export const eth0 = pif("eth0");
const bond0 = pif("bond0", { role: "bond", slaves: [pif("eth1").uuid, pif("eth2").uuid] });
/** A slave of bond0, which has eth1 and eth2; as XAPI has it, slaves are not attached. */
export const slave = (device: string) => pif(device, { slaveOf: bond0.uuid, attached: false });
/** The pool of these PIFs. */
export const POOL = inventory({ pifs: [eth0, bond0, slave("eth1"), slave("eth2")] });

/** A host in whose journal all calls are. By itself a plug succeeds and changes nothing. */
export class ReplugHost {
  readonly journal: string[] = [];
  readonly writes: string[] = [];
  readonly devices: Map<string, FeatureSet>;
  readonly unreadable = new Set<string>();
  /** Devices that take every request and follow none. */
  readonly ignoringRequests = new Set<string>();
  addresses: readonly LiveAddress[] | null = [];
  isSynced = true;
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
    const findBridge = async ({ device }: Pif) => `br-${device}`;
    return planReplug(nics, POOL, { findBridge }, () => this.addresses);
  }

  async replug(...nics: readonly NicInterface[]) {
    return await replug(
      await this.plan(...nics),
      createSnapshot({}),
      (device, feature) => this.isRestored(device, feature),
      this.ports(),
    );
  }

  isRestored = (device: string, _feature: string): boolean => device === "eth1";

  ports(): ReplugPorts {
    return {
      kernel: {
        rereadFeatures: (snapshot, devices) => this.#rereadFeatures(snapshot, devices),
        requestFeatures: (device, request) => this.#requestFeatures(device, request),
      },
      toolstack: {
        plugPif: async (pif) => {
          this.journal.push(`plug ${pif.device}`);
          return this.onPlug(pif);
        },
      },
      saveNetworkdState: async () => {
        this.journal.push("sync");
        return this.isSynced;
      },
      isStopped: () => this.isStopped,
    };
  }

  requested(device: string): readonly string[] {
    const features = this.devices.get(device);
    return features === undefined ? [] : namesOf(KERNEL, features.requested);
  }

  #rereadFeatures(snapshot: FeatureSnapshot, devices: Iterable<string>): FeatureSnapshot {
    const readings = new Map(snapshot.readings);
    for (const device of devices) {
      const features = this.devices.get(device);
      if (this.unreadable.has(device)) {
        readings.set(device, { state: "unreadable", reason: "permission denied" });
      } else if (features === undefined) readings.set(device, { state: "missing" });
      else readings.set(device, { state: "read", features });
    }
    return { ...snapshot, readings };
  }

  #requestFeatures(device: string, { valid, requested }: FeatureRequest): WriteOutcome {
    this.writes.push(device);
    const now = this.devices.get(device);
    if (now === undefined) return { done: false, deviceRemoved: true, reason: "no such device" };
    const applyRequest = (from: FeatureBits) =>
      bitsFrom(KERNEL, (toBigInt(from) & ~toBigInt(valid)) | toBigInt(requested));
    if (!this.ignoringRequests.has(device)) {
      const updated = withBits(KERNEL, now, {
        active: applyRequest(now.active),
        requested: applyRequest(now.requested),
      });
      this.devices.set(device, updated);
    }
    return { done: true };
  }
}

/** The features of a NIC without gro, which somebody turned off live. */
export const NO_GRO: FeatureSet = NIC_ON.apply(NIC_ON.planOff(["gro"]));
