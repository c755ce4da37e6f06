import * as v from "valibot";
import type { RecordStep } from "../../core/disable/steps.ts";
import type { Interface } from "../../core/interface.ts";
import type { Inventory, Pif, Vm } from "../../core/inventory.ts";
import { naturalOrder } from "../../core/natural-order.ts";
import type {
  Circumstances,
  InterfaceConfig,
  KeyOutcome,
  KeyWrite,
  RecordOutcome,
  Toolstack,
} from "../../core/ports.ts";
import { type Result, success } from "../../core/result.ts";
import type { ReadScope } from "../../core/targets/read-scope.ts";
import { readCircumstances } from "../circumstances.ts";
import { HostRecords, type PoolHost, poolHosts } from "../inventory/hosts.ts";
import { joinInventory } from "../inventory/inventory.ts";
import { readInventory } from "../inventory/read-inventory.ts";
import { misunderstood, Reader, ReadFailure } from "../inventory/reader.ts";
import { Refs } from "../inventory/values.ts";
import { writeKeys } from "../keys.ts";
import { readSettings } from "../settings.ts";
import { asFailure, sentenceOf } from "./errors.ts";
import type { CallResult } from "./reply.ts";
import { readServerTime } from "./server-time.ts";
import { AT_A_TIME, sideBySide } from "./side-by-side.ts";
import { XapiSocket } from "./socket.ts";
import { Turns } from "./turns.ts";

/** Names this program's sessions, so that XAPI counts them apart from everybody else's. */
const ORIGINATOR = "offload";

/** A login reads nothing: where it takes longer, XAPI hangs, as on a member without its coordinator. */
const SECONDS_TO_LOG_IN = 5;
const SECONDS_TO_LOG_OUT = 3;

/** A plug takes below a second (measured), but each script that networkd runs for it may take 60. */
const SECONDS_TO_PLUG = 180;
/** An open session with the XAPI of this host. Close it in every case: sessions are limited. */
export class XapiSession implements Toolstack {
  readonly #turns = new Turns(AT_A_TIME);
  readonly #reader = new Reader((method, ...params) => this.call(method, ...params));

  private constructor(
    readonly socket: XapiSocket,
    readonly hostUuid: string,
    readonly session: string,
  ) {}

  /** Logs in as root, which the socket itself vouches for. */
  static async open(hostUuid: string, socket = new XapiSocket()): Promise<Result<XapiSession>> {
    const method = "session.login_with_password";
    const seconds = Math.min(SECONDS_TO_LOG_IN, socket.patience);
    const login = await socket.call(method, ["root", "", "1.0", ORIGINATOR], seconds);
    if (!login.ok) return asFailure(login.error, "login");
    const session = v.safeParse(v.string(), login.value);
    return session.success
      ? success(new XapiSession(socket, hostUuid, session.output))
      : asFailure(misunderstood(method), "login");
  }

  /** A call within this session, of which there are four at a time. */
  call(method: string, ...params: readonly unknown[]): Promise<CallResult> {
    return this.#turns.take(() => this.socket.call(method, [this.session, ...params]));
  }

  /** A call that may take longer, or that somebody may no longer wait for: it waits for no other. */
  callFor(
    patience: { readonly seconds: number; readonly signal: AbortSignal },
    method: string,
    ...params: readonly unknown[]
  ): Promise<CallResult> {
    const { seconds, signal } = patience;
    return this.socket.call(method, [this.session, ...params], seconds, signal);
  }

