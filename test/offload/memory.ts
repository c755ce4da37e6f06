import { carryOut, type Disabled, type DisablePlan } from "../../src/offload/disable.ts";
import type { Inventory, OtherConfig, Vm } from "../../src/offload/inventory.ts";
import { type Journal, noteLive, noteRecords, strikeRecords } from "../../src/offload/journal.ts";
import type {
  ChangeableBits,
  FeatureBits,
  FeatureSet,
  FeatureWish,
  KernelFeatures,
} from "../../src/offload/kernel-features.ts";
import type { LiveStep, LiveView, Observation, RecordStep } from "../../src/offload/plan.ts";
import type {
  Circumstances,
  Driver,
  JournalKeeper,
  Kernel,
  Reading,
  RecordOutcome,
  Toolstack,
  WriteOutcome,
} from "../../src/offload/ports.ts";
import { type Result, success, unavailable } from "../../src/offload/result.ts";
import { big, bitsFrom } from "./worlds.ts";

/** A kernel in memory. By itself it obeys; `disturb` may answer a write in its place. */
export class MemoryKernel implements Kernel {
  readonly devices: Map<string, FeatureSet>;
  readonly unreadable = new Set<string>();
  /** Devices that take every request and follow none. */
  readonly deaf = new Set<string>();
  readonly writes: string[] = [];
  disturb: (device: string, bits: ChangeableBits) => WriteOutcome | null = () => null;

  constructor(
    readonly kernel: KernelFeatures,
    devices: Readonly<Record<string, FeatureSet>> | ReadonlyMap<string, FeatureSet>,
    readonly journal: string[] = [],
  ) {
    this.devices = new Map(devices instanceof Map ? devices : Object.entries(devices));
  }

  observe(wanted: (existing: ReadonlySet<string>) => Iterable<string>): Result<LiveView> {
    const existing = new Set(this.devices.keys());
    const observations = new Map<string, Observation>();
    for (const device of wanted(existing)) observations.set(device, this.#read(device));
    return success({ kernel: this.kernel, existing, observations });
  }

  standsOnOthers(): boolean {
    return false;
  }

  isNic(device: string): boolean {
    return device.startsWith("eth");
  }

  driver(device: string): Reading<Driver> {
    return this.devices.has(device)
      ? { known: true, value: { name: "memory", version: "1", firmware: "", bus: "", pci: "" } }
      : { known: false, because: "no such device" };
  }

  observeAgain(view: LiveView, devices: Iterable<string>): LiveView {
    const observations = new Map(view.observations);
    for (const device of devices) observations.set(device, this.#read(device));
    return { ...view, observations };
  }

  clear(device: string, bits: ChangeableBits): WriteOutcome {
    this.writes.push(device);
    this.journal.push(`kernel ${device}`);
    const answer = this.disturb(device, bits);
    if (answer !== null) return answer;
    const now = this.devices.get(device);
    if (now === undefined) return { done: false, gone: true, because: "no such device" };
    const without = (from: FeatureBits) => bitsFrom(this.kernel, big(from) & ~big(bits.bits));
    this.devices.set(device, {
      active: without(now.active),
      requested: without(now.requested),
      changeable: now.changeable,
    });
    return { done: true };
  }

  request(device: string, { valid, requested }: FeatureWish): WriteOutcome {
    this.writes.push(device);
    this.journal.push(`kernel ${device}`);
    const now = this.devices.get(device);
    if (now === undefined) return { done: false, gone: true, because: "no such device" };
    if (this.deaf.has(device)) return { done: true };
    const wished = (from: FeatureBits) =>
      bitsFrom(this.kernel, (big(from) & ~big(valid)) | big(requested));
    this.devices.set(device, {
      active: wished(now.active),
      requested: wished(now.requested),
      changeable: now.changeable,
    });
    return { done: true };
  }

  #read(device: string): Observation {
    if (this.unreadable.has(device)) return { state: "unreadable", because: "permission denied" };
    const features = this.devices.get(device);
    return features === undefined ? { state: "missing" } : { state: "read", features };
  }
}

/** A journal in memory, which may refuse to note anything. */
export class MemoryJournal implements JournalKeeper {
  journal: Journal = new Map();
  refusesLive = false;
  refusesRecords = false;

