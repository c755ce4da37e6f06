import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SimulatorControl } from "./control.ts";
import { serveControl } from "./control-server.ts";
import { Coordinator } from "./coordinator.ts";
import { Database } from "./database.ts";
import { isObject } from "./json.ts";
import { rpc } from "./raw-client.ts";
import { Simulator } from "./simulator.ts";

/** A simulator in this process, with its control socket and a client for it. */
export interface TestSimulator {
  socket: string;
  control: SimulatorControl;
  /** Does one call in JSON-RPC 2.0. */
  rpc(method: string, ...params: unknown[]): Promise<unknown>;
  /** Logs in and returns the session. */
  login(): Promise<string>;
  stop(): void;
}

/** Records enough for most rules: one host, a pool, a VM with two VIFs. */
export const SMALL_DATABASE = {
  host: { "OpaqueRef:h": { uuid: "host-uuid", name_label: "one", other_config: {} } },
  pool: {
    "OpaqueRef:p": { uuid: "p", name_label: "", master: "OpaqueRef:h", other_config: {} },
  },
  VM: { "OpaqueRef:vm": { uuid: "vm-uuid", name_label: "web 1", other_config: {} } },
  VIF: {
    "OpaqueRef:vif0": { uuid: "v0", device: "0", VM: "OpaqueRef:vm", other_config: {} },
    "OpaqueRef:vif1": { uuid: "v1", device: "1", VM: "OpaqueRef:vm", other_config: { a: "1" } },
  },
} as const;

/** Starts a simulator over the records; `host` is the host that it stands on, where that is not the coordinator. */
export function startTestSimulator(content: unknown = SMALL_DATABASE, host?: string): TestSimulator {
  const directory = mkdtempSync(join(tmpdir(), "xapi-simulator-"));
  const [socket, controlPath] = [join(directory, "xapi"), join(directory, "control")];
  const coordinator = new Coordinator(Database.from(content));
  const simulator = new Simulator({ coordinator, socket, ...(host !== undefined && { host }) });
  simulator.start();
  const server = serveControl(simulator, controlPath);
  const call: TestSimulator["rpc"] = (method, ...params) => rpc(socket, method, ...params);
  return {
    socket,
    control: new SimulatorControl(controlPath),
    rpc: call,
    async login() {
      const reply = await call("session.login_with_password", "root", "", "1.0", "test");
      return isObject(reply) ? String(reply["result"]) : "";
    },
    stop() {
      simulator.stop();
      server.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

/** The reply of version 2.0 that carries this result. */
export function result(value: unknown) {
  return { jsonrpc: "2.0", result: value, id: 1 };
}

/** The reply of version 2.0 that carries this error. */
export function failure(message: string, ...data: string[]) {
  return { jsonrpc: "2.0", error: { code: 1, message, data }, id: 1 };
}
