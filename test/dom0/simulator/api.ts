import { classMethod } from "./class-methods.ts";
import type { Database } from "./database.ts";
import { ApiError } from "./errors.ts";
import { type Method, type MethodResult, method, VOID } from "./method.ts";
import { expectString, type RpcValue } from "./rpc-value.ts";
import { apiTime, type Sessions } from "./sessions.ts";

/** Messages that stand in the API and only say that they are gone (recorded 211). */
const REMOVED = new Set(["VIF_metrics.get_all_records"]);

/** The methods of the API over one database. */
export class Api {
  readonly #database: Database;
  readonly #sessions: Sessions;
  readonly #thisHost: () => string;

  /** `thisHost` is where logins come in. */
  constructor(database: Database, sessions: Sessions, thisHost: () => string) {
    this.#database = database;
    this.#sessions = sessions;
    this.#thisHost = thisHost;
  }

  /** Whether this simulator has the method. */
  serves(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Whether the method changes records. */
  writes(name: string): boolean {
    return this.#find(name)?.write ?? false;
  }

  /**
   * Does one call, or throws its ApiError. The order is that of the dispatcher xapi generates
   * (gen_server.ml): the number of parameters, their types, the session, the call itself.
   */
  call(name: string, parameters: readonly RpcValue[]): MethodResult {
    const found = this.#find(name);
    if (found === undefined) throw this.#unknownMethod(name, parameters);
    const given = parameters.length - (found.session ? 1 : 0);
    if (given < found.mandatory || (given > found.mandatory && !found.more)) {
      // Recorded 005 and 102; without even a session the number given is -1 (recorded 095).
      const counts = [String(found.mandatory), String(given)];
      throw new ApiError("MESSAGE_PARAMETER_COUNT_MISMATCH", name, ...counts);
    }
    if (!found.session) return found.prepare(parameters)("");
    const session = expectString(parameters[0]);
    const run = found.prepare(parameters.slice(1));
    this.#sessions.check(session);
    return run(session);
  }

  /** Recorded 097 and 101: the session is looked at first. */
  #unknownMethod(name: string, parameters: readonly RpcValue[]): ApiError {
    if (parameters.length > 0) this.#sessions.check(expectString(parameters[0]));
    return new ApiError("MESSAGE_METHOD_UNKNOWN", name);
  }

  #find(name: string): Method | undefined {
    if (REMOVED.has(name)) return removed();
    if (name === "session.login_with_password") return this.#login();
    if (name === "session.logout") return this.#logout();
    if (name === "session.get_by_uuid") return this.#sessionByUuid();
    if (name === "event.inject") return this.#inject();
    if (name === "host.get_servertime") return this.#serverTime();
    const [, className, methodName] = /^([^.]+)\.([^.]+)$/.exec(name) ?? [];
    if (className === undefined || methodName === undefined) return undefined;
    if (className === "session") return this.#sessionGetter(methodName);
    return classMethod(this.#database, className, methodName);
  }

  #login(): Method {
    const prepare: Method["prepare"] = ([uname, pwd, version, originator]) => {
      const userName = expectString(uname);
      expectString(pwd);
      if (version !== undefined) expectString(version);
      const origin = originator === undefined ? "" : expectString(originator);
      return () => ({
        result: this.#sessions.open(this.#thisHost(), userName, origin),
        records: 0,
      });
    };
    return { mandatory: 2, more: true, session: false, write: false, prepare };
  }

  #logout(): Method {
    return method(0, false, () => (session) => {
      this.#sessions.close(session);
      return VOID;
    });
  }

  #sessionGetter(name: string): Method | undefined {
    const field = /^get_(.+)$/.exec(name)?.[1];
    if (field === undefined || field.startsWith("all")) return undefined;
    return method(1, false, ([self]) => {
      const ref = expectString(self);
      return () => {
        const record = this.#sessions.record(ref);
        if (field === "record") return { result: record, records: 1 };
        const value = record[field];
        if (value === undefined) throw new ApiError("MESSAGE_METHOD_UNKNOWN", `session.${name}`);
        return { result: value, records: 1 };
      };
    });
  }

  #sessionByUuid(): Method {
    return method(1, false, ([wanted]) => {
      const uuid = expectString(wanted);
      return () => ({ result: this.#sessions.byUuid(uuid), records: 1 });
    });
  }

  #serverTime(): Method {
    return method(1, false, ([self]) => {
      const ref = expectString(self);
      return () => {
        this.#database.record("host", ref);
        return { result: apiTime(new Date()), records: 0 };
      };
    });
  }

  /**
   * By xapi_event.ml the class has to be the name of the table the reference is in,
   * otherwise HANDLE_INVALID (recordings-pool).
   */
  #inject(): Method {
    return method(2, false, ([wantedClass, wantedRef]) => {
      const [className, ref] = [expectString(wantedClass), expectString(wantedRef)];
      return () => {
        if (this.#database.classOf(ref) !== className) {
          throw new ApiError("HANDLE_INVALID", className, ref);
        }
        const before = this.#database.generation - 1;
        this.#database.touch(className, ref);
        return { result: `${twentyDigits(before)},${twentyDigits(0)}`, records: 1 };
      };
    });
  }
}

function removed(): Method {
  return method(0, false, () => () => {
    throw new ApiError("MESSAGE_REMOVED");
  });
}

function twentyDigits(count: number): string {
  return String(count).padStart(20, "0");
}
