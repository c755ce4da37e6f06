import { createConnection } from "node:net";

/** What came back on a connection, and whether the server ended it. */
export interface RawReply {
  text: string;
  closed: boolean;
}

type Piece = string | Uint8Array;

/** So long without a byte counts as a connection that is kept. */
const QUIET_MS = 60;
/** So long is waited for an answer that ends the connection. */
const TIMEOUT_MS = 5_000;

/** Sends the pieces one after the other on a connection of their own, and listens until it is over. */
export function exchange(path: string, ...pieces: Piece[]): Promise<RawReply> {
  return converse(path, pieces, QUIET_MS);
}

function converse(path: string, pieces: readonly Piece[], quietMs: number): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = createConnection(path);
    let quiet: Timer | undefined;
    const finish = (closed: boolean) => {
      clearTimeout(quiet);
      socket.destroy();
      resolve({ text: Buffer.concat(chunks).toString(), closed });
    };
    const wait = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => finish(false), quietMs);
    };
    socket.on("error", reject);
    socket.on("close", () => finish(true));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      wait();
    });
    socket.on("connect", async () => {
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) await Bun.sleep(5);
        socket.write(piece);
      }
      wait();
    });
  });
}

/** Posts one body and returns the status line and the body of the reply. */
export async function post(
  path: string,
  body: string | Uint8Array,
  requestLine = "POST /jsonrpc HTTP/1.1",
): Promise<{ status: string; body: string }> {
  const { headers, body: text } = await postForHeaders(path, body, requestLine, "close");
  return { status: headers[0] ?? "", body: text };
}

/** The same with all lines of the head, on a connection that is kept or not. */
export async function postForHeaders(
  path: string,
  body: string | Uint8Array,
  requestLine: string,
  connection: "close" | "keep-alive",
): Promise<{ headers: string[]; body: string }> {
  const length = Buffer.byteLength(body);
  const head = `${requestLine}\r\nHost: x\r\nContent-Length: ${length}\r\nConnection: ${connection}\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(head), Buffer.from(body)]);
  const reply = await converse(path, [bytes], connection === "close" ? TIMEOUT_MS : QUIET_MS);
  const [top = "", ...rest] = reply.text.split("\r\n\r\n");
  return { headers: top.split("\r\n"), body: rest.join("\r\n\r\n") };
}

/** Does one call in JSON-RPC 2.0 and returns the reply, taken apart. */
export async function rpc(path: string, method: string, ...params: unknown[]): Promise<unknown> {
  const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const reply: unknown = JSON.parse((await post(path, request)).body);
  return reply;
}
