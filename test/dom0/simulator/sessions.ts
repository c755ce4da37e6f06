import { ApiError } from "./errors.ts";
import type { JsonObject } from "./json.ts";

/** The sessions that are open. The Unix socket lets root in without looking at the password. */
export class Sessions {
  readonly #records = new Map<string, JsonObject>();

  /** How many are open, without those that xapi gives a plugin: they end with its call. */
  get count(): number {
    return [...this.#records.values()].filter((record) => record["auth_user_name"] !== "").length;
  }

  /** Opens a session of a host and returns its reference; the record has the fields of recorded 009. */
  open(thisHost: string, userName = "", originator = ""): string {
    const ref = `OpaqueRef:${crypto.randomUUID()}`;
    const now = apiTime(new Date());
    this.#records.set(ref, {
      uuid: crypto.randomUUID(),
      this_host: thisHost,
      this_user: "OpaqueRef:NULL",
      last_active: now,
      pool: false,
      other_config: {},
      is_local_superuser: true,
      subject: "OpaqueRef:NULL",
      validation_time: now,
      auth_user_sid: "",
      auth_user_name: userName,
      rbac_permissions: [],
      tasks: [],
      parent: "OpaqueRef:NULL",
      originator,
      client_certificate: false,
    });
    return ref;
  }

  /** SESSION_INVALID unless the session is open (recorded 091-094, 226). */
  check(ref: string): void {
    if (!this.#records.has(ref)) throw new ApiError("SESSION_INVALID", ref);
  }

  /** The record of an open session. */
  record(ref: string): JsonObject {
    const record = this.#records.get(ref);
    if (record === undefined) throw new ApiError("HANDLE_INVALID", "session", ref);
    return record;
  }

  /** Whether a session of that UUID is open. */
  has(uuid: string): boolean {
    return [...this.#records.values()].some((record) => record["uuid"] === uuid);
  }

  /** The open session of that UUID; what a closed one had is UUID_INVALID (recordings-design). */
  byUuid(uuid: string): string {
    const found = [...this.#records].find(([, record]) => record["uuid"] === uuid);
    if (found === undefined) throw new ApiError("UUID_INVALID", "session", uuid);
    return found[0];
  }

  /** Closes a session. */
  close(ref: string): void {
    this.#records.delete(ref);
  }

  /** Closes all of them, as xapi does that starts anew. */
  closeAll(): void {
    this.#records.clear();
  }
}

/** A moment as XAPI writes it, `20261122T13:38:50Z`. */
export function apiTime(moment: Date): string {
  return `${moment.toISOString().slice(0, 19).replaceAll("-", "")}Z`;
}
