import { applyDisable, type ChangePorts, type Disabled } from "../../src/core/disable/apply.ts";
import { type DisablePlan, type DisableRequest, planDisable } from "../../src/core/disable/plan.ts";
import type { FeatureSet, KernelFeatures } from "../../src/core/feature-set.ts";
import { DEFAULT_KEYWORDS, type Keyword } from "../../src/core/features.ts";
import type { Interface } from "../../src/core/interface.ts";
import type { Host, Inventory, Vif } from "../../src/core/inventory.ts";
import type { Evidence } from "../../src/core/originals.ts";
import { Policy } from "../../src/core/policy.ts";
import type { StandingRule } from "../../src/core/policy-text.ts";
import { applyRestore, type Replugger, type Restored } from "../../src/core/restore/apply.ts";
import { planRestore, type RestorePlan } from "../../src/core/restore/plan.ts";
import type { RestoreEvidence, RestoreRequest } from "../../src/core/restore/wishes.ts";
import { success } from "../../src/core/result.ts";
import { survey } from "../../src/core/targets/survey.ts";
import { everyInterface, resolveTargets } from "../../src/core/targets/targets.ts";
import { KERNEL, NIC_ON, VIF_ON, valued } from "../builders/hosts.ts";
import { MemoryKernel } from "./kernel.ts";
import { MemoryBits, MemoryMark } from "./state.ts";
import { type MemoryDatabase, MemoryToolstack } from "./toolstack.ts";

/** Everything of this host and every VIF that runs nowhere, by features that were not named. */
export const EVERYTHING: DisableRequest = {
  features: DEFAULT_KEYWORDS,
  named: false,
  rule: { nics: false, vifs: false },
  alone: new Set(),
};

/** How `restore` is asked here: what it is about, and the rule that it leaves. */
export interface RestoreOptions extends RestoreRequest {
  /** UUIDs; null for everything. */
  readonly targets: ReadonlySet<string> | null;
  /** Null leaves the rule as it is. */
  readonly rule: StandingRule | null;
}

/** Everything, the rule included. */
export const RESTORE: RestoreOptions = {
  features: null,
  force: false,
  targets: null,
  rule: { nics: [], vifs: [] },
};

/** The devices that the worlds' ordinary host has. */
const DEVICES = { eth0: NIC_ON, eth1: NIC_ON, "vif3.0": VIF_ON };

/** A host of a pool in memory: it reads, plans and carries out as the commands do. */
export class FakeHost {
  /** What happened, in order. */
  readonly journal: string[] = [];
  readonly kernel: MemoryKernel;
  readonly toolstack: MemoryToolstack;
  bits: MemoryBits;
  readonly mark = new MemoryMark();
  isStopped = () => false;
  stillWanted: ChangePorts["stillWanted"] = async () => success(undefined);
  isOffAtBoot: Evidence["isOffAtBoot"] = () => false;
  offAtBoot: RestoreEvidence["offAtBoot"] = () => [];
  replugger: Replugger = { replug: async () => ({ problems: [], notes: [] }) };

  constructor(
    pool: Inventory | MemoryDatabase,
    devices: Readonly<Record<string, FeatureSet>> | ReadonlyMap<string, FeatureSet> = DEVICES,
    {
      names = KERNEL,
      host,
    }: { readonly names?: KernelFeatures; readonly host?: Host | undefined } = {},
  ) {
    this.kernel = new MemoryKernel(names, devices, this.journal);
    this.toolstack = new MemoryToolstack(pool, this.journal, host);
    this.bits = new MemoryBits(this.kernel);
  }

  get ports(): ChangePorts {
    const { kernel, toolstack, bits, mark } = this;
    return {
      kernel,
      toolstack,
      bits,
      mark,
      isStopped: () => this.isStopped(),
      stillWanted: () => this.stillWanted(),
    };
  }

  /** What ALL means on this host. */
  all(inventory: Inventory = this.toolstack.now()): readonly Interface[] {
    return valued(resolveTargets([{ text: "ALL", kind: "host" }], inventory)).interfaces;
  }

