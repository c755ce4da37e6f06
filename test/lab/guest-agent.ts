import * as v from "valibot";
import { TIMEOUTS_MS } from "./lab.ts";

const REPLY = v.object({
  id: v.number(),
  return: v.optional(v.unknown()),
  error: v.optional(v.object({ desc: v.string() })),
});
type Reply = v.InferOutput<typeof REPLY>;

/** The agent answered, and said no. */
export class AgentError extends Error {}

/**
 * The machine itself failed, and not what ran on it: under software emulation a process of a dom0 now and
 * then dies of a segmentation fault, the agent among them.
 */
export class MachineFault extends Error {}

/**
 * Speaks to the QEMU guest agent of a machine: a JSON object a line, either way. Every request has
 * a number, so that an answer that comes late, after a reboot say, is never taken for another one.
 */
export class GuestAgent {
  readonly #waiting = new Map<number, PromiseWithResolvers<Reply>>();
  readonly #decoder = new TextDecoder();
  #rest = "";
  #count = 0;
  #ended = false;

  private constructor(private readonly socket: { write(text: string): number; end(): void }) {}

  /** Connects to the agent's socket on this side, whether the agent runs yet or not. */
  static async connect(path: string): Promise<GuestAgent> {
    let agent: GuestAgent | undefined;
    const socket = await Bun.connect({
      unix: path,
      socket: { data: (_, bytes) => agent?.onData(bytes), close: () => agent?.onClose() },
    });
    agent = new GuestAgent(socket);
    return agent;
  }

  /** Has the agent execute a command of its own, and resolves to what it returns. */
  async call(execute: string, parameters: object, timeoutMs: number): Promise<unknown> {
    const id = ++this.#count;
    const answer = Promise.withResolvers<Reply>();
    const timeoutError = new Error(`the guest agent did not answer ${execute} in ${timeoutMs} ms`);
    const timer = setTimeout(() => answer.reject(timeoutError), timeoutMs);
    const checkTimer = setTimeout(() => void this.checkSameAgent(answer, execute), TIMEOUTS_MS.agentCheck);
    this.#waiting.set(id, answer);
    try {
      this.sendLine(`${JSON.stringify({ execute, arguments: parameters, id })}\n`);
      const reply = await answer.promise;
      if (reply.error !== undefined) throw new AgentError(`${execute}: ${reply.error.desc}`);
      return reply.return;
    } finally {
      clearTimeout(timer);
      clearTimeout(checkTimer);
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.socket.end();
  }

  /** The agent answers in turn: one that answers this first is another process than it was. */
  private async checkSameAgent(answer: PromiseWithResolvers<Reply>, execute: string): Promise<void> {
    const id = ++this.#count;
    const pong = Promise.withResolvers<Reply>();
    this.#waiting.set(id, pong);
    const answered = answer.promise.then(
      () => true,
      () => true,
    );
    try {
      this.sendLine(`${JSON.stringify({ execute: "guest-ping", id })}\n`);
      if (await Promise.race([answered, pong.promise.then(() => false)])) return;
      answer.reject(new MachineFault(`the guest agent died while it was asked for ${execute}`));
    } catch {
      // The machine is off, which whoever waits for the answer is told.
    } finally {
      this.#waiting.delete(id);
    }
  }

  private sendLine(line: string): void {
    if (this.#ended) throw new Error("the machine is off");
    // Requests are short and the socket holds more than a few of them.
    const sent = this.socket.write(line);
    if (sent < line.length) throw new Error("the guest agent takes no more requests");
  }

  /** QEMU has closed its side: it has ended, and nobody will answer any more. */
  private onClose(): void {
    this.#ended = true;
    for (const answer of this.#waiting.values()) answer.reject(new Error("the machine went off"));
  }

  private onData(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const reply = v.safeParse(REPLY, parseJsonOrNull(line));
      if (reply.success) this.#waiting.get(reply.output.id)?.resolve(reply.output);
    }
  }
}

/** The value of a line, or null where a reboot cut it in two. */
function parseJsonOrNull(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
