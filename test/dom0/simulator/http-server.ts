import { linkSync, renameSync, rmSync } from "node:fs";
import type { Socket, UnixSocketListener } from "bun";
import { type HttpReply, unparsableReply } from "./http-reply.ts";
import { type HttpRequest, RequestReader } from "./http-request.ts";

/** What is sent back: a reply, or nothing while the connection stays open. */
export type Answer = HttpReply | "silence";

/** Answers one request, which is the first of its connection or a later one. */
export type Handler = (request: HttpRequest, newConnection: boolean) => Promise<Answer>;

/**
 * An HTTP server on a Unix socket that behaves like xapi's own (http_svr.ml), also where that is
 * not what HTTP asks for. Connections are served side by side, the requests of one in turn.
 */
export class HttpServer {
  readonly #path: string;
  readonly #handler: Handler;
  readonly #connections = new Set<Connection>();
  #listener: UnixSocketListener<Connection> | undefined;
  /** How many connections were opened. */
  opened = 0;

  constructor(path: string, handler: Handler) {
    this.#path = path;
    this.#handler = handler;
  }

  /** Opens the socket, in place of a dead one that may lie there. */
  listen(): void {
    if (this.#listener !== undefined) return;
    rmSync(this.#path, { force: true });
    const connections = this.#connections;
    const handler = this.#handler;
    this.#listener = Bun.listen<Connection>({
      unix: this.#path,
      socket: {
        open: (socket) => {
          this.opened += 1;
          socket.data = new Connection(socket, handler);
          connections.add(socket.data);
        },
        data(socket, chunk) {
          socket.data.receive(chunk);
        },
        drain(socket) {
          socket.data.flush();
        },
        close(socket) {
          socket.data.closed();
          connections.delete(socket.data);
        },
        error() {
          // A client that went away: close follows.
        },
      },
    });
  }

  /** Ends everything; nothing is left at the path. */
  close(): void {
    this.#stop();
    rmSync(this.#path, { force: true });
  }

  /** Ends everything and leaves the socket file, so that connecting to it is refused. */
  closeLeavingFile(): void {
    const spare = `${this.#path}.left`;
    this.listen();
    // The listener unlinks its path when it stops; a second name keeps the file.
    rmSync(spare, { force: true });
    linkSync(this.#path, spare);
    this.#stop();
    renameSync(spare, this.#path);
  }

  #stop(): void {
    this.#listener?.stop(true);
    this.#listener = undefined;
    for (const connection of this.#connections) connection.terminate();
    this.#connections.clear();
  }
}

class Connection {
  readonly #socket: Socket<Connection>;
  readonly #handler: Handler;
  readonly #reader = new RequestReader();
  #unsent: Uint8Array = new Uint8Array();
  #ending = false;
  #working = false;
  #isNew = true;

  constructor(socket: Socket<Connection>, handler: Handler) {
    this.#socket = socket;
    this.#handler = handler;
  }

  receive(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    if (!this.#working && !this.#ending) void this.#work();
  }

  flush(): void {
    if (this.#unsent.length > 0) {
      const sent = Math.max(0, this.#socket.write(this.#unsent));
      this.#unsent = this.#unsent.subarray(sent);
    }
    if (this.#ending && this.#unsent.length === 0) this.#socket.end();
  }

  closed(): void {
    this.#ending = true;
    this.#unsent = new Uint8Array();
  }

  terminate(): void {
    this.closed();
    this.#socket.terminate();
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (!this.#ending) {
      const parsed = this.#reader.next();
      if (parsed.kind === "incomplete") break;
      const isNew = this.#isNew;
      this.#isNew = false;
      const answer =
        parsed.kind === "request" ? await this.#handler(parsed.request, isNew) : unparsableReply(parsed.reason);
      // Whoever is met with silence gets no later request answered either.
      if (answer === "silence") return;
      this.#send(answer);
    }
    this.#working = false;
  }

  #send(reply: HttpReply): void {
    if (this.#ending) return;
    this.#unsent = Buffer.concat([this.#unsent, reply.bytes]);
    this.#ending = reply.close;
    this.flush();
  }
}
