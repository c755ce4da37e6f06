import { ApiError } from "./errors.ts";
import type { Json } from "./json.ts";
import type { RpcValue } from "./rpc-value.ts";

/** What a call gave, and how many records were read for it. */
export interface MethodResult {
  result: Json;
  records: number;
  /** How many records a filter looked at. */
  rows?: number;
}

/**
 * A method that is carried out beside the database, on a host: it takes as long as that host takes, and
 * keeps nobody else waiting.
 */
export interface HostMethod {
  write: boolean;
  /** Does one call of an open session, or throws its ApiError. */
  run(session: string, parameters: readonly RpcValue[]): Promise<Json>;
}

/** Refuses a call of a host method that has another number of parameters. */
export function expectCount(name: string, parameters: readonly RpcValue[], count: number): void {
  if (parameters.length === count) return;
  const counts = [String(count), String(parameters.length)];
  throw new ApiError("MESSAGE_PARAMETER_COUNT_MISMATCH", name, ...counts);
}

/** One method of the API. */
export interface Method {
  /** Parameters it needs, the session not counted. */
  mandatory: number;
  /** Whether more parameters may follow; login takes any number of them (recorded 007). */
  more: boolean;
  /** Whether the first parameter is a session. */
  session: boolean;
  /** Whether it changes records. */
  write: boolean;
  /** Takes the parameters in, in their order, and returns what is to be done once the session is checked. */
  prepare(parameters: readonly RpcValue[]): (session: string) => MethodResult;
}

/** A method with a session and a fixed number of parameters. */
export function method(mandatory: number, write: boolean, prepare: Method["prepare"]): Method {
  return { mandatory, more: false, session: true, write, prepare };
}

/** What a call returns that gives nothing (recorded 047). */
export const VOID: MethodResult = { result: "", records: 0 };
