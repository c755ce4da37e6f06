import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
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
