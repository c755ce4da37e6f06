import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { serveControl } from "../simulator/control-server.ts";
import { Database } from "../simulator/database.ts";
import { type Ended, Plugins } from "../simulator/plugins.ts";
import { Coordinator, Simulator } from "../simulator/simulator.ts";
import { PoolFile } from "./pool-file.ts";
import { serveXenstore } from "./xenstore.ts";

/**
 * The XAPIs of a pool in one process: a socket for each host, behind all of them the one coordinator.
 * Its one argument is the pool's file. It prints `ready`.
 */
const [file = ""] = process.argv.slice(2);
const { database: content, hosts, control } = v.parse(PoolFile, await Bun.file(file).json());
const database = Database.from(content);
const outputs = await mkdtemp(join(tmpdir(), "pool-"));
let started = 0;

const plugins = new Plugins(database, async (uuid, plugin, argument): Promise<Ended> => {
  const host = hosts.find((one) => one.uuid === uuid);
  if (host === undefined) return null;
  // To a file, as forkhelpers.ml has it; the exit status that says "none" is nobody else's.
  const out = join(outputs, String(started++));
  const child = Bun.spawn([...host.start, `/etc/xapi.d/plugins/${plugin}`, argument], {
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
});

/** Domains that are not what the records say: of a VM that is on its way. */
const surprises = new Map<string, string>();
const coordinator = new Coordinator(database, plugins);
const simulators = hosts.map(({ uuid, ref, socket, xenstore, member }) => {
  const simulator = new Simulator(database, socket, ref, coordinator);
  simulator.start();
  if (member) simulator.setFault({ fault: "member" });
  const server = serveXenstore(xenstore, (domid) => {
    const surprise = surprises.get(`${uuid} ${domid}`);
    if (surprise !== undefined) return surprise === "" ? undefined : surprise;
    const vm = [...database.records("VM").values()].find(
      (one) => one["resident_on"] === ref && one["domid"] === domid,
    );
    return vm === undefined ? undefined : String(vm["uuid"]);
  });
  return { simulator, server };
});
const [first] = simulators;
if (first === undefined) throw new Error("a pool has at least one host");
const controlServer = serveControl(first.simulator, control, {
  "POST /offline": (body) => {
    plugins.offline = new Set(v.parse(v.array(v.string()), body));
  },
  "POST /domain": (body) => {
    const { host, domid, vm } = v.parse(
      v.object({ host: v.string(), domid: v.number(), vm: v.nullable(v.string()) }),
      body,
    );
    surprises.set(`${host} ${domid}`, vm ?? "");
  },
});

async function stop(): Promise<void> {
  for (const { simulator, server } of simulators) {
    simulator.stop();
    server.close();
  }
  controlServer.stop();
  await Promise.all(
    [outputs, dirname(file)].map((path) => rm(path, { recursive: true, force: true })),
  );
  process.exit(0);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
// Whoever started it holds the other end: it ends with them, however that comes.
process.stdin.on("end", () => void stop());
process.stdin.resume();
console.log("ready");
