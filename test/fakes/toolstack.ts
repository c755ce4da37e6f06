import { unavailableError } from "../../src/core/command-error.ts";
import type { SettingStep } from "../../src/core/disable/steps.ts";
import { getUuid, type Interface } from "../../src/core/interface.ts";
import type { Host, Inventory, Pif, Vm } from "../../src/core/inventory.ts";
import { parseHostRuleEntries, type StoredHostRule } from "../../src/core/policy-entries.ts";
import type {
  OtherConfigWrite,
  OtherConfigWriteOutcome,
  SettingOutcome,
  Toolstack,
  XapiDiagnostics,
} from "../../src/core/ports.ts";
import { Settings } from "../../src/core/settings.ts";

/** XAPI's handle of a host, which no inventory has. */
export function hostRef({ uuid }: Pick<Host, "uuid">): string {
  return `OpaqueRef:${uuid}`;
}

/** XAPI's database: every key of `other_config` of every object, by the object's reference. */
export class FakeXapiDatabase {
  readonly #configs: ReadonlyMap<string, Map<string, string>>;
  /** Hears of every change. */
  onChange: (ref: string) => void = () => {};

  constructor(readonly pool: Inventory) {
    const objects = [...pool.pifs, ...pool.vifs];
    this.#configs = new Map([
      ...objects.map(({ ref, settings }) => [ref, new Map(settings.otherConfig)] as const),
      ...pool.hosts.map((host) => [hostRef(host), new Map<string, string>()] as const),
    ]);
  }

  /** The references of all objects. */
  get refs(): readonly string[] {
    return [...this.#configs.keys()];
  }

  /** `other_config` of an object, as it is now. */
  getOtherConfig(ref: string): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#configs.get(ref) ?? []);
  }

  /** As the real one: adding a key that is there is refused, whatever its value. */
  add(ref: string, key: string, value: string): "MAP_DUPLICATE_KEY" | null {
    const config = this.#configs.get(ref);
    if (config?.has(key)) return "MAP_DUPLICATE_KEY";
    config?.set(key, value);
    this.onChange(ref);
    return null;
  }

  /** As the real one: removing a key that is not there succeeds. */
  remove(ref: string, key: string): void {
    this.#configs.get(ref)?.delete(key);
    this.onChange(ref);
  }

  /** What someone else does who does not look first. */
  set(ref: string, key: string, value: string): void {
    this.#configs.get(ref)?.set(key, value);
    this.onChange(ref);
  }

  /** What a read of everything gives on a host, put together as it is at XAPI's border. */
  readInventory(host: Host): Inventory {
    return {
      ...this.pool,
      host,
      hostRef: hostRef(host),
      storedHostRule: this.readHostRule(host),
      pifs: this.pool.pifs.map((pif) => ({ ...pif, settings: this.readSettings(pif.ref) })),
      vifs: this.pool.vifs.map((vif) => ({ ...vif, settings: this.readSettings(vif.ref) })),
    };
  }

  readSettings(ref: string): Settings {
    const object = [...this.pool.pifs, ...this.pool.vifs].find((candidate) => candidate.ref === ref);
    if (object === undefined) throw new Error(`XAPI has no ${ref}`);
    return Settings.parse(this.getOtherConfig(ref), object.settings.scope);
  }

  readHostRule(host: Host): StoredHostRule {
    return parseHostRuleEntries(this.getOtherConfig(hostRef(host)));
  }
}

/** One session with XAPI, and the ways in which it can let one down. */
export class FakeToolstack implements Toolstack {
  readonly database: FakeXapiDatabase;
  /** Settings that were written, as `<uuid> <key>`. */
  readonly written: string[] = [];
  readonly announced: string[] = [];
  /** Answers no more after so many settings. */
  maxSettingWrites = Number.POSITIVE_INFINITY;
  failsToReadBack = false;
  refuseSetting: (step: SettingStep) => string | null = () => null;
  refuseKey: (write: OtherConfigWrite) => string | null = () => null;
  failsToAnnounce: (vm: Vm) => boolean = () => false;
  /** Every call goes through here; by itself XAPI carries it out at once. */
  call: <T>(effect: () => T, target: CallTarget) => Promise<T> = async (effect) => effect();
  constructor(
    pool: Inventory | FakeXapiDatabase,
    readonly journal: string[] = [],
    readonly host: Host = "host" in pool ? pool.host : pool.pool.host,
  ) {
    this.database = "host" in pool ? new FakeXapiDatabase(pool) : pool;
  }

  /** `other_config` of an object by its UUID. */
  getOtherConfig(uuid: string): Readonly<Record<string, string>> {
    const { pifs, vifs } = this.database.pool;
    const object = [...pifs, ...vifs].find((candidate) => candidate.uuid === uuid);
    return this.database.getOtherConfig(object?.ref ?? "");
  }

