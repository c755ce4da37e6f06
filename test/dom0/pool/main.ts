import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as v from "valibot";
import type { Control } from "../simulator/control-server.ts";
import { Coordinator } from "../simulator/coordinator.ts";
import { Database } from "../simulator/database.ts";
import { callPlugin } from "../simulator/plugins.ts";
import { networkdControls } from "../toolstack/networkd-controls.ts";
import { PifMethods } from "../toolstack/pif-methods.ts";
import { Xenopsd } from "../toolstack/xenopsd.ts";
import { DomainSchema } from "../toolstack/xenstore.ts";
import { PoolFile, XapiStatus } from "./pool-file.ts";
import { PoolHost } from "./pool-host.ts";
import { PoolHosts } from "./pool-hosts.ts";

/**
 * The XAPIs of a pool in one process: a socket for each host, behind all of them the one coordinator.
 * Its one argument is the pool's file. It prints `ready`.
 */
const [file = ""] = process.argv.slice(2);
const config = v.parse(PoolFile, await Bun.file(file).json());
const outputs = await mkdtemp(join(tmpdir(), "pool-"));
const coordinator = new Coordinator(Database.from(config.database));
const hosts = config.hosts.map((host) => new PoolHost(host, coordinator, outputs));
const poolHosts = new PoolHosts(hosts, coordinator.host);
coordinator.hostMethods.set("host.call_plugin", callPlugin(coordinator, poolHosts));
const pifs = new PifMethods(coordinator, async (ref) => (await poolHosts.reach(ref)).networkd);
pifs.install();
const xenopsd = new Xenopsd(coordinator.database);

const controls: Readonly<Record<string, Control>> = {
  "POST /xapi": (body) => {
    const { host, state } = v.parse(v.object({ host: v.string(), state: XapiStatus }), body);
    poolHosts.set(host, state);
  },
  "POST /contact": (body) => {
    poolHosts.contactMs = v.parse(v.number(), body);
  },
  "POST /domain": (body) => {
    const { host, ...domain } = v.parse(v.object({ host: v.string(), ...DomainSchema.entries }), body);
    hosts.find(({ uuid }) => uuid === host)?.domains.override(domain);
  },
  "POST /xenopsd": () => xenopsd.toJson(),
};
for (const host of hosts) {
  const own = networkdControls(host.networkd, () => pifs.startOfDay(host.ref));
  await host.start({ ...controls, ...own });
}

async function stop(): Promise<void> {
  for (const host of hosts) host.stop();
  await Promise.all([outputs, dirname(file)].map((path) => rm(path, { recursive: true, force: true })));
  process.exit(0);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
// Whoever started it holds the other end: it ends with them, however that comes.
process.stdin.on("end", () => void stop());
process.stdin.resume();
console.log("ready");
