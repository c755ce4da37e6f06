import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XapiSession } from "../../../src/xapi/rpc/session.ts";
import { XapiSocket } from "../../../src/xapi/rpc/socket.ts";
import { failureOfAsync } from "../../builders/hosts.ts";

const directory = mkdtempSync(join(tmpdir(), "offload-socket-"));
const path = join(directory, "xapi");
afterEach(() => rmSync(path, { force: true }));
afterAll(() => rmSync(directory, { recursive: true }));

/** A XAPI that says yes to everything after a while, and counts its connections. */
function listen(answerAfter: () => Promise<void> = () => Bun.sleep(1)) {
  let opened = 0;
  const server = Bun.listen<{ received: string }>({
    unix: path,
    socket: {
      open(socket) {
        opened += 1;
        socket.data = { received: "" };
      },
      async data(socket, chunk) {
        socket.data.received += chunk.toString();
        const [head = "", body] = socket.data.received.split("\r\n\r\n");
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? "0");
        if (body === undefined || Buffer.byteLength(body) < length) return;
        socket.data.received = "";
        await answerAfter();
        const reply = JSON.stringify({ id: 1, result: "OpaqueRef:session", error: null });
        socket.write(`HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: ${reply.length}\r\n\r\n${reply}`);
      },
    },
  });
  return { opened: () => opened, stop: () => server.stop(true) };
}

describe("connections to XAPI", () => {
  test("are limited to four and kept alive, however many calls are concurrent", async () => {
    const server = listen();
    try {
      const session = await XapiSession.open("host-uuid", new XapiSocket(path));
      const writes = Array.from({ length: 60 }, (_, n) => ({
        owner: { class: "VIF", ref: `OpaqueRef:${n}` } as const,
        key: "ethtool-tx",
        from: null,
        to: "off",
      }));
      const outcomes = await session.writeOtherConfig(writes, () => false);
      expect(outcomes.every(({ state }) => state === "written")).toBe(true);
      await Promise.all(writes.map(({ owner }) => session.call("VIF.get_other_config", owner.ref)));
      await session.close();
      expect(server.opened()).toBeLessThanOrEqual(4);
      expect(server.opened()).toBeGreaterThan(1);
    } finally {
      server.stop();
    }
  });
});

describe("a reply from the socket", () => {
  /** Answers each connection with a head, and then with as much of a body as is read. */
  function answerWith(head: string, chunk?: Buffer) {
    const server = createServer((socket) => {
      const pour = () => {
        if (chunk !== undefined) while (!socket.destroyed && socket.write(chunk));
      };
      socket.on("error", () => {});
      socket.on("drain", pour);
      socket.once("data", () => {
        socket.write(`${head}\r\n\r\n`);
        pour();
      });
    });
    server.listen(path);
    return server;
  }

  test("is not followed where it redirects to another host", async () => {
    let requests = 0;
    const elsewhere = Bun.serve({
      port: 0,
      fetch() {
        requests += 1;
        return Response.json({ result: "OpaqueRef:session" });
      },
    });
    const server = answerWith(
      `HTTP/1.1 302 Found\r\nLocation: ${elsewhere.url}\r\nContent-Length: 0\r\nConnection: close`,
    );
    const result = await new XapiSocket(path).call("VM.get_all", ["OpaqueRef:secret"]);
    expect(result).toEqual({ ok: false, error: { kind: "bad-response", status: 302, reason: "HTTP 302" } });
    expect(requests).toBe(0);
    server.close();
    await elsewhere.stop(true);
  });

  test.each([
    ["with the length that it gives", "Content-Length: 100000000000", Buffer.alloc(2 ** 20, " ")],
    ["in chunks", "Transfer-Encoding: chunked", Buffer.from(`100000\r\n${" ".repeat(2 ** 20)}\r\n`)],
  ])("is refused beyond 64 MiB, and not read to its end: %s", async (_, header, chunk) => {
    const server = answerWith(`HTTP/1.1 200 OK\r\n${header}`, chunk);
    const before = process.memoryUsage.rss();
    const result = await new XapiSocket(path).call("VM.get_all", []);
    const reason = "longer than 64 MiB";
    expect(result).toEqual({ ok: false, error: { kind: "bad-response", status: 200, reason } });
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 2 ** 20);
    server.close();
  });

  test("is not unpacked where it is compressed", async () => {
    const packed = Bun.gzipSync(Buffer.alloc(2 ** 20, " "));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}`;
    const server = createServer((socket) => {
      socket.once("data", () => socket.end(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), packed])));
    }).listen(path);
    const result = await new XapiSocket(path).call("VM.get_all", []);
    expect(result).toEqual({ ok: false, error: { kind: "bad-response", status: 200, reason: "not JSON" } });
    server.close();
  });
});

test("a XAPI that hangs at login times out with an error that names the login", async () => {
  const server = listen(() => new Promise<void>(() => {}));
  try {
    const failure = await failureOfAsync(() => XapiSession.open("host-uuid", new XapiSocket(path, 0.2)));
    expect(failure.code).toBe("xapi-timeout");
    expect(failure.message).toContain("session.login_with_password in 0.2 seconds");
  } finally {
    server.stop();
  }
});
