import * as v from "valibot";

/** Why a call gave no value. */
export type CallError =
  /** Nobody listens on the socket, or the connection broke before a reply. */
  | { readonly kind: "unreachable"; readonly reason: string }
  /** No reply to that method in time. */
  | { readonly kind: "timeout"; readonly method: string; readonly timeoutSeconds: number }
  /** A reply that is none of XAPI's: HTTP 500, HTML, half a document. */
  | { readonly kind: "bad-response"; readonly status: number; readonly reason: string }
  /** XAPI's own refusal: a code such as `HANDLE_INVALID` and its parameters. */
  | { readonly kind: "refused"; readonly code: string; readonly params: readonly string[] };

/** The value of a call, unparsed, or why there is none. */
export type CallResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: CallError };

const ErrorArraySchema = v.pipe(v.array(v.string()), v.minLength(1));

const ReplySchema = v.object({
  result: v.optional(v.unknown()),
  error: v.optional(
    v.nullable(v.union([ErrorArraySchema, v.object({ message: v.string(), data: v.optional(v.unknown()) })])),
  ),
});

/**
 * Reads a reply of either JSON-RPC version, whatever version was asked for: an error is null, an
 * array or an object. Errors raised before dispatch and those that a pool member forwards come in
 * the other version's shape, with an id of 0, so the id is not looked at (api_server.ml callback1).
 */
export function parseReply(status: number, body: string): CallResult {
  const badResponse = (reason: string): CallResult => ({
    ok: false,
    error: { kind: "bad-response", status, reason },
  });
  if (status !== 200) return badResponse(`HTTP ${status}`);
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    return badResponse(body.trimStart().startsWith("<") ? "HTML instead of JSON" : "not JSON");
  }
  const parsed = v.safeParse(ReplySchema, document, { abortEarly: true });
  if (!parsed.success) return badResponse("not a JSON-RPC reply");
  const { error, result } = parsed.output;
  if (error === undefined || error === null) {
    return result === undefined ? badResponse("neither result nor error") : { ok: true, value: result };
  }
  if ("message" in error) {
    const params = v.safeParse(v.array(v.string()), error.data, { abortEarly: true });
    return refusedResult(error.message, params.success ? params.output : []);
  }
  const [code = "", ...params] = error;
  return refusedResult(code, params);
}

function refusedResult(code: string, params: readonly string[]): CallResult {
  return { ok: false, error: { kind: "refused", code, params } };
}
