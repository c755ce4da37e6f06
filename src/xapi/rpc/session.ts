import * as v from "valibot";
import { unavailableError } from "../../core/command-error.ts";
import type { SettingStep } from "../../core/disable/steps.ts";
import type { Interface } from "../../core/interface.ts";
import { findInventoryGap, type Inventory, type Pif, type Vm } from "../../core/inventory.ts";
import { compareNatural } from "../../core/natural-order.ts";
import type {
  OtherConfigWrite,
  OtherConfigWriteOutcome,
  SettingOutcome,
  Toolstack,
  XapiDiagnostics,
} from "../../core/ports.ts";
import type { Settings } from "../../core/settings.ts";
import type { ReadScope } from "../../core/targets/read-scope.ts";
import { readXapiDiagnostics } from "../diagnostics.ts";
import { buildInventory } from "../inventory/build-inventory.ts";
import { HostRecordsSchema, type PoolHost, parsePoolHosts } from "../inventory/hosts.ts";
import { readInventoryRecords } from "../inventory/read-inventory.ts";
import { RefsSchema } from "../inventory/schemas.ts";
import { parseError, XapiReadError, XapiReader } from "../inventory/xapi-reader.ts";
import { readSettings } from "../read-settings.ts";
import { writeOtherConfigKeys } from "../write-other-config.ts";
import { ConcurrencyLimiter } from "./concurrency-limiter.ts";
import { formatCallError, toXapiError } from "./errors.ts";
import { forEachConcurrent, MAX_CONCURRENT_CALLS } from "./for-each-concurrent.ts";
import type { CallResult } from "./reply.ts";
import { readServerTime } from "./server-time.ts";
import { XapiSocket } from "./socket.ts";

/** Names this program's sessions, so that XAPI counts them apart from everybody else's. */
const ORIGINATOR = "offload";

/** A login reads nothing: where it takes longer, XAPI hangs, as on a member without its coordinator. */
const LOGIN_TIMEOUT_SECONDS = 5;
const LOGOUT_TIMEOUT_SECONDS = 3;

/** A plug takes below a second (measured), but each script that networkd runs for it may take 60. */
const PLUG_TIMEOUT_SECONDS = 180;

/** An open session with the XAPI of this host. Close it in every case: sessions are limited. */
export class XapiSession implements Toolstack {
  readonly #limiter = new ConcurrencyLimiter(MAX_CONCURRENT_CALLS);
  readonly #reader = new XapiReader((method, ...params) => this.call(method, ...params));
  /** Set once a call had no reply in time: nothing waits for a XAPI that has fallen silent again. */
  #timeout: CallResult | null = null;

  private constructor(
    readonly socket: XapiSocket,
    readonly hostUuid: string,
    readonly sessionRef: string,
  ) {}

  /** Logs in as root, which the socket itself vouches for. */
  static async open(hostUuid: string, socket = new XapiSocket()): Promise<XapiSession> {
    const method = "session.login_with_password";
    const timeoutSeconds = Math.min(LOGIN_TIMEOUT_SECONDS, socket.timeoutSeconds);
    const login = await socket.call(method, ["root", "", "1.0", ORIGINATOR], timeoutSeconds);
    if (!login.ok) throw toXapiError(login.error, "login");
    const parsedRef = v.safeParse(v.string(), login.value);
    if (!parsedRef.success) throw toXapiError(parseError(method), "login");
    return new XapiSession(socket, hostUuid, parsedRef.output);
  }

