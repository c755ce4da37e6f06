import type fc from "fast-check";
import { FEATURE_NAMES, type Feature } from "../../src/core/features.ts";
import type { Host } from "../../src/core/inventory.ts";
import { parseInterfaceEntries } from "../../src/core/policy-entries.ts";
import { indexInterfaces } from "../../src/core/targets/targets.ts";
import { ALPHA, BETA, config, haltedVm, inventory, NIC_ON, pif, uuidFor, VIF_ON, vif, vm } from "../builders/hosts.ts";
import { FakeHost } from "./change-host.ts";
import type { CallTarget } from "./toolstack.ts";
import { FakeXapiDatabase, hostRef } from "./toolstack.ts";

const GAMMA: Host = { uuid: uuidFor("host gamma"), name: "gamma" };
const HOSTS = [ALPHA, BETA, GAMMA] as const;
const NICS = HOSTS.map((host) => pif("eth0", { host }));
const web = vm("web", { domid: 3 });
const db = haltedVm("db");
const VIFS = [
  vif(web, "0", { otherConfig: config({ "ethtool-tx": "on", "xo:id": "web" }) }),
  vif(db, "0", {
    attached: false,
    otherConfig: config({ "ethtool-tso": "true", "ethtool-gso": "false", mine: "x" }),
  }),
  vif(db, "1", { attached: false }),
];

/** The places among which a run chooses: its own NIC, then the VIFs that all hosts see. */
export const TARGET_NAMES = ["nic", "web", "db 0", "db 1"] as const;

/** One run of a command on one host. It is killed as it makes the call of that number. */
export interface Run {
  readonly command: "disable" | "restore";
  readonly targets: readonly (typeof TARGET_NAMES)[number][];
  /** Empty stands for every feature. */
  readonly features: readonly Feature[];
  readonly rule: boolean;
  readonly killedAtCall: number | null;
  /** Whether XAPI carries out what the killed run had asked for, sooner or later. */
  readonly isAppliedLate: boolean;
}

/** What another client does to one key. */
export interface OtherClientWrite {
  readonly target: Exclude<(typeof TARGET_NAMES)[number], "nic">;
  readonly key: string;
  readonly value: string | null;
}

interface CommandRun {
  readonly run: Run;
  readonly refs: ReadonlySet<string>;
  calls: number;
  waiting: number;
  isDead: boolean;
  hasEnded: boolean;
  /** When it read, and when its last call was carried out. */
  readAt: number;
  lastAt: number;
}

/** A pool whose hosts work on one database at once; after every change it is checked. */
export class ContestedPool {
  readonly database: FakeXapiDatabase;
  readonly hosts: readonly FakeHost[];
  /**
   * Objects of which a restore has removed the texts while someone else was about to write settings:
   * XAPI has no way to make one of the two wait.
   */
  readonly expectedConflicts = new Set<string>();
  /** Settings that another client wrote, as `<ref> <key>`, with every value that it gave them. */
  readonly changedByOthers = new Map<string, Set<string | null>>();
  readonly #initial: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly #thirdPartyKeys: ReadonlyMap<string, Map<string, string>>;
  readonly #requests: ReadonlyMap<FakeHost, ReturnType<FakeHost["requests"]>>;
  readonly #processes: CommandRun[] = [];
  #violation: Error | null = null;
  #time = 0;

