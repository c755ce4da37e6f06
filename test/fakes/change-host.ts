import { applyChange, type ChangePorts, type ChangeResult } from "../../src/core/disable/apply.ts";
import { type ChangePlan, planChange } from "../../src/core/disable/plan.ts";
import type { ChangeRequest } from "../../src/core/disable/request.ts";
import type { FeatureSet, KernelFeatureTable } from "../../src/core/feature-set.ts";
import { DEFAULT_FEATURES, type Feature } from "../../src/core/features.ts";
import type { Interface } from "../../src/core/interface.ts";
import type { Host, Inventory, Vif } from "../../src/core/inventory.ts";
import type { OriginalSources } from "../../src/core/originals.ts";
import { Policy } from "../../src/core/policy.ts";
import type { HostRule } from "../../src/core/policy-entries.ts";
import type { Replugger } from "../../src/core/ports.ts";
import { applyRestore, type RestoreResult } from "../../src/core/restore/apply.ts";
import type { RestoreRequest, RestoreSources } from "../../src/core/restore/live-restore.ts";
import { planRestore, type RestorePlan } from "../../src/core/restore/plan.ts";
import { readInterfaceFeatures } from "../../src/core/targets/interface-features.ts";
import { indexInterfaces, resolveTargets } from "../../src/core/targets/targets.ts";
import { KERNEL, NIC_ON, VIF_ON } from "../builders/hosts.ts";
import { FakeKernel } from "./kernel.ts";
import { FakeKernelBitsStore, FakePendingAnnouncements } from "./stores.ts";
import { FakeToolstack, type FakeXapiDatabase } from "./toolstack.ts";

/** Everything of this host and every VIF that runs nowhere, by features that were not named. */
export const EVERYTHING: ChangeRequest = {
  direction: "off",
  features: DEFAULT_FEATURES,
  hasExplicitFeatures: false,
  groups: { nics: false, vifs: false },
  individualVifs: new Set(),
};

/** How `restore` is asked here: what it is about, and the rule that it leaves. */
export interface RestoreOptions extends RestoreRequest {
  /** UUIDs; null for everything. */
  readonly targets: ReadonlySet<string> | null;
  /** Null leaves the rule as it is. */
  readonly rule: HostRule | null;
}

/** Everything, the rule included. */
const RESTORE: RestoreOptions = {
  features: null,
  force: false,
  targets: null,
  rule: { nics: [], vifs: [] },
};

/** The devices that the ordinary host has. */
const DEVICES = { eth0: NIC_ON, eth1: NIC_ON, "vif3.0": VIF_ON };

/** A host of a pool in memory: it reads, plans and carries out as the commands do. */
export class FakeHost {
  /** What happened, in order. */
  readonly journal: string[] = [];
  readonly kernel: FakeKernel;
  readonly toolstack: FakeToolstack;
  bits: FakeKernelBitsStore;
  readonly pendingAnnouncements = new FakePendingAnnouncements();
  isStopped = () => false;
  checkCallerWaiting: ChangePorts["checkCallerWaiting"] = async () => undefined;
  isOffAtBoot: OriginalSources["isOffAtBoot"] = () => false;
  offAtBoot: RestoreSources["getFeaturesOffAtBoot"] = () => [];
  replugger: Replugger = { replug: async () => ({ problems: [], notes: [] }) };

  constructor(
    pool: Inventory | FakeXapiDatabase,
    devices: Readonly<Record<string, FeatureSet>> | ReadonlyMap<string, FeatureSet> = DEVICES,
    { names = KERNEL, host }: { readonly names?: KernelFeatureTable; readonly host?: Host | undefined } = {},
  ) {
    this.kernel = new FakeKernel(names, devices, this.journal);
    this.toolstack = new FakeToolstack(pool, this.journal, host);
    this.bits = new FakeKernelBitsStore(this.kernel);
  }

  get ports(): ChangePorts {
    const { kernel, toolstack, bits, pendingAnnouncements } = this;
    return {
      kernel,
      toolstack,
      bits,
      pendingAnnouncements,
      isStopped: () => this.isStopped(),
      checkCallerWaiting: () => this.checkCallerWaiting(),
    };
  }

