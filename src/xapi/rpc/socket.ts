import { existsSync } from "node:fs";
import { XAPI_SOCKET } from "../../paths.ts";
import { type CallError, type CallResult, parseReply } from "./reply.ts";

/** How long a call may take. The longest honest ones read a whole pool: a few seconds. */
const CALL_TIMEOUT_SECONDS = 20;

/**
 * The longest reply that is taken. Real XAPI wrote 8 MB for 3,054 VMs; a plugin's answer may be 16 MiB, twice that
 * with its quotation marks escaped.
 */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

/** JSON-RPC over HTTP on xapi's Unix socket, on which root needs no password. */
export class XapiSocket {
  #lastId = 0;

  constructor(
    readonly path: string = XAPI_SOCKET,
    readonly timeoutSeconds: number = CALL_TIMEOUT_SECONDS,
  ) {}

  /**
   * One call. Asks in JSON-RPC 1.0, which every release understands (7.x knows no other). The body
   * goes with a Content-Length: xapi reads no chunked one (http_svr.ml read_body). `signal` gives the
   * call up before its time.
   */
  async call(
    method: string,
    params: readonly unknown[],
    timeoutSeconds: number = this.timeoutSeconds,
    signal?: AbortSignal,
  ): Promise<CallResult> {
    // Without a socket nobody answers, and the first fetch would start a thread to find that out.
    if (this.#lastId === 0 && !existsSync(this.path)) return { ok: false, error: NO_SOCKET_ERROR };
    this.#lastId += 1;
    const body = JSON.stringify({ id: this.#lastId, method, params });
    // Not AbortSignal.timeout, which keeps its timer and signal until the time is over: a run makes
    // thousands of calls within one such time.
    const timeoutController = new AbortController();
    const timer = setTimeout(() => timeoutController.abort(new TimeoutError()), timeoutSeconds * 1000);
    try {
      const response = await fetch("http://localhost/jsonrpc", {
        unix: this.path,
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        // It would be followed to whatever host it names, with the session in the body.
        redirect: "manual",
        // XAPI compresses nothing, and what is unpacked is not measured.
        decompress: false,
        signal: signal === undefined ? timeoutController.signal : AbortSignal.any([timeoutController.signal, signal]),
      });
      const text = await readText(response);
      if (text !== null) return parseReply(response.status, text);
      const reason = `longer than ${MAX_REPLY_BYTES / 1024 / 1024} MiB`;
      return { ok: false, error: { kind: "bad-response", status: response.status, reason } };
    } catch (error) {
      return { ok: false, error: toCallError(error, method, timeoutSeconds) };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The body of a reply; null where it is too long, of which the rest is not read. */
async function readText({ body }: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MAX_REPLY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** No reply came in time. */
class TimeoutError extends Error {}

function toCallError(error: unknown, method: string, timeoutSeconds: number): CallError {
  if (error instanceof TimeoutError) return { kind: "timeout", method, timeoutSeconds };
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    return { kind: "unreachable", reason: REASONS_BY_CODE.get(code) ?? `${code || error.message}` };
  }
  return { kind: "unreachable", reason: String(error) };
}

const NO_SOCKET_ERROR: CallError = { kind: "unreachable", reason: "its socket does not exist" };

const REASONS_BY_CODE: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "its socket does not exist"],
  ["FailedToOpenSocket", "its socket does not exist"],
  ["ECONNREFUSED", "connection refused"],
  ["ConnectionRefused", "connection refused"],
  ["ECONNRESET", "it closed the connection"],
  ["ConnectionClosed", "it closed the connection"],
]);
