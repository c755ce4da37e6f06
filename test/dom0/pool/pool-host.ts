import type { Server } from "node:net";
import { join } from "node:path";
import { type Control, type ControlServer, serveControl } from "../simulator/control-server.ts";
import type { Coordinator } from "../simulator/coordinator.ts";
import type { PluginResult } from "../simulator/plugins.ts";
import { Simulator } from "../simulator/simulator.ts";
import { machineBehind } from "../toolstack/machine.ts";
import { Networkd } from "../toolstack/networkd.ts";
import { Domains, serveXenstore } from "../toolstack/xenstore.ts";
import type { HostFile } from "./pool-file.ts";

/** One host of a pool: its XAPI's socket, its xenstored, its networkd. */
export class PoolHost {
  readonly simulator: Simulator;
  readonly networkd: Networkd;
  readonly domains: Domains;
  #servers: (ControlServer | Server)[] = [];
  #started = 0;

  constructor(
    private readonly file: HostFile,
    private readonly coordinator: Coordinator,
    /** Where what plugins write goes. */
    private readonly outputs: string,
  ) {
    this.simulator = new Simulator({ coordinator, socket: file.socket, host: file.ref });
    this.networkd = new Networkd(machineBehind(file.enter));
    this.domains = new Domains(coordinator.database, file.ref);
  }

  get uuid(): string {
    return this.file.uuid;
  }

  get ref(): string {
    return this.file.ref;
  }

  async start(controls: Readonly<Record<string, Control>>): Promise<void> {
    await this.networkd.load();
    this.simulator.start();
    this.#servers = [
      serveXenstore(this.file.xenstore, this.domains),
      serveControl(this.simulator, this.file.control, controls),
    ];
  }

  /** Ends the sessions of the pool, which the coordinator's xapi keeps in memory. */
  endSessions(): void {
    this.coordinator.sessions.closeAll();
  }

  /** Starts a plugin as xapi does. */
  async startPlugin(plugin: string, argument: string): Promise<PluginResult> {
    // To a file, as forkhelpers.ml has it; the exit status that says "none" is nobody else's.
    const out = join(this.outputs, `${this.uuid}-${this.#started++}`);
    const child = Bun.spawn([...this.file.start, `/etc/xapi.d/plugins/${plugin}`, argument], {
      stdin: "ignore",
      stdout: Bun.file(out),
      stderr: "pipe",
    });
    const stderr = await new Response(child.stderr).text();
    await child.exited;
    const stdout = await Bun.file(out).text();
    if (child.exitCode === 250) return null;
    const code = child.exitCode ?? 0;
    const signal = code > 128 ? `signal ${code - 128}` : null;
    return { exitCode: child.exitCode, signal, stdout, stderr };
  }

  stop(): void {
    this.simulator.stop();
    for (const server of this.#servers) {
      if ("stop" in server) server.stop();
      else server.close();
    }
  }
}
