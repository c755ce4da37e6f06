import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dom0, OFFLOAD } from "../dom0.ts";
import type { HostFixture } from "../fixture/host-fixture.ts";
import { Guests } from "../guests.ts";
import { Lines } from "../lines.ts";
import { Namespace, SYSTEM_PATH } from "../namespace.ts";
import { SHARED } from "../namespace-scripts.ts";
import { SimulatorControl } from "../simulator/control.ts";
import type { PoolFile, XapiStatus } from "./pool-file.ts";
import { buildPool, type PoolOptions } from "./pool-fixture.ts";

const XAPIS = join(import.meta.dir, "main.ts");

/** Where offload is on the hosts of the pool. */
export const INSTALLED = "/usr/local/bin/offload";

/** Where XAPI looks for it. */
export const PLUGIN = "/etc/xapi.d/plugins/offload";

/** How many hosts are made at a time: each takes a few processes. */
const MAX_CONCURRENT_STARTS = 4;

/**
 * What makes a dom0 a host of a pool. `xapi` is a shell under that name, which starts plugins as the
 * real one does: by their path, with PATH alone in the environment, as a child of its own.
 */
const FURNISH = `
set -e
mkdir -p /opt/xensource/bin /etc/xapi.d/plugins /run/xenstored /var/lib/xcp
chmod 700 /var/lib/xcp
cp "$(command -v bash)" /opt/xensource/bin/xapi
ln -s ${SHARED}/xapi /var/lib/xcp/xapi
ln -s ${SHARED}/xenstored /run/xenstored/socket
ln -sf ${OFFLOAD} ${INSTALLED}
ln -s ${INSTALLED} ${PLUGIN}
`;

/** What xapi does to start a plugin (xapi_plugins.ml find_plugin; forkhelpers.ml). 250: there is none. */
const START = `[ -e "$1" ] || [ -L "$1" ] || exit 250; "$@"; exit $?`;

/** A throwaway pool: hosts with devices and files of their own, and one coordinator's XAPI behind all. */
export class Pool {
  /** What happens to the VMs of the pool. */
  readonly guests: Guests;

  private constructor(
    /** The first is the coordinator. */
    readonly hosts: readonly Dom0[],
    private readonly xapis: Bun.Subprocess,
    private readonly directory: string,
  ) {
    this.guests = new Guests(this.simulator, hosts);
  }

  static async start(options: PoolOptions = {}): Promise<Pool> {
    const { database, fixtures } = buildPool(options);
    const directory = await mkdtemp(join(tmpdir(), "pool-"));
    const hosts: Dom0[] = [];
    try {
      for (let at = 0; at < fixtures.length; at += MAX_CONCURRENT_STARTS) {
        hosts.push(...(await Promise.all(fixtures.slice(at, at + MAX_CONCURRENT_STARTS).map(startDom0))));
      }
      const file: PoolFile = {
        database: { ...database },
        hosts: hosts.map(({ fixture, namespace }) => ({
          uuid: fixture.host.record.uuid,
          ref: fixture.host.ref,
          socket: join(namespace.directory, "xapi"),
          xenstore: join(namespace.directory, "xenstored"),
          control: controlOf(namespace),
          enter: namespace.command([], { env: { PATH: SYSTEM_PATH }, cwd: "/", place: "pipes" }),
          start: starting(namespace),
        })),
      };
      await Bun.write(join(directory, "pool.json"), JSON.stringify(file));
      const log = Bun.file(join(directory, "log"));
      const xapis = Bun.spawn([process.execPath, XAPIS, join(directory, "pool.json")], {
        detached: true,
        stdin: "pipe",
        stdout: "pipe",
        stderr: log,
      });
      xapis.unref();
      if ((await new Lines(xapis.stdout).after("ready")) === undefined) {
        throw new Error(`the XAPIs of the pool did not start: ${await log.text()}`);
      }
      return new Pool(hosts, xapis, directory);
    } catch (error) {
      await Promise.all(hosts.map((host) => host.stop()));
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** One of the hosts. */
  host(index: number): Dom0 {
    const host = this.hosts[index];
    if (host === undefined) throw new Error(`this pool has no host ${index}`);
    return host;
  }

  /** The coordinator's XAPI, and what all of them have in common. */
  get simulator(): SimulatorControl {
    return this.host(0).simulator;
  }

  /**
   * Puts the xapi of a host into a state. `down` and `starting`: calls of its plugins end with
   * CANNOT_CONTACT_HOST after the time of `contactTimeout`; `frozen`: they have no answer. Those that still
   * wait when it is `up` again are carried out all at once, whoever has given them up. While the
   * coordinator's is not up, every call on the members hangs.
   */
  async setXapi(host: Dom0, state: XapiStatus): Promise<void> {
    await this.simulator.sendControl("/xapi", { host: host.fixture.host.record.uuid, state });
  }

  /** How long the coordinator tries to reach a xapi that is down: 1 s here, 100 s in reality. */
  async contactTimeout(ms: number): Promise<void> {
    await this.simulator.sendControl("/contact", ms);
  }

  /** Makes the coordinator know of these hosts that they are down. */
  async offline(...hosts: readonly Dom0[]): Promise<void> {
    for (const host of hosts) await this.setXapi(host, "offline");
  }

  /**
   * Makes a domain of a host another VM's, or nobody's (null), while the records still say otherwise; without
   * a VM, what the records say.
   */
  async domain(host: Dom0, domid: number, vm?: string | null): Promise<void> {
    await host.domain(domid, vm);
  }

  /** Puts a script in the place of a host's plugin. */
  async replacePlugin(host: Dom0, script: string): Promise<void> {
    const put = `rm -f ${PLUGIN}; cat > ${PLUGIN}; chmod 755 ${PLUGIN}`;
    const { exitCode, stderr } = await host.run(["sh", "-c", put], { stdin: script });
    if (exitCode !== 0) throw new Error(stderr);
  }

  /** Ends everything in it. */
  async stop(): Promise<void> {
    this.xapis.kill("SIGTERM");
    await this.xapis.exited;
    await Promise.all(this.hosts.map((host) => host.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function startDom0(fixture: HostFixture): Promise<Dom0> {
  const namespace = await Namespace.create(fixture);
  try {
    await namespace.ready();
    const host = Dom0.inPool(fixture, namespace, new SimulatorControl(controlOf(namespace)));
    await host.text(["sh", "-c", FURNISH]);
    return host;
  } catch (error) {
    await namespace.close();
    throw error;
  }
}

function controlOf({ directory }: Namespace): string {
  return join(directory, "control");
}

function starting(namespace: Namespace): string[] {
  const env = { PATH: "/sbin:/usr/sbin:/bin:/usr/bin" };
  const xapi = ["/opt/xensource/bin/xapi", "-c", START, "xapi"];
  return namespace.command(xapi, { env, cwd: "/", place: "pipes" });
}