  /** What ALL means on this host. */
  all(inventory: Inventory = this.toolstack.currentInventory()): readonly Interface[] {
    return resolveTargets([{ text: "ALL", kind: "host" }], inventory).interfaces;
  }

  planChange(
    request: Partial<ChangeRequest> = {},
    inventory: Inventory = this.toolstack.currentInventory(),
    interfaces: readonly Interface[] = this.all(inventory),
  ): ChangePlan {
    return planChange(interfaces, { ...EVERYTHING, ...request }, inventory, {
      snapshot: readInterfaceFeatures(interfaces, this.kernel),
      getKernelBits: (device) => this.bits.get(device),
      isOffAtBoot: (iface, feature) => this.isOffAtBoot(iface, feature),
    });
  }

  async disable(
    request: Partial<ChangeRequest> = {},
    inventory: Inventory = this.toolstack.currentInventory(),
    interfaces: readonly Interface[] = this.all(inventory),
  ): Promise<ChangeResult> {
    const plan = this.planChange(request, inventory, interfaces);
    return await applyChange(plan, this.ports);
  }

  async disableFeatures(...features: readonly Feature[]): Promise<ChangeResult> {
    return await this.disable({ features, hasExplicitFeatures: true });
  }

  planRestore(
    options: Partial<RestoreOptions> = {},
    inventory: Inventory = this.toolstack.currentInventory(),
  ): { readonly plan: RestorePlan; readonly evidence: RestoreSources } {
    const request = { ...RESTORE, ...options };
    const interfaces = [...indexInterfaces(inventory).values()].filter(
      (iface) => request.targets === null || request.targets.has(uuidOf(iface)),
    );
    const rule = request.rule ?? inventory.storedHostRule.value;
    const evidence: RestoreSources = {
      snapshot: readInterfaceFeatures(interfaces, this.kernel),
      getKernelBits: (device) => this.bits.get(device),
      getFeaturesOffAtBoot: (iface) => this.offAtBoot(iface),
      policyAfter: new Policy(
        rule,
        inventory.vifs.map((vif) => (isAmong(vif, interfaces) ? without(vif, request) : vif)),
      ),
    };
    return { plan: planRestore(interfaces, request, evidence), evidence };
  }

  async restore(
    options: Partial<RestoreOptions> = {},
    inventory: Inventory = this.toolstack.currentInventory(),
  ): Promise<RestoreResult> {
    const request = { ...RESTORE, ...options };
    const { plan, evidence } = this.planRestore(request, inventory);
    const work = {
      request,
      sources: evidence,
      hostRule:
        request.rule === null ? null : { ref: inventory.hostRef, stored: inventory.storedHostRule, rule: request.rule },
      replugger: this.replugger,
      updateBootLayer: NO_BOOT_UPDATE,
    };
    return await applyRestore(plan, work, this.ports);
  }

  /** What was asked for of each device. */
  requests(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.kernel.devices].map(([name, { requested }]) => [name, [...requested]]));
  }

  /** `other_config` of an object, without this tool's texts. */
  settings(uuid: string): Readonly<Record<string, string>> {
    const entries = Object.entries(this.toolstack.getOtherConfig(uuid));
    return Object.fromEntries(entries.filter(([key]) => !key.startsWith("offload-")));
  }

  /** The names of this tool's texts on an object. */
  texts(uuid: string): readonly string[] {
    return Object.keys(this.toolstack.getOtherConfig(uuid)).filter((key) => key.startsWith("offload-"));
  }
}

function uuidOf(iface: Interface): string {
  if (iface.kind === "unmanaged") return "";
  return iface.kind === "pif" ? iface.pif.uuid : iface.vif.uuid;
}

function isAmong({ uuid }: Vif, interfaces: readonly Interface[]): boolean {
  return interfaces.some((iface) => uuidOf(iface) === uuid);
}

/** A VIF as it will be asked about once these features of it are restored. */
function without(vif: Vif, { features }: RestoreRequest): Vif {
  const left = [...vif.settings.policy.value].filter(
    ([name]) => features !== null && !features.some((feature) => feature === name),
  );
  return { ...vif, settings: vif.settings.withPolicy({ ...vif.settings.policy, value: new Map(left) }) };
}

const NO_BOOT_UPDATE = async () => ({ notes: [], problems: [] });
