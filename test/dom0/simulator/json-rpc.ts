import { ApiError, EarlyApiError, UncaughtError } from "./errors.ts";
import type { Json } from "./json.ts";
import { parseRpcValue, printRpcValue, type RpcDict, type RpcValue } from "./rpc-value.ts";

/** A call as it came in. */
export interface Call {
  version: "1.0" | "2.0";
  id: string | bigint;
  method: string;
  params: RpcValue[];
}

/**
 * Takes a call in. The members are looked at in the order of ocaml-rpc's jsonrpc.ml: method,
 * version, parameters, id. What does not fit becomes HTTP 500 (recorded 109-135).
 */
export function parseCall(body: Uint8Array): Call {
  const { text, valid } = decode(body);
  const value = parseRpcValue(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw malformed("Invalid request body");
  }
  const method = methodOf(value);
  const version = versionOf(value);
  const call: Call = { method, version, params: paramsOf(value, version), id: idOf(value) };
  if (!valid) refuseBrokenText(call.params);
  return call;
}

/** The reply to a call that went well. */
export function resultReply(call: Call, result: Json): string {
  const text = JSON.stringify(result);
  if (call.version === "2.0") return `{"jsonrpc":"2.0","result":${text},"id":${idText(call.id)}}`;
  return `{"result":${text},"error":null,"id":${idText(call.id)}}`;
}

/** The reply to a call that failed, in the version asked for (recorded 048 and 050). */
export function errorReply(call: Call, error: ApiError): string {
  if (call.version === "2.0") {
    const { code, params } = error;
    const object = JSON.stringify({ code: 1, message: code, data: params });
    return `{"jsonrpc":"2.0","error":${object},"id":${idText(call.id)}}`;
  }
  return `{"result":null,"error":${errorArray(error)},"id":${idText(call.id)}}`;
}

/** The reply a pool member passes on from its coordinator: the error stays an array in version 2.0 too. */
export function forwardedErrorReply(call: Call, error: ApiError): string {
  if (call.version === "1.0") return errorReply(call, error);
  return `{"jsonrpc":"2.0","error":${errorArray(error)},"id":${idText(call.id)}}`;
}

/** The reply to a call that never reached the dispatcher: always version 2.0, always id 0 (recorded 137). */
export function earlyErrorReply(error: ApiError): string {
  return `{"jsonrpc":"2.0","error":${errorArray(error)},"id":0}`;
}

function errorArray(error: ApiError): string {
  return JSON.stringify([error.code, ...error.params]);
}

function idText(id: string | bigint): string {
  return typeof id === "bigint" ? String(id) : JSON.stringify(id);
}

function methodOf(members: RpcDict): string {
  const method = members["method"];
  if (method === undefined) throw malformed("Required field method is missing");
  if (typeof method !== "string") throw malformed("Invalid field 'method' in request body");
  return method;
}

function versionOf(members: RpcDict): Call["version"] {
  const version = members["jsonrpc"];
  if (version === undefined) return "1.0";
  if (version !== "2.0") throw malformed("Invalid field 'jsonrpc' in request body");
  return "2.0";
}

function paramsOf(members: RpcDict, version: Call["version"]): RpcValue[] {
  const params = members["params"];
  if (Array.isArray(params)) return params;
  if (version === "1.0" && params === undefined) throw malformed("Required field params is missing");
  if (version === "2.0") {
    if (params === undefined || params === null) return [];
    // An object is one parameter, not named parameters (recorded 119).
    if (typeof params === "object") return [params];
  }
  throw malformed("Invalid field 'params' in request body");
}

function idOf(members: RpcDict): Call["id"] {
  const id = members["id"];
  if (typeof id === "string" || typeof id === "bigint") return id;
  throw malformed("Invalid field 'id' in request body");
}

function malformed(reason: string): UncaughtError {
  return new UncaughtError(`Jsonrpc.Malformed_method_request("${reason}")`);
}

function decode(body: Uint8Array): { text: string; valid: boolean } {
  // A byte order mark stays in, so that the JSON parser stumbles over it (recorded 138).
  try {
    return {
      text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body),
      valid: true,
    };
  } catch {
    return { text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(body), valid: false };
  }
}

/** Recorded 137. The real reply repeats the broken bytes; here they are replacement characters. */
function refuseBrokenText(params: readonly RpcValue[]): void {
  const broken = params.map(printRpcValue).find((text) => text.includes("\uFFFD"));
  if (broken === undefined) return;
  const reason = "Invalid UTF-8 string in parameter";
  throw new EarlyApiError(new ApiError("INVALID_VALUE", reason, broken));
}