  planDisable(
    request: Partial<DisableRequest> = {},
    inventory: Inventory = this.toolstack.now(),
    interfaces: readonly Interface[] = this.all(inventory),
  ): DisablePlan {
    return planDisable(interfaces, { ...EVERYTHING, ...request }, inventory, {
      view: valued(survey(interfaces, this.kernel)),
      bitsOf: (device) => this.bits.of(device),
      isOffAtBoot: (iface, feature) => this.isOffAtBoot(iface, feature),
    });
  }

  async disable(
    request: Partial<DisableRequest> = {},
    inventory: Inventory = this.toolstack.now(),
    interfaces: readonly Interface[] = this.all(inventory),
  ): Promise<Disabled> {
    const plan = this.planDisable(request, inventory, interfaces);
    return valued(await applyDisable(plan, this.ports));
  }

  async disableFeatures(...features: readonly Keyword[]): Promise<Disabled> {
    return await this.disable({ features, named: true });
  }

  planRestore(
    options: Partial<RestoreOptions> = {},
    inventory: Inventory = this.toolstack.now(),
  ): { readonly plan: RestorePlan; readonly evidence: RestoreEvidence } {
    const request = { ...RESTORE, ...options };
    const interfaces = [...everyInterface(inventory).values()].filter(
      (iface) => request.targets === null || request.targets.has(uuidOf(iface)),
    );
    const rule = request.rule ?? inventory.hostStored.value;
    const evidence: RestoreEvidence = {
      view: valued(survey(interfaces, this.kernel)),
      bitsOf: (device) => this.bits.of(device),
      offAtBoot: (iface) => this.offAtBoot(iface),
      policyAfter: new Policy(
        rule,
        inventory.vifs.map((one) => (isAmong(one, interfaces) ? without(one, request) : one)),
      ),
    };
    return { plan: planRestore(interfaces, request, evidence), evidence };
  }

  async restore(
    options: Partial<RestoreOptions> = {},
    inventory: Inventory = this.toolstack.now(),
  ): Promise<Restored> {
    const request = { ...RESTORE, ...options };
    const { plan, evidence } = this.planRestore(request, inventory);
    const work = {
      request,
      evidence,
      rule:
        request.rule === null
          ? null
          : { ref: inventory.hostRef, stored: inventory.hostStored, rule: request.rule },
      replugger: this.replugger,
      followBoot: NOTHING_TO_FOLLOW,
    };
    return valued(await applyRestore(plan, work, this.ports));
  }

  /** What was asked for of each device. */
  requests(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.kernel.devices].map(([name, { requested }]) => [name, [...requested]]));
  }

  /** `other_config` of an object, without this tool's texts. */
  settings(uuid: string): Readonly<Record<string, string>> {
    const entries = Object.entries(this.toolstack.configOf(uuid));
    return Object.fromEntries(entries.filter(([key]) => !key.startsWith("offload-")));
  }

  /** The names of this tool's texts on an object. */
  texts(uuid: string): readonly string[] {
    return Object.keys(this.toolstack.configOf(uuid)).filter((key) => key.startsWith("offload-"));
  }
}

function uuidOf(iface: Interface): string {
  if (iface.kind === "bare") return "";
  return iface.kind === "pif" ? iface.pif.uuid : iface.vif.uuid;
}

function isAmong({ uuid }: Vif, interfaces: readonly Interface[]): boolean {
  return interfaces.some((iface) => uuidOf(iface) === uuid);
}

/** A VIF as it will be asked about once these features of it are restored. */
function without(vif: Vif, { features }: RestoreRequest): Vif {
  const left = [...vif.stored.value].filter(
    ([name]) => features !== null && !features.some((feature) => feature === name),
  );
  return { ...vif, stored: { ...vif.stored, value: new Map(left) } };
}

const NOTHING_TO_FOLLOW = async () => ({ notes: [], problems: [] });
