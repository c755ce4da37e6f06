import type { Json } from "./json.ts";
import type { RpcValue } from "./rpc-value.ts";

/** What a call gave, and how many records were read for it. */
export interface Outcome {
  result: Json;
  records: number;
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
  prepare(parameters: readonly RpcValue[]): (session: string) => Outcome;
}

/** A method with a session and a fixed number of parameters. */
export function method(mandatory: number, write: boolean, prepare: Method["prepare"]): Method {
  return { mandatory, more: false, session: true, write, prepare };
}

/** What a call returns that gives nothing (recorded 047). */
export const VOID: Outcome = { result: "", records: 0 };
