import { join } from "node:path";
import { XAPI_SOCKET, XENSTORE_SOCKET } from "./files.ts";
import type { HostFixture } from "./fixture/host-fixture.ts";
import { Lines } from "./lines.ts";
import { type Namespace, SYSTEM_PATH } from "./namespace.ts";
import { SHARED } from "./namespace-scripts.ts";
import { childOf } from "./running.ts";
import { SimulatorControl } from "./simulator/control.ts";

const SIMULATOR = join(import.meta.dir, "simulator", "main.ts");

/** The XAPI of a dom0: the simulator, running inside as xapi does. */
export class XapiProcess {
  private constructor(
    private readonly process: Bun.Subprocess,
    readonly control: SimulatorControl,
  ) {}

  /** Starts it from a database, and puts it into the mode that the scenarios ask for. */
  static async start(namespace: Namespace, fixture: HostFixture): Promise<XapiProcess> {
    const control = join(namespace.directory, "control");
    const log = Bun.file(join(namespace.directory, "xapi.log"));
    await Bun.write(join(namespace.directory, "database.json"), JSON.stringify(fixture.database));
    const paths = ["--database", `${SHARED}/database.json`, "--control", `${SHARED}/control`];
    const argv = [process.execPath, SIMULATOR, ...paths, "--socket", XAPI_SOCKET, "--xenstore", XENSTORE_SOCKET];
    const entry = { env: { PATH: SYSTEM_PATH, HOME: "/root" }, cwd: "/", place: "pipes" } as const;
    const child = Bun.spawn(namespace.command([...argv, "--host", fixture.host.record.uuid], entry), {
      detached: true,
      stdin: "ignore",
      stdout: "pipe",
      stderr: log,
    });
    child.unref();
    if ((await new Lines(child.stdout).after("ready")) === undefined) {
      throw new Error(`the XAPI simulator did not start: ${await log.text()}`);
    }
    const xapi = new XapiProcess(child, new SimulatorControl(control));
    const mode = getMode(fixture);
    if (mode !== undefined) await xapi.control.fault({ fault: mode });
    return xapi;
  }

  /** Ends it as a crash would: nothing answers any more, the socket stays. */
  async kill(): Promise<void> {
    const child = childOf(this.process.pid);
    if (child !== undefined) process.kill(child, "SIGKILL");
    await this.process.exited;
  }
}

function getMode({ scenarios }: HostFixture) {
  for (const mode of ["starting", "emergency", "old-member"] as const) {
    if (scenarios.has(mode)) return mode;
  }
  return undefined;
}