  async beforeLive(steps: readonly LiveStep[], view: LiveView): Promise<Result<void>> {
    if (this.refusesLive) return unavailable("file-not-written", "no space");
    this.journal = noteLive(this.journal, steps, view);
    return success(undefined);
  }

  async beforeRecords(steps: readonly RecordStep[]): Promise<Result<void>> {
    if (this.refusesRecords) return unavailable("file-not-written", "no space");
    this.journal = noteRecords(this.journal, steps);
    return success(undefined);
  }

  async withoutRecords(steps: readonly RecordStep[]): Promise<Result<void>> {
    this.journal = strikeRecords(this.journal, steps);
    return success(undefined);
  }
}

/** Carries out a plan whose notes can be taken. */
export async function carryOutNoted(
  plan: DisablePlan,
  kernel: Kernel,
  toolstack: Toolstack | null,
  isStopped: () => boolean,
  journal: JournalKeeper = new MemoryJournal(),
): Promise<Disabled> {
  const done = await carryOut(plan, kernel, toolstack, journal, isStopped);
  if (!done.ok) throw new Error(done.failures.map(({ message }) => message).join("; "));
  return done.value;
}

/** XAPI in memory: the records of an inventory, and the ways in which it can let one down. */
export class MemoryToolstack implements Toolstack {
  readonly records: Map<string, Map<string, string>>;
  readonly written: string[] = [];
  readonly announced: string[] = [];
  /** Answers no more after so many records. */
  diesAfter = Number.POSITIVE_INFINITY;
  readBackFails = false;
  refuses: (step: RecordStep) => string | null = () => null;
  deafTo: (vm: Vm) => boolean = () => false;

  constructor(
    readonly pool: Inventory,
    readonly journal: string[] = [],
  ) {
    this.records = new Map(
      [...pool.pifs, ...pool.vifs].map(({ uuid, otherConfig }) => [uuid, new Map(otherConfig)]),
    );
  }

  async inventory(): Promise<Result<Inventory>> {
    return success(this.now());
  }

  /** The inventory with the records as they are now. */
  now(): Inventory {
    const otherConfig = (uuid: string): OtherConfig => new Map(this.records.get(uuid));
    return {
      ...this.pool,
      pifs: this.pool.pifs.map((one) => ({ ...one, otherConfig: otherConfig(one.uuid) })),
      vifs: this.pool.vifs.map((one) => ({ ...one, otherConfig: otherConfig(one.uuid) })),
    };
  }

  async circumstances(): Promise<Result<Circumstances>> {
    return success({ software: new Map(), networks: [] });
  }

  async recordsByUuid(): Promise<Result<ReadonlyMap<string, OtherConfig>>> {
    this.journal.push("read back");
    if (this.readBackFails) return unavailable("xapi-unreachable", "XAPI does not answer");
    return success(new Map([...this.records].map(([uuid, map]) => [uuid, new Map(map)])));
  }

  async write(
    steps: readonly RecordStep[],
    isStopped: () => boolean,
  ): Promise<readonly RecordOutcome[]> {
    return steps.map((step): RecordOutcome => {
      if (isStopped()) return { step, state: "unattempted", because: "interrupted" };
      if (this.written.length >= this.diesAfter) {
        return { step, state: "unattempted", because: "XAPI does not answer" };
      }
      const { subject, key } = step;
      const uuid = subject.kind === "pif" ? subject.pif.uuid : subject.vif.uuid;
      this.journal.push(`record ${key}`);
      const refusal = this.refuses(step);
      if (refusal !== null) return { step, state: "failed", because: refusal };
      const records = this.records.get(uuid);
      // As the real one: adding a key that is there is refused, whatever its value.
      if (step.from === null && records?.has(key)) {
        return { step, state: "refused", because: "MAP_DUPLICATE_KEY" };
      }
      if (step.to === null) records?.delete(key);
      else records?.set(key, step.to);
      this.written.push(`${uuid} ${key}`);
      return { step, state: "written", because: "" };
    });
  }

  async announce(vms: readonly Vm[]): Promise<readonly string[]> {
    this.journal.push(`announce ${vms.map(({ name }) => name).join(" ")}`.trim());
    this.announced.push(...vms.map(({ uuid }) => uuid));
    return vms.filter(this.deafTo).map(({ name }) => `HANDLE_INVALID VM ${name}`);
  }
}