  inventory(scope: ReadScope): Promise<Result<Inventory>> {
    return this.#read(async (reader) => {
      const raw = await readInventory(reader, scope, this.hostUuid);
      const joined = joinInventory(raw, this.hostUuid);
      if (joined !== null) return joined;
      throw new ReadFailure({ kind: "refused", code: "HOST_NOT_FOUND", params: [this.hostUuid] });
    });
  }

  countHosts(): Promise<Result<number>> {
    return this.#read(async (reader) => (await reader.value(Refs, "host.get_all")).length);
  }

  circumstances(): Promise<Result<Circumstances>> {
    return this.#read((reader) => readCircumstances(reader, this.hostUuid));
  }

  settingsOf(
    interfaces: readonly Interface[],
  ): Promise<Result<ReadonlyMap<string, InterfaceConfig>>> {
    return this.#read((reader) => readSettings(reader, interfaces));
  }

  writeKeys<W extends KeyWrite>(
    writes: readonly W[],
    isStopped: () => boolean,
    told?: (outcome: KeyOutcome<W>) => void,
  ): Promise<readonly KeyOutcome<W>[]> {
    return writeKeys(this, writes, isStopped, told);
  }

  async write(
    steps: readonly RecordStep[],
    isStopped: () => boolean,
    told: (outcome: RecordOutcome) => void = () => {},
  ): Promise<readonly RecordOutcome[]> {
    const writes = steps.map((step) => ({ ...keyWriteOf(step), step }));
    const outcomes = await this.writeKeys(writes, isStopped, (outcome) => told(asRecord(outcome)));
    return outcomes.map(asRecord);
  }

  async announce(vms: readonly Vm[]): Promise<readonly string[]> {
    const failed: string[] = [];
    let gone: string | null = null;
    await sideBySide(vms, async (vm) => {
      if (gone !== null) {
        failed.push(gone);
        return;
      }
      const injected: CallResult = await this.call("event.inject", "VM", vm.ref);
      if (injected.ok) return;
      const because = sentenceOf(injected.error);
      failed.push(because);
      if (injected.error.kind !== "refused") gone = because;
    });
    return failed;
  }

  /** The UUID of this session, by which others can see whether it is still open. */
  ownUuid(): Promise<Result<string>> {
    return this.#read((reader) => reader.value(v.string(), "session.get_uuid", this.session));
  }

  /** Whether a session of that UUID is open. */
  isOpen(uuid: string): Promise<Result<boolean>> {
    return this.#read(async (reader) => {
      const ref = await reader.valueIfThere(v.string(), "session.get_by_uuid", uuid);
      return ref !== null;
    });
  }

  /** The time on the pool's coordinator; it counts in seconds. */
  serverTime(): Promise<Result<Date>> {
    return this.#read(readServerTime);
  }

  /** Every host of the pool by name, each with the VMs that run on it. */
  residentVms(): Promise<Result<readonly PoolHost[]>> {
    return this.#read(async (reader) => {
      const records = await reader.value(HostRecords, "host.get_all_records");
      return poolHosts(records).toSorted(
        (a, b) => naturalOrder(a.name, b.name) || naturalOrder(a.uuid, b.uuid),
      );
    });
  }

  bridgeOf({ network }: Pif): Promise<Result<string>> {
    return this.#read((reader) => reader.value(v.string(), "network.get_bridge", network));
  }

  async plug({ ref }: Pif): Promise<string | null> {
    const answer = await this.socket.call("PIF.plug", [this.session, ref], SECONDS_TO_PLUG);
    return answer.ok ? null : sentenceOf(answer.error);
  }

  /**
   * Logs out. Without an answer there is nothing left to do: a XAPI that went away has forgotten
   * the session, and one that hangs ends it after 24 hours (xapi_session.ml).
   */
  async close(): Promise<void> {
    await this.socket.call("session.logout", [this.session], SECONDS_TO_LOG_OUT);
  }

  async #read<T>(work: (reader: Reader) => Promise<T>): Promise<Result<T>> {
    try {
      return success(await work(this.#reader));
    } catch (error) {
      if (error instanceof ReadFailure) return asFailure(error.error, "read");
      throw error;
    }
  }
}

function keyWriteOf({ subject, key, from, to }: RecordStep): KeyWrite {
  const owner: KeyWrite["owner"] =
    subject.kind === "pif"
      ? { class: "PIF", ref: subject.pif.ref }
      : { class: "VIF", ref: subject.vif.ref };
  return { owner, key, from, to };
}

function asRecord({
  write,
  state,
  because,
}: KeyOutcome<KeyWrite & { readonly step: RecordStep }>): RecordOutcome {
  return { step: write.step, state, because };
}
