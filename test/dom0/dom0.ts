import { resolve } from "node:path";
import { type Feature, parseFeatures } from "./ethtool.ts";
import { buildHostFixture, type HostFixture, type HostFixtureOptions } from "./fixture/host-fixture.ts";
import { Guests } from "./guests.ts";
import { Link } from "./link.ts";
import { Namespace, SYSTEM_PATH } from "./namespace.ts";
import type { Result, Running } from "./running.ts";
import type { SimulatorControl } from "./simulator/control.ts";
import { type RunOptions, start } from "./spawn.ts";
import { Toolstack } from "./toolstack.ts";
import { XapiProcess } from "./xapi-process.ts";

/** The program under test, as scripts/build leaves it. */
export const OFFLOAD = resolve(import.meta.dir, "../../dist/offload");

/** How a throwaway dom0 starts. */
export interface Dom0Options extends HostFixtureOptions {
  /** A fixture that exists already, instead of one built from the other options. */
  readonly fixture?: HostFixture;
}

/**
 * A throwaway dom0: real network devices, real files and a simulated XAPI in namespaces of their own.
 * It takes everything in it along when it stops, and when the process that started it dies.
 */
export class Dom0 {
  readonly link: Link;
  #guests: Guests | undefined;

  private constructor(
    readonly fixture: HostFixture,
    /** Where it lives, for those who enter it in their own way. */
    readonly namespace: Namespace,
    private xapi: XapiProcess | undefined,
    /** The control of a XAPI that is not this dom0's own. */
    private readonly shared?: SimulatorControl,
  ) {
    this.link = new Link(namespace, (argv, options) => this.run(argv, options), process.execPath);
  }

  static async start(options: Dom0Options = {}): Promise<Dom0> {
    const fixture = options.fixture ?? buildHostFixture(options);
    const namespace = await Namespace.create(fixture);
    try {
      const xapi = fixture.scenarios.xapi ? XapiProcess.start(namespace, fixture) : undefined;
      // Both are awaited whatever happens, so that no failure of one goes unseen beside the other's.
      const [ready, started] = await Promise.allSettled([namespace.ready(), xapi]);
      if (ready.status === "rejected") throw ready.reason;
      if (started.status === "rejected") throw started.reason;
      return new Dom0(fixture, namespace, started.value);
    } catch (error) {
      await namespace.close();
      throw error;
    }
  }

  /** One of several hosts that have their XAPI in common, which is not this one's to start or to end. */
  static inPool(fixture: HostFixture, namespace: Namespace, control: SimulatorControl): Dom0 {
    return new Dom0(fixture, namespace, undefined, control);
  }

  /** Runs a command inside to its end. Its environment is minimal, whatever the tests run in. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.spawn(argv, options).exited;
  }

  /** Starts a command inside, to watch, answer or interrupt it. */
  spawn(argv: readonly string[], options: RunOptions = {}): Running {
    const terminal = options.tty ? { TERM: "xterm-256color" } : {};
    const env = { PATH: SYSTEM_PATH, HOME: "/root", LANG: "C.UTF-8", ...terminal, ...options.env };
    const place = options.tty ? "terminal" : "pipes";
    return start(this.namespace.command(argv, { env, cwd: options.cwd ?? "/", place }), options);
  }

  /** Runs dist/offload. */
  offload(...args: readonly string[]): Promise<Result> {
    return this.run([OFFLOAD, ...args]);
  }

  /** The features of a device as the real ethtool reads them from the kernel. */
  async ethtool(device: string): Promise<Map<string, Feature>> {
    return parseFeatures(await this.text(["ethtool", "-k", device]));
  }

  /** Changes features of a device with the real ethtool, say to prepare a test: `tso off`. */
  async setFeatures(device: string, ...settings: readonly string[]): Promise<void> {
    await this.text(["ethtool", "-K", device, ...settings]);
  }

  /** The names of the network devices, sorted. */
  async interfaces(): Promise<string[]> {
    const names = await this.text(["ls", "-1", "/sys/class/net"]);
    return names.trim().split("\n").sort();
  }

  /** Standard output of a command that has to succeed. */
  async text(argv: readonly string[]): Promise<string> {
    const { exitCode, signal, stdout, stderr } = await this.run(argv);
    if (exitCode === 0) return stdout;
    throw new Error(`${argv.join(" ")} ended with ${signal ?? exitCode}: ${stderr.trim()}`);
  }

  /** The means to look into XAPI and to break it. */
  get simulator(): SimulatorControl {
    const control = this.shared ?? this.xapi?.control;
    if (control !== undefined) return control;
    throw new Error("no XAPI runs in this dom0");
  }

  /** What happens to the VMs of this host, where it is not one of a pool's. */
  get guests(): Guests {
    this.#guests ??= new Guests(this.simulator, [this]);
    return this.#guests;
  }

  /** Makes a domain another VM's, or nobody's (null), while the records still say otherwise; without a VM, what they say. */
  async domain(domid: number, vm?: string | null): Promise<void> {
    await this.simulator.sendControl("/domain", { host: this.fixture.host.record.uuid, domid, vm });
  }

  /** What happens to networkd and xapi, from a restart of the toolstack to a boot. */
  get toolstack(): Toolstack {
    return new Toolstack(this);
  }

  /** Ends XAPI as a crash would, and leaves its socket behind. */
  async killXapi(): Promise<void> {
    await this.xapi?.kill();
    this.xapi = undefined;
  }

  /** Starts XAPI, again or at last, with the records the fixture began with. */
  async startXapi(): Promise<void> {
    await this.killXapi();
    await this.run(["rm", "-f", "/var/lib/xcp/xapi"]);
    this.xapi = await XapiProcess.start(this.namespace, this.fixture);
  }

  /** Ends every process inside and waits until nothing of it is left. */
  async stop(): Promise<void> {
    await this.namespace.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
