import { existsSync } from "node:fs";
import { type CallError, type CallResult, readReply } from "./reply.ts";

/** Where xapi listens since 1.9.49, that is XenServer 7.0 (xapi_globs.ml unix_domain_socket). */
export const XAPI_SOCKET = "/var/lib/xcp/xapi";

/** How long a call may take. The longest honest ones read a whole pool: a few seconds. */
const SECONDS_A_CALL = 20;

/** JSON-RPC over HTTP on xapi's Unix socket, on which root needs no password. */
export class XapiSocket {
  #id = 0;

  constructor(
    readonly path: string = XAPI_SOCKET,
    readonly patience: number = SECONDS_A_CALL,
  ) {}

  /**
   * One call. Asks in JSON-RPC 1.0, which every release understands (7.x knows no other). The body
   * goes with a Content-Length: xapi reads no chunked one (http_svr.ml read_body). `given` gives the
   * call up before its time.
   */
  async call(
    method: string,
    params: readonly unknown[],
    seconds: number = this.patience,
    given?: AbortSignal,
  ): Promise<CallResult> {
    // Without a socket nobody answers, and the first fetch would start a thread to find that out.
    if (this.#id === 0 && !existsSync(this.path)) return { ok: false, error: NO_SOCKET };
    this.#id += 1;
    const body = JSON.stringify({ id: this.#id, method, params });
    // Not AbortSignal.timeout, which keeps its timer and signal until the time is over: a run makes
    // thousands of calls within one such time.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new OutOfPatience()), seconds * 1000);
    try {
      const response = await fetch("http://localhost/jsonrpc", {
        unix: this.path,
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        signal: given === undefined ? late.signal : AbortSignal.any([late.signal, given]),
      });
      return readReply(response.status, await response.text());
    } catch (error) {
      return { ok: false, error: whyNoReply(error, method, seconds) };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** No reply came in time. */
class OutOfPatience extends Error {}

function whyNoReply(error: unknown, method: string, seconds: number): CallError {
  if (error instanceof OutOfPatience) return { kind: "silent", method, seconds };
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    return { kind: "unreachable", because: REASONS.get(code) ?? `${code || error.message}` };
  }
  return { kind: "unreachable", because: String(error) };
}

const NO_SOCKET: CallError = { kind: "unreachable", because: "its socket does not exist" };

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "its socket does not exist"],
  ["FailedToOpenSocket", "its socket does not exist"],
  ["ECONNREFUSED", "nobody listens on its socket"],
  ["ConnectionRefused", "nobody listens on its socket"],
  ["ECONNRESET", "it closed the connection"],
  ["ConnectionClosed", "it closed the connection"],
]);