  /** A call within this session, of which there are four at a time. After one that timed out, all fail as it did. */
  call(method: string, ...params: readonly unknown[]): Promise<CallResult> {
    return this.#limiter.run(async () => {
      if (this.#timeout !== null) return this.#timeout;
      const result = await this.socket.call(method, [this.sessionRef, ...params]);
      if (!result.ok && result.error.kind === "timeout") this.#timeout ??= result;
      return result;
    });
  }

  /** A call that may take longer, or that someone may no longer wait for: it waits for no other. */
  callWithTimeout(
    options: { readonly timeoutSeconds: number; readonly signal: AbortSignal },
    method: string,
    ...params: readonly unknown[]
  ): Promise<CallResult> {
    const { timeoutSeconds, signal } = options;
    return this.socket.call(method, [this.sessionRef, ...params], timeoutSeconds, signal);
  }

  readInventory(scope: ReadScope): Promise<Inventory> {
    return this.#read(async (reader) => {
      const records = await readInventoryRecords(reader, scope, this.hostUuid);
      const inventory = buildInventory(records, this.hostUuid);
      if (inventory === null) {
        throw new XapiReadError({ kind: "refused", code: "HOST_NOT_FOUND", params: [this.hostUuid] });
      }
      const gap = findInventoryGap(inventory);
      if (gap === null) return inventory;
      throw unavailableError(
        "inventory-incomplete",
        `${gap}; find it again with: xe pif-scan host-uuid=${this.hostUuid}`,
      );
    });
  }

  countHosts(): Promise<number> {
    return this.#read(async (reader) => (await reader.read(RefsSchema, "host.get_all")).length);
  }

  readDiagnostics(): Promise<XapiDiagnostics> {
    return this.#read((reader) => readXapiDiagnostics(reader, this.hostUuid));
  }

  readSettings(interfaces: readonly Interface[]): Promise<ReadonlyMap<string, Settings>> {
    return this.#read((reader) => readSettings(reader, interfaces));
  }

  writeOtherConfig<W extends OtherConfigWrite>(
    writes: readonly W[],
    isStopped: () => boolean,
    onOutcome?: (outcome: OtherConfigWriteOutcome<W>) => void,
  ): Promise<readonly OtherConfigWriteOutcome<W>[]> {
    return writeOtherConfigKeys((method, ...params) => this.call(method, ...params), writes, isStopped, onOutcome);
  }

  async writeSettings(
    steps: readonly SettingStep[],
    isStopped: () => boolean,
    onOutcome: (outcome: SettingOutcome) => void = () => {},
  ): Promise<readonly SettingOutcome[]> {
    const writes = steps.map((step) => ({ ...toOtherConfigWrite(step), step }));
    const outcomes = await this.writeOtherConfig(writes, isStopped, (outcome) => onOutcome(toSettingOutcome(outcome)));
    return outcomes.map(toSettingOutcome);
  }

  async announceVms(vms: readonly Vm[]): Promise<readonly string[]> {
    const errors: string[] = [];
    let unavailableReason: string | null = null;
    await forEachConcurrent(vms, async (vm) => {
      if (unavailableReason !== null) {
        errors.push(unavailableReason);
        return;
      }
      const result: CallResult = await this.call("event.inject", "VM", vm.ref);
      if (result.ok) return;
      const reason = formatCallError(result.error);
      errors.push(reason);
      if (result.error.kind !== "refused") unavailableReason = reason;
    });
    return errors;
  }

  /** The UUID of this session, by which others can see whether it is still open. */
  readSessionUuid(): Promise<string> {
    return this.#read((reader) => reader.read(v.string(), "session.get_uuid", this.sessionRef));
  }

  /** Whether a session of that UUID is open. */
  isSessionOpen(uuid: string): Promise<boolean> {
    return this.#read(async (reader) => {
      const ref = await reader.readOrNull(v.string(), "session.get_by_uuid", uuid);
      return ref !== null;
    });
  }

  /** The time on the pool's coordinator; it counts in seconds. */
  readCoordinatorTime(): Promise<Date> {
    return this.#read(readServerTime);
  }

  /** Every host of the pool by name, each with the VMs that run on it. */
  readPoolHosts(): Promise<readonly PoolHost[]> {
    return this.#read(async (reader) => {
      const records = await reader.read(HostRecordsSchema, "host.get_all_records");
      return parsePoolHosts(records).toSorted(
        (a, b) => compareNatural(a.name, b.name) || compareNatural(a.uuid, b.uuid),
      );
    });
  }

  findBridge({ network }: Pif): Promise<string> {
    return this.#read((reader) => reader.read(v.string(), "network.get_bridge", network));
  }

  async plugPif({ ref }: Pif): Promise<string | null> {
    const result = await this.socket.call("PIF.plug", [this.sessionRef, ref], PLUG_TIMEOUT_SECONDS);
    return result.ok ? null : formatCallError(result.error);
  }

  /**
   * Logs out. Without an answer there is nothing left to do: a XAPI that went away has forgotten
   * the session, and one that hangs ends it after 24 hours (xapi_session.ml).
   */
  async close(): Promise<void> {
    await this.socket.call("session.logout", [this.sessionRef], LOGOUT_TIMEOUT_SECONDS);
  }

  async #read<T>(read: (reader: XapiReader) => Promise<T>): Promise<T> {
    try {
      return await read(this.#reader);
    } catch (error) {
      if (error instanceof XapiReadError) throw toXapiError(error.error, "read");
      throw error;
    }
  }
}

function toOtherConfigWrite({ iface, key, from, to }: SettingStep): OtherConfigWrite {
  const owner: OtherConfigWrite["owner"] =
    iface.kind === "pif" ? { class: "PIF", ref: iface.pif.ref } : { class: "VIF", ref: iface.vif.ref };
  return { owner, key, from, to };
}

function toSettingOutcome({
  write,
  state,
  reason,
}: OtherConfigWriteOutcome<OtherConfigWrite & { readonly step: SettingStep }>): SettingOutcome {
  return { step: write.step, state, reason };
}
