import type { CallResult } from "../../src/xapi/rpc/reply.ts";
import { XapiSession } from "../../src/xapi/rpc/session.ts";
import { XapiSocket } from "../../src/xapi/rpc/socket.ts";

/** One call as it went out, without its session. */
export interface SentCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A socket whose other end is a function. Replies come later, so that calls may overlap. */
class ScriptedSocket extends XapiSocket {
  readonly sent: SentCall[] = [];
  /** How long each call was given; what was given no time of its own is not here. */
  readonly requestedTimeoutsSeconds: number[] = [];
  /** How many calls are waiting for their reply, and how many ever were at one time. */
  pendingCount = 0;
  maxPendingCount = 0;
  answer: (call: SentCall) => CallResult | Promise<CallResult> = () => ({ ok: true, value: "" });

  constructor() {
    super("/nonexistent");
  }

  override async call(method: string, params: readonly unknown[], timeoutSeconds?: number): Promise<CallResult> {
    if (timeoutSeconds !== undefined) this.requestedTimeoutsSeconds.push(timeoutSeconds);
    const [session, ...rest] = params;
    const call = { method, params: method === "session.login_with_password" ? params : rest };
    if (method === "session.logout" || session === "OpaqueRef:session") this.sent.push(call);
    else if (method === "session.login_with_password") this.sent.push(call);
    else throw new Error(`${method} was called without the session`);
    this.pendingCount += 1;
    this.maxPendingCount = Math.max(this.maxPendingCount, this.pendingCount);
    await new Promise<void>((resume) => setImmediate(resume));
    try {
      if (method === "session.login_with_password") return { ok: true, value: "OpaqueRef:session" };
      return await this.answer(call);
    } finally {
      this.pendingCount -= 1;
    }
  }

  /** The calls of these methods, as words. */
  calls(prefix: string): readonly string[] {
    return this.sent.flatMap(({ method, params }) =>
      method.startsWith(prefix) ? [[method, ...params.map(String)].join(" ")] : [],
    );
  }
}

/** A session over such a socket, logged in. */
export async function openSession(hostUuid = "host-uuid") {
  const socket = new ScriptedSocket();
  const session = await XapiSession.open(hostUuid, socket);
  return { socket, session };
}
