import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { join } from "node:path";
import { SimulatorControl } from "./control.ts";
import { exchange, post, rpc } from "./raw-client.ts";
import { failure, SMALL_DATABASE, startTestSimulator, type TestSimulator } from "./test-simulator.ts";

// What the recordings do not show; the rest is in replay.test.ts.

let simulator: TestSimulator;

beforeAll(() => {
  simulator = startTestSimulator();
});
afterAll(() => simulator.stop());

describe("an unusual request", () => {
  const call = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "nosuch", params: [] });
  const head = `POST /jsonrpc HTTP/1.1\r\nContent-Length: ${call.length}\r\n\r\n`;
  const reply = JSON.stringify(failure("MESSAGE_METHOD_UNKNOWN", "nosuch"));

  test("may arrive byte by byte, and in pieces across two requests", async () => {
    const both = `${head}${call}${head}${call}`;
    const cut = head.length + call.length + 10;
    const pieces = [both.slice(0, 3), both.slice(3, 20), both.slice(20, cut), both.slice(cut)];
    const { text } = await exchange(simulator.socket, ...pieces);
    expect(text.split("HTTP/1.1 200 OK")).toHaveLength(3);
    expect(text.endsWith(JSON.stringify(JSON.parse(reply)))).toBe(true);
  });

  test("gets HTTP 500 and a closed connection when its head cannot be read", async () => {
    const { text, closed } = await exchange(simulator.socket, "this is not a request at all\r\n\r\n");
    expect(text).toStartWith("HTTP/1.1 500 Internal Error\r\n");
    expect(closed).toBe(true);
  });

  test("is refused unread when its body exceeds 300 KiB", async () => {
    const { text } = await exchange(
      simulator.socket,
      `POST /jsonrpc HTTP/1.1\r\nContent-Length: ${300 * 1024 + 1}\r\n\r\n`,
    );
    expect(text).toContain("Http_svr.Client_requested_size_over_limit");
  });

  test("gets HTTP 501 for an unknown method", async () => {
    const { text } = await exchange(simulator.socket, "DELETE /jsonrpc HTTP/1.1\r\n\r\n");
    expect(text).toStartWith("HTTP/1.1 501 ");
  });

  test("gets HTTP 500 when it is XML-RPC", async () => {
    const xml = "<?xml version='1.0'?><methodCall></methodCall>";
    const { status } = await post(simulator.socket, xml, "POST / HTTP/1.1");
    expect(status).toBe("HTTP/1.1 500 Internal Error");
  });
});

test("a reply larger than the socket buffer arrives completely", async () => {
  const large = startTestSimulator({
    VM: { "OpaqueRef:big": { uuid: "big", name_label: "x".repeat(4 * 1024 * 1024) } },
  });
  const reply = JSON.stringify(await rpc(large.socket, "VM.get_all_records", await large.login()));
  expect(reply.length).toBeGreaterThan(4 * 1024 * 1024);
  large.stop();
});

test("a connection that breaks in the middle of a request affects no other", async () => {
  const socket = createConnection(simulator.socket);
  socket.write("POST /jsonrpc HTTP/1.1\r\nContent-Length: 50\r\n\r\n{");
  await Bun.sleep(5);
  socket.destroy();
  expect(await simulator.login()).toStartWith("OpaqueRef:");
});

test("the process prints ready when both sockets listen, and ends with 0", async () => {
  const directory = join(simulator.socket, "..");
  const [file, socket, control] = ["db.json", "xapi2", "control2"].map((name) => join(directory, name));
  await Bun.write(file ?? "", JSON.stringify(SMALL_DATABASE));
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "main.ts"),
      ...["--database", file ?? "", "--socket", socket ?? "", "--control", control ?? ""],
      ...["--host", "host-uuid"],
    ],
    { stdout: "pipe" },
  );
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("ready\n");
  await rpc(socket ?? "", "session.login_with_password", "root", "");
  expect(await new SimulatorControl(control ?? "").sessions()).toBe(1);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});
