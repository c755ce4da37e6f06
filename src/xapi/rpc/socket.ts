import { existsSync } from "node:fs";
import { XAPI_SOCKET } from "../../paths.ts";
import { type CallError, type CallResult, parseReply } from "./reply.ts";

/** How long a call may take. The longest honest ones read a whole pool: a few seconds. */
const CALL_TIMEOUT_SECONDS = 20;

/** JSON-RPC over HTTP on xapi's Unix socket, on which root needs no password. */
export class XapiSocket {
  #lastId = 0;

  constructor(
    readonly path: string = XAPI_SOCKET,
    readonly timeoutSeconds: number = CALL_TIMEOUT_SECONDS,
  ) {}

  /**
   * One call. Asks in JSON-RPC 1.0, which every release understands (7.x knows no other). The body
   * goes with a Content-Length: xapi reads no chunked one (http_svr.ml read_body). `given` gives the
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
        signal: signal === undefined ? timeoutController.signal : AbortSignal.any([timeoutController.signal, signal]),
      });
      return parseReply(response.status, await response.text());
    } catch (error) {
      return { ok: false, error: toCallError(error, method, timeoutSeconds) };
    } finally {
      clearTimeout(timer);
    }
  }
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
