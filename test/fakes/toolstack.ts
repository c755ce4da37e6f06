import type { RecordStep } from "../../src/core/disable/steps.ts";
import { type Interface, uuidOf } from "../../src/core/interface.ts";
import type { Host, Inventory, Pif, Vm } from "../../src/core/inventory.ts";
import { readInterfaceTexts, readRuleTexts, type StoredRule } from "../../src/core/policy-text.ts";
import type {
  Circumstances,
  InterfaceConfig,
  KeyOutcome,
  KeyWrite,
  RecordOutcome,
  Toolstack,
} from "../../src/core/ports.ts";
import { type Result, success, unavailable } from "../../src/core/result.ts";

/** XAPI's handle of a host, which no inventory has. */
export function hostRef({ uuid }: Pick<Host, "uuid">): string {
  return `OpaqueRef:${uuid}`;
}

/** XAPI's database: every key of `other_config` of every object, by the object's reference. */
export class MemoryDatabase {
  readonly #configs: ReadonlyMap<string, Map<string, string>>;
  /** Hears of every change. */
  onChange: (ref: string) => void = () => {};

  constructor(readonly pool: Inventory) {
    const objects = [...pool.pifs, ...pool.vifs];
    this.#configs = new Map([
      ...objects.map(({ ref, otherConfig }) => [ref, new Map(otherConfig)] as const),
      ...pool.hosts.map((host) => [hostRef(host), new Map<string, string>()] as const),
    ]);
  }

  /** The references of all objects. */
  get refs(): readonly string[] {
    return [...this.#configs.keys()];
  }

  /** `other_config` of an object, as it is now. */
  of(ref: string): Readonly<Record<string, string>> {
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

  /** What somebody else does who does not look first. */
  set(ref: string, key: string, value: string): void {
    this.#configs.get(ref)?.set(key, value);
    this.onChange(ref);
  }

  /** What a read of everything gives on a host, put together as it is at XAPI's border. */
  read(host: Host): Inventory {
    return {
      ...this.pool,
      host,
      hostRef: hostRef(host),
      hostStored: this.ruleOf(host),
      pifs: this.pool.pifs.map((one) => ({ ...one, ...this.settingsOf(one.ref) })),
      vifs: this.pool.vifs.map((one) => ({ ...one, ...this.settingsOf(one.ref) })),
    };
  }

  settingsOf(ref: string): InterfaceConfig {
    const config = this.of(ref);
    const settings = Object.entries(config).filter(([key]) => /^ethtool/i.test(key));
    return { otherConfig: new Map(settings), stored: readInterfaceTexts(config) };
  }

  ruleOf(host: Host): StoredRule {
    return readRuleTexts(this.of(hostRef(host)));
  }
}

/** One session with XAPI, and the ways in which it can let one down. */
export class MemoryToolstack implements Toolstack {
  readonly database: MemoryDatabase;
  /** Settings that were written, as `<uuid> <key>`. */
  readonly written: string[] = [];
  readonly announced: string[] = [];
  /** Answers no more after so many settings. */
  diesAfter = Number.POSITIVE_INFINITY;
  readBackFails = false;
  refuses: (step: RecordStep) => string | null = () => null;
  refusesKey: (write: KeyWrite) => string | null = () => null;
  deafTo: (vm: Vm) => boolean = () => false;
  /** Every call goes through here; by itself XAPI carries it out at once. */
  call: <T>(effect: () => T, about: CallSubject) => Promise<T> = async (effect) => effect();
  constructor(
    pool: Inventory | MemoryDatabase,
    readonly journal: string[] = [],
    readonly host: Host = "host" in pool ? pool.host : pool.pool.host,
  ) {
    this.database = "host" in pool ? new MemoryDatabase(pool) : pool;
  }

  /** `other_config` of an object by its UUID. */
  configOf(uuid: string): Readonly<Record<string, string>> {
    const { pifs, vifs } = this.database.pool;
    const object = [...pifs, ...vifs].find((one) => one.uuid === uuid);
    return this.database.of(object?.ref ?? "");
  }

  /** The inventory as it is now. */
  now(): Inventory {
    return this.database.read(this.host);
  }

  async inventory(): Promise<Result<Inventory>> {
    return success(await this.call(() => this.now(), { ref: null }));
  }

  async circumstances(): Promise<Result<Circumstances>> {
    return success({ software: new Map(), networks: [] });
  }

  async countHosts(): Promise<Result<number>> {
    return success(this.database.pool.hosts.length);
  }

  async bridgeOf({ device }: Pif): Promise<Result<string>> {
    return success(`bridge of ${device}`);
  }

  async plug({ device }: Pif): Promise<string | null> {
    this.journal.push(`plug ${device}`);
    return null;
  }

  async settingsOf(
    interfaces: readonly Interface[],
  ): Promise<Result<ReadonlyMap<string, InterfaceConfig>>> {
    this.journal.push("read back");
    if (this.readBackFails) return unavailable("xapi-unreachable", "XAPI does not answer");
    return success(
      await this.call(
        () =>
          new Map(
            interfaces.map((iface) => [
              uuidOf(iface) ?? "",
              this.database.settingsOf(refOf(iface)),
            ]),
          ),
        { ref: null },
      ),
    );
  }

  async writeKeys<W extends KeyWrite>(
    writes: readonly W[],
    isStopped: () => boolean,
  ): Promise<readonly KeyOutcome<W>[]> {
    return await inOrder(
      writes,
      ({ owner }) => owner.ref,
      async (write) => {
        if (isStopped()) return { write, state: "unattempted", because: "interrupted" };
        this.journal.push(`text ${write.to === null ? "removed" : "added"}`);
        const refusal = this.refusesKey(write);
        if (refusal !== null) return { write, state: "refused", because: refusal };
        return { write, ...(await this.#write(write.owner.ref, write)) };
      },
    );
  }

  async write(
    steps: readonly RecordStep[],
    isStopped: () => boolean,
  ): Promise<readonly RecordOutcome[]> {
    return await inOrder(
      steps,
      ({ subject }) => refOf(subject),
      async (step) => {
        if (isStopped()) return { step, state: "unattempted", because: "interrupted" };
        if (this.written.length >= this.diesAfter) {
          return { step, state: "unattempted", because: "XAPI does not answer" };
        }
        this.journal.push(`setting ${step.key}`);
        const refusal = this.refuses(step);
        if (refusal !== null) return { step, state: "failed", because: refusal };
        const outcome = await this.#write(refOf(step.subject), step);
        if (outcome.state === "written") this.written.push(`${uuidOf(step.subject)} ${step.key}`);
        return { step, ...outcome };
      },
    );
  }

  /** Removes where there is a value, then adds. */
  async #write(
    ref: string,
    { key, from, to }: Pick<KeyWrite, "key" | "from" | "to">,
  ): Promise<Pick<KeyOutcome, "state" | "because">> {
    const { database } = this;
    if (from !== null) {
      await this.call(() => database.remove(ref, key), { ref, key, to: null });
    }
    if (to === null) return { state: "written", because: "" };
    const refusal = await this.call(() => database.add(ref, key, to), { ref, key, to });
    if (refusal === null) return { state: "written", because: "" };
    return { state: from === null ? "refused" : "failed", because: refusal };
  }

  async announce(vms: readonly Vm[]): Promise<readonly string[]> {
    this.journal.push(`announce ${vms.map(({ name }) => name).join(" ")}`.trim());
    this.announced.push(...vms.map(({ uuid }) => uuid));
    return vms.filter(this.deafTo).map(({ name }) => `HANDLE_INVALID VM ${name}`);
  }
}

/** What a call is about: a key of an object, or a reading. */
export type CallSubject =
  | { readonly ref: null }
  | { readonly ref: string; readonly key: string; readonly to: string | null };

function refOf(iface: Interface): string {
  if (iface.kind === "bare") throw new Error("XAPI does not know this device");
  return iface.kind === "pif" ? iface.pif.ref : iface.vif.ref;
}

/** Writes of one object one after the other, objects concurrently, outcomes in the order given. */
async function inOrder<W, T>(
  writes: readonly W[],
  objectOf: (write: W) => string,
  carryOut: (write: W) => Promise<T>,
): Promise<readonly T[]> {
  const outcomes = new Map<W, T>();
  const objects = Map.groupBy(writes, objectOf).values();
  await Promise.all(
    Iterator.from(objects).map(async (object) => {
      for (const write of object) outcomes.set(write, await carryOut(write));
    }),
  );
  return writes.flatMap((write) => {
    const outcome = outcomes.get(write);
    return outcome === undefined ? [] : [outcome];
  });
}
