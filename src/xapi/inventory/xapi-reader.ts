import * as v from "valibot";
import type { CallError, CallResult } from "../rpc/reply.ts";
import { RecordSchemas, type XapiRecords } from "./build-inventory.ts";

/** Ends a read of many calls at the first that failed. */
export class XapiReadError extends Error {
  override readonly name = "ReadFailure";

  constructor(readonly error: CallError) {
    super(error.kind);
  }
}

/** Codes by which XAPI says that there is no such object, or that it is gone. */
const NOT_FOUND_CODES: ReadonlySet<string> = new Set(["UUID_INVALID", "HANDLE_INVALID"]);

/** Calls whose answers are parsed. Each throws a `ReadFailure` where there is none, or none that is understood. */
export class XapiReader {
  constructor(readonly call: (method: string, ...params: readonly unknown[]) => Promise<CallResult>) {}

  /** The answer to a call. */
  async read<S extends v.GenericSchema>(
    schema: S,
    method: string,
    ...params: readonly unknown[]
  ): Promise<v.InferOutput<S>> {
    return parseValue(schema, method, unwrapResult(await this.call(method, ...params)));
  }

  /** The same of an object that may not be there: then null. */
  async readOrNull<S extends v.GenericSchema>(
    schema: S,
    method: string,
    ...params: readonly unknown[]
  ): Promise<v.InferOutput<S> | null> {
    const result = await this.call(method, ...params);
    if (!result.ok && result.error.kind === "refused" && NOT_FOUND_CODES.has(result.error.code)) return null;
    return parseValue(schema, method, unwrapResult(result));
  }

  /** Records by their references: all of a class, or those that a filter picks. */
  readRecords<C extends keyof typeof RecordSchemas>(
    className: C,
    method: string,
    ...params: readonly unknown[]
  ): Promise<XapiRecords<C>> {
    return this.read(RecordSchemas[className], method, ...params);
  }

  /** The records of these references, by them; without those of objects that are gone. */
  async readRecordsByRef<C extends "host" | "PIF" | "VM">(
    className: C,
    refs: readonly string[],
  ): Promise<XapiRecords<C>> {
    const method = `${className}.get_record`;
    const entries = await Promise.all(
      refs.map(async (ref) => [ref, await this.readOrNull(v.unknown(), method, ref)] as const),
    );
    const records = Object.fromEntries(entries.filter(([, record]) => record !== null));
    return parseValue(RecordSchemas[className], method, records);
  }
}

function unwrapResult(result: CallResult): unknown {
  if (result.ok) return result.value;
  throw new XapiReadError(result.error);
}

function parseValue<S extends v.GenericSchema>(schema: S, method: string, value: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  throw new XapiReadError(parseError(method, v.getDotPath(parsed.issues[0]) ?? ""));
}

/** That an answer is not understood, and at which field, whose record's handle means nothing to anybody. */
export function parseError(method: string, path = ""): CallError {
  const field = path.replace(/^OpaqueRef:[^.]*\.?/, "");
  const reason = `its answer to ${method} is not understood${field === "" ? "" : ` (${field})`}`;
  return { kind: "bad-response", status: 200, reason };
}