  constructor(
    readonly scheduler: fc.Scheduler,
    hosts: number,
  ) {
    const pool = inventory({ hosts: HOSTS, pifs: NICS, vms: [web, db], vifs: VIFS });
    this.database = new FakeXapiDatabase(pool);
    this.hosts = HOSTS.slice(0, hosts).map((host) => {
      const devices = host === ALPHA ? { eth0: NIC_ON, "vif3.0": VIF_ON } : { eth0: NIC_ON };
      return new FakeHost(this.database, devices, { host });
    });
    this.#initial = new Map(this.database.refs.map((ref) => [ref, this.database.getOtherConfig(ref)]));
    this.#thirdPartyKeys = new Map(
      [...this.#initial].map(([ref, otherConfig]) => [
        ref,
        new Map(Object.entries(otherConfig).filter(isThirdPartyKey)),
      ]),
    );
    this.#requests = new Map(this.hosts.map((host) => [host, host.requests()]));
    this.database.onChange = (ref) => this.#check(ref);
  }

  /** Carries out runs, those of one host one after the other, and whatever is late. */
  async runConcurrently(runs: readonly (readonly Run[])[], writes: readonly OtherClientWrite[]): Promise<void> {
    const hosts = this.hosts.map(async (host, index) => {
      for (const run of runs[index] ?? []) await this.#runCommand(host, run);
    });
    await this.scheduler.waitFor(Promise.all([...hosts, this.#writeAsOtherClient(writes)]));
    await this.scheduler.waitIdle();
    if (this.#violation !== null) throw this.#violation;
  }

  /** Restores everything on every host, until nothing changes. */
  async restoreUntilStable(): Promise<void> {
    for (let round = 1; ; round += 1) {
      const before = this.contents();
      for (const host of this.hosts) {
        host.toolstack.call = async (effect) => effect();
        await host.restore();
      }
      if (this.#violation !== null) throw this.#violation;
      if (this.contents() === before) return;
      if (round > 3) throw new Error(`still changing: ${before} ${this.contents()}`);
    }
  }

  /** What is not as it was, once everything has been restored. */
  differences(): readonly string[] {
    const found = this.database.refs.flatMap((ref) => {
      const [now, before] = [this.database.getOtherConfig(ref), this.#initial.get(ref) ?? {}];
      const isChangedByOthers = [...this.changedByOthers.keys()].some((name) => name.startsWith(`${ref} `));
      const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
      return [...keys].flatMap((key) => {
        if (isThirdPartyKey([key]) || this.expectedConflicts.has(ref)) return [];
        if (key.startsWith("offload-")) return isChangedByOthers ? [] : [`${ref} keeps ${key}`];
        const values = this.changedByOthers.get(`${ref} ${key}`);
        const [current, original] = [now[key] ?? null, before[key] ?? null];
        const isFine = values === undefined ? current === original : isAmong(current, [original, ...values]);
        return isFine ? [] : [`${ref} ${key}: ${original} became ${current}`];
      });
    });
    for (const [host, before] of this.#requests) {
      if (!Bun.deepEquals(host.requests(), before)) found.push("a device is not as it was");
    }
    return found;
  }

  /** `other_config` of an object, the NIC being that of the first host. */
  readSettings(target: (typeof TARGET_NAMES)[number]): Readonly<Record<string, string>> {
    return this.database.getOtherConfig(this.#findObject(target, this.hosts[0] ?? null).ref);
  }

  /** All of XAPI's database. */
  contents(): string {
    return JSON.stringify(this.database.refs.map((ref) => this.database.getOtherConfig(ref)));
  }

  async #runCommand(host: FakeHost, run: Run): Promise<void> {
    const objects = run.targets.map((place) => this.#findObject(place, host));
    const refs = new Set(objects.map(({ ref }) => ref));
    const counts = { calls: 0, waiting: 0, readAt: this.#time, lastAt: this.#time };
    const process = { run, refs, ...counts, isDead: false, hasEnded: false };
    this.#processes.push(process);
    await new Promise<void>((end, fail) => {
      host.toolstack.call = (effect, about) => this.#call(process, effect, about, end);
      const uuids = new Set(objects.map(({ uuid }) => uuid));
      this.#applyCommand(host, run, uuids).then(end, fail);
    });
    process.hasEnded = true;
  }

  async #applyCommand(host: FakeHost, run: Run, targets: ReadonlySet<string>): Promise<void> {
    const read = await host.toolstack.readInventory();
    const rule = run.rule ? { nics: [], vifs: [] } : null;
    if (run.command === "restore") {
      const features = run.features.length === 0 ? null : run.features;
      await host.restore({ features, targets, rule }, read);
      return;
    }
    const interfaces = [...indexInterfaces(read)].flatMap(([uuid, iface]) => (targets.has(uuid) ? [iface] : []));
    await host.disable(
      {
        features: run.features.length === 0 ? FEATURE_NAMES : run.features,
        groups: { nics: run.rule, vifs: run.rule },
      },
      read,
      interfaces,
    );
  }

  /** A call whose time comes; one of a killed run is carried out late or never, and answered never. */
  async #call<T>(process: CommandRun, effect: () => T, about: CallTarget, end: () => void): Promise<T> {
    process.calls += 1;
    if (process.calls === process.run.killedAtCall) {
      process.isDead = true;
      end();
    }
    process.waiting += 1;
    await this.scheduler.schedule(Promise.resolve(), describe(process, about));
    process.waiting -= 1;
    if (process.isDead && !process.run.isAppliedLate) return await NEVER;
    this.#time += 1;
    process.lastAt = this.#time;
    if (about.ref !== null && about.to === null) this.#expectConflict(process, about.ref, about.key);
    const answer = effect();
    return process.isDead ? await NEVER : answer;
  }

  #expectConflict(process: CommandRun, ref: string, key: string): void {
    if (process.run.command !== "restore" || !key.startsWith("offload-")) return;
    const others = this.#processes.filter(
      (other) =>
        other !== process &&
        other.refs.has(ref) &&
        (!other.hasEnded || (other.isDead && other.waiting > 0) || other.lastAt > process.readAt),
    );
    if (others.length > 0) this.expectedConflicts.add(ref);
  }

  async #writeAsOtherClient(writes: readonly OtherClientWrite[]): Promise<void> {
    for (const { target, key, value } of writes) {
      const { ref } = this.#findObject(target, null);
      await this.scheduler.schedule(Promise.resolve(), `client: ${ref} ${key}=${value}`);
      const name = `${ref} ${key}`;
      if (isThirdPartyKey([key])) {
        if (value === null) this.#thirdPartyKeys.get(ref)?.delete(key);
        else this.#thirdPartyKeys.get(ref)?.set(key, value);
      } else this.changedByOthers.set(name, (this.changedByOthers.get(name) ?? new Set()).add(value));
      if (value === null) this.database.remove(ref, key);
      else this.database.set(ref, key, value);
    }
  }

  #findObject(target: (typeof TARGET_NAMES)[number], host: FakeHost | null) {
    const vifs = { web: VIFS[0], "db 0": VIFS[1], "db 1": VIFS[2] };
    const found = target === "nic" ? NICS.find((nic) => nic.host.uuid === host?.toolstack.host.uuid) : vifs[target];
    if (found === undefined) throw new Error(`there is no ${target}`);
    return found;
  }

  /** The first moment that is wrong is kept: a process that it is thrown at would only go on. */
  #check(ref: string): void {
    if (HOSTS.some((host) => hostRef(host) === ref)) return;
    const now = this.database.getOtherConfig(ref);
    const { value, problem } = parseInterfaceEntries(now);
    const problems: string[] = [];
    if (problem !== null) problems.push(problem);
    const thirdPartyKeys = Object.fromEntries(Object.entries(now).filter(isThirdPartyKey));
    if (!Bun.deepEquals(thirdPartyKeys, Object.fromEntries(this.#thirdPartyKeys.get(ref) ?? []))) {
      problems.push("a key of someone else has changed");
    }
    for (const feature of this.expectedConflicts.has(ref) ? [] : FEATURE_NAMES) {
      const key = `ethtool-${feature}`;
      if (this.changedByOthers.has(`${ref} ${key}`)) continue;
      const before = this.#initial.get(ref)?.[key] ?? null;
      const original = value.get(feature)?.original;
      if (original && original.setting !== before) problems.push(`the original of ${key} is wrong`);
      if (!original && (now[key] ?? null) !== before) problems.push(`no original of ${key}`);
    }
    if (problems.length > 0) {
      this.#violation ??= new Error(`${ref}: ${problems.join("; ")}: ${JSON.stringify(now)}`);
    }
  }
}

const NEVER = new Promise<never>(() => {});

function isThirdPartyKey([key]: readonly [string, ...unknown[]]): boolean {
  return !key.startsWith("offload-") && !FEATURE_NAMES.some((feature) => key === `ethtool-${feature}`);
}

/** Whether a setting that another client has changed means what it may mean. */
function isAmong(now: string | null, values: readonly (string | null)[]): boolean {
  return values.some((value) => value === now || (now === "off" && value === "false"));
}

function describe({ run }: CommandRun, about: CallTarget): string {
  if (about.ref === null) return `${run.command}: read`;
  return `${run.command}: ${about.to === null ? "remove" : "add"} ${about.key} of ${about.ref}`;
}
