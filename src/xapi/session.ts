import * as v from "valibot";
import type { Inventory, OtherConfig, Vm } from "../offload/inventory.ts";
import type { RecordStep } from "../offload/plan.ts";
import type { Circumstances, RecordOutcome, Toolstack } from "../offload/ports.ts";
import { type Result, success } from "../offload/result.ts";
import { asFailure, sentenceOf } from "./errors.ts";
import { joinInventory, OtherConfigs, Records, type RecordsOf } from "./inventory.ts";
import { writeRecords } from "./records.ts";
import type { CallError, CallResult } from "./reply.ts";
import { sideBySide } from "./side-by-side.ts";
import { XapiSocket } from "./socket.ts";

/** Names this program's sessions, so that XAPI counts them apart from everybody else's. */
const ORIGINATOR = "offload";

const SECONDS_TO_LOG_OUT = 3;

/** Snapshots come by the hundred where backups are made, and none can be a target. */
const NO_SNAPSHOTS = 'field "is_a_snapshot" = "false"';

/** An open session with the XAPI of this host. Close it in every case: sessions are limited. */
export class XapiSession implements Toolstack {
  private constructor(
    readonly socket: XapiSocket,
    readonly hostUuid: string,
    readonly session: string,
  ) {}

  /** Logs in as root, which the socket itself vouches for. */
  static async open(hostUuid: string, socket = new XapiSocket()): Promise<Result<XapiSession>> {
    const login = await socket.call("session.login_with_password", ["root", "", "1.0", ORIGINATOR]);
    if (!login.ok) return asFailure(login.error, "login");
    const session = v.safeParse(v.string(), login.value);
    return session.success
      ? success(new XapiSession(socket, hostUuid, session.output))
      : asFailure(malformed("session.login_with_password"), "login");
  }

  /** A call within this session. */
  call(method: string, ...params: readonly unknown[]): Promise<CallResult> {
    return this.socket.call(method, [this.session, ...params]);
  }

  /** The same for a call that may take longer, or that somebody may no longer wait for. */
  callFor(
    patience: { readonly seconds: number; readonly signal: AbortSignal },
    method: string,
    ...params: readonly unknown[]
  ): Promise<CallResult> {
    const { seconds, signal } = patience;
    return this.socket.call(method, [this.session, ...params], seconds, signal);
  }

  /** Four reads, whatever the size of the pool. */
  async inventory(): Promise<Result<Inventory>> {
    const [host, PIF, VM, VIF] = await Promise.all([
      this.#records("host", "host.get_all_records"),
      this.#records("PIF", "PIF.get_all_records"),
      this.#records("VM", "VM.get_all_records_where", NO_SNAPSHOTS),
      this.#records("VIF", "VIF.get_all_records"),
    ]);
    if (!host.ok) return asFailure(host.error, "read");
    if (!PIF.ok) return asFailure(PIF.error, "read");
    if (!VM.ok) return asFailure(VM.error, "read");
    if (!VIF.ok) return asFailure(VIF.error, "read");
    const raw = { host: host.value, PIF: PIF.value, VM: VM.value, VIF: VIF.value };
    const joined = joinInventory(raw, this.hostUuid);
    if (joined !== null) return success(joined);
    const error: CallError = { kind: "refused", code: "HOST_NOT_FOUND", params: [this.hostUuid] };
    return asFailure(error, "read");
  }

  /** Two reads, whatever the size of the pool. */
  async circumstances(): Promise<Result<Circumstances>> {
    const [versions, network] = await Promise.all([
      this.#records("versions", "host.get_all_records"),
      this.#records("network", "network.get_all_records"),
    ]);
    if (!versions.ok) return asFailure(versions.error, "read");
    if (!network.ok) return asFailure(network.error, "read");
    const host = Object.values(versions.value).find(({ uuid }) => uuid === this.hostUuid);
    return success({
      software: new Map(Object.entries(host?.software_version ?? {})),
      networks: Object.values(network.value).map(({ uuid, name_label, bridge, other_config }) => ({
        uuid,
        name: name_label,
        bridge,
        otherConfig: new Map(Object.entries(other_config)),
      })),
    });
  }

  /** Two reads, whatever the size of the pool. */
  async recordsByUuid(): Promise<Result<ReadonlyMap<string, OtherConfig>>> {
    const [PIF, VIF] = await Promise.all([
      this.#records("PIF", "PIF.get_all_records"),
      this.#records("VIF", "VIF.get_all_records"),
    ]);
    if (!PIF.ok) return asFailure(PIF.error, "read");
    if (!VIF.ok) return asFailure(VIF.error, "read");
    const all = [...Object.values(PIF.value), ...Object.values(VIF.value)];
    const configs = new OtherConfigs();
    return success(new Map(all.map((record) => [record.uuid, configs.of(record.other_config)])));
  }

  write(
    steps: readonly RecordStep[],
    isStopped: () => boolean,
    told?: (outcome: RecordOutcome) => void,
  ): Promise<readonly RecordOutcome[]> {
    return writeRecords(this, steps, isStopped, told);
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

  /**
   * Logs out. Without an answer there is nothing left to do: a XAPI that went away has forgotten
   * the session, and one that hangs ends it after 24 hours (xapi_session.ml).
   */
  async close(): Promise<void> {
    await this.socket.call("session.logout", [this.session], SECONDS_TO_LOG_OUT);
  }

  async #records<C extends keyof typeof Records>(
    name: C,
    method: string,
    ...params: readonly unknown[]
  ): Promise<
    { readonly ok: true; readonly value: RecordsOf<C> } | { ok: false; readonly error: CallError }
  > {
    const answer = await this.call(method, ...params);
    if (!answer.ok) return answer;
    const parsed = v.safeParse(Records[name], answer.value);
    return parsed.success
      ? { ok: true, value: parsed.output }
      : { ok: false, error: malformed(method, v.getDotPath(parsed.issues[0]) ?? undefined) };
  }
}

function malformed(method: string, where?: string): CallError {
  const because = `its answer to ${method} is not understood${where === undefined ? "" : ` (${where})`}`;
  return { kind: "broken", status: 200, because };
}
