import * as v from "valibot";
import type { CallError, CallResult } from "../rpc/reply.ts";
import { Records, type RecordsOf } from "./inventory.ts";

/** Ends a read of many calls at the first that failed. */
export class ReadFailure extends Error {
  override readonly name = "ReadFailure";

  constructor(readonly error: CallError) {
    super(error.kind);
  }
}

/** Codes by which XAPI says that there is no such object, or that it is gone. */
const ABSENT: ReadonlySet<string> = new Set(["UUID_INVALID", "HANDLE_INVALID"]);

/** Calls whose answers are parsed. Each throws a `ReadFailure` where there is none, or none that is understood. */
export class Reader {
  constructor(
    readonly call: (method: string, ...params: readonly unknown[]) => Promise<CallResult>,
  ) {}

  /** The answer to a call. */
  async value<S extends v.GenericSchema>(
    schema: S,
    method: string,
    ...params: readonly unknown[]
  ): Promise<v.InferOutput<S>> {
    return parse(schema, method, answerOf(await this.call(method, ...params)));
  }

  /** The same of an object that may not be there: then null. */
  async valueIfThere<S extends v.GenericSchema>(
    schema: S,
    method: string,
    ...params: readonly unknown[]
  ): Promise<v.InferOutput<S> | null> {
    const answer = await this.call(method, ...params);
    if (!answer.ok && answer.error.kind === "refused" && ABSENT.has(answer.error.code)) return null;
    return parse(schema, method, answerOf(answer));
  }

  /** Records by their references: all of a class, or those that a filter picks. */
  records<C extends keyof typeof Records>(
    name: C,
    method: string,
    ...params: readonly unknown[]
  ): Promise<RecordsOf<C>> {
    return this.value(Records[name], method, ...params);
  }

  /** The records of these references, by them; without those of objects that are gone. */
  async recordsOf<C extends "host" | "PIF" | "VM">(
    name: C,
    refs: readonly string[],
  ): Promise<RecordsOf<C>> {
    const method = `${name}.get_record`;
    const found = await Promise.all(
      refs.map(async (ref) => [ref, await this.valueIfThere(v.unknown(), method, ref)] as const),
    );
    const there = Object.fromEntries(found.filter(([, record]) => record !== null));
    return parse(Records[name], method, there);
  }
}

function answerOf(answer: CallResult): unknown {
  if (answer.ok) return answer.value;
  throw new ReadFailure(answer.error);
}

function parse<S extends v.GenericSchema>(
  schema: S,
  method: string,
  value: unknown,
): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  throw new ReadFailure(misunderstood(method, v.getDotPath(parsed.issues[0]) ?? ""));
}

/** That an answer is not understood, and at which field, whose record's handle means nothing to anybody. */
export function misunderstood(method: string, path = ""): CallError {
  const field = path.replace(/^OpaqueRef:[^.]*\.?/, "");
  const because = `its answer to ${method} is not understood${field === "" ? "" : ` (${field})`}`;
  return { kind: "broken", status: 200, because };
}