  /** The inventory as it is now. */
  currentInventory(): Inventory {
    return this.database.readInventory(this.host);
  }

  async readInventory(): Promise<Inventory> {
    return await this.call(() => this.currentInventory(), { ref: null });
  }

  async readDiagnostics(): Promise<XapiDiagnostics> {
    return { software: new Map(), networks: [] };
  }

  async countHosts(): Promise<number> {
    return this.database.pool.hosts.length;
  }

  async findBridge({ device }: Pif): Promise<string> {
    return `bridge of ${device}`;
  }

  async plugPif({ device }: Pif): Promise<string | null> {
    this.journal.push(`plug ${device}`);
    return null;
  }

  async readSettings(interfaces: readonly Interface[]): Promise<ReadonlyMap<string, Settings>> {
    this.journal.push("read back");
    if (this.failsToReadBack) throw unavailableError("xapi-unreachable", "XAPI does not answer");
    return await this.call(
      () => new Map(interfaces.map((iface) => [getUuid(iface) ?? "", this.database.readSettings(refOf(iface))])),
      { ref: null },
    );
  }

  async writeOtherConfig<W extends OtherConfigWrite>(
    writes: readonly W[],
    isStopped: () => boolean,
  ): Promise<readonly OtherConfigWriteOutcome<W>[]> {
    return await inOrder(
      writes,
      ({ owner }) => owner.ref,
      async (write) => {
        if (isStopped()) return { write, state: "unattempted", reason: "interrupted" };
        this.journal.push(`text ${write.to === null ? "removed" : "added"}`);
        const refusal = this.refuseKey(write);
        if (refusal !== null) return { write, state: "refused", reason: refusal };
        return { write, ...(await this.#applyWrite(write.owner.ref, write)) };
      },
    );
  }

  async writeSettings(steps: readonly SettingStep[], isStopped: () => boolean): Promise<readonly SettingOutcome[]> {
    return await inOrder(
      steps,
      ({ iface }) => refOf(iface),
      async (step) => {
        if (isStopped()) return { step, state: "unattempted", reason: "interrupted" };
        if (this.written.length >= this.maxSettingWrites) {
          return { step, state: "unattempted", reason: "XAPI does not answer" };
        }
        this.journal.push(`setting ${step.key}`);
        const refusal = this.refuseSetting(step);
        if (refusal !== null) return { step, state: "failed", reason: refusal };
        const outcome = await this.#applyWrite(refOf(step.iface), step);
        if (outcome.state === "written") this.written.push(`${getUuid(step.iface)} ${step.key}`);
        return { step, ...outcome };
      },
    );
  }

  /** Removes where there is a value, then adds. */
  async #applyWrite(
    ref: string,
    { key, from, to }: Pick<OtherConfigWrite, "key" | "from" | "to">,
  ): Promise<Pick<OtherConfigWriteOutcome, "state" | "reason">> {
    const { database } = this;
    if (from !== null) {
      await this.call(() => database.remove(ref, key), { ref, key, to: null });
    }
    if (to === null) return { state: "written", reason: "" };
    const refusal = await this.call(() => database.add(ref, key, to), { ref, key, to });
    if (refusal === null) return { state: "written", reason: "" };
    return { state: from === null ? "refused" : "failed", reason: refusal };
  }

  async announceVms(vms: readonly Vm[]): Promise<readonly string[]> {
    this.journal.push(`announce ${vms.map(({ name }) => name).join(" ")}`.trim());
    this.announced.push(...vms.map(({ uuid }) => uuid));
    return vms.filter(this.failsToAnnounce).map(({ name }) => `HANDLE_INVALID VM ${name}`);
  }
}

/** What a call is about: a key of an object, or a reading. */
export type CallTarget =
  | { readonly ref: null }
  | { readonly ref: string; readonly key: string; readonly to: string | null };

function refOf(iface: Interface): string {
  if (iface.kind === "unmanaged") throw new Error("XAPI does not know this device");
  return iface.kind === "pif" ? iface.pif.ref : iface.vif.ref;
}

/** Writes of one object one after the other, objects concurrently, outcomes in the order given. */
async function inOrder<W, T>(
  writes: readonly W[],
  objectOf: (write: W) => string,
  apply: (write: W) => Promise<T>,
): Promise<readonly T[]> {
  const outcomes = new Map<W, T>();
  const objects = Map.groupBy(writes, objectOf).values();
  await Promise.all(
    Iterator.from(objects).map(async (object) => {
      for (const write of object) outcomes.set(write, await apply(write));
    }),
  );
  return writes.flatMap((write) => {
    const outcome = outcomes.get(write);
    return outcome === undefined ? [] : [outcome];
  });
}
