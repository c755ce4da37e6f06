import { parseArgs } from "node:util";
import * as v from "valibot";
import { machineBehind } from "../toolstack/machine.ts";
import { Networkd } from "../toolstack/networkd.ts";
import { networkdControls } from "../toolstack/networkd-controls.ts";
import { PifMethods } from "../toolstack/pif-methods.ts";
import { Xenopsd } from "../toolstack/xenopsd.ts";
import { DomainSchema, Domains, serveXenstore } from "../toolstack/xenstore.ts";
import { serveControl } from "./control-server.ts";
import { Coordinator } from "./coordinator.ts";
import { Database } from "./database.ts";
import { Simulator } from "./simulator.ts";

const USAGE = "main.ts --database FILE --socket PATH --control PATH [--host UUID] [--xenstore PATH]";

const { values } = parseArgs({
  options: {
    /** The records, as JSON. */
    database: { type: "string" },
    /** Where XAPI listens. */
    socket: { type: "string" },
    /** Where the tests steer. */
    control: { type: "string" },
    /** The host this is; without it, the coordinator of the pool. */
    host: { type: "string" },
    /** Where xenstored listens; without it there is none. */
    xenstore: { type: "string" },
  },
});

const { database: file, socket, control, host, xenstore } = values;
if (file === undefined || socket === undefined || control === undefined) throw new Error(USAGE);

const coordinator = new Coordinator(Database.from(await Bun.file(file).json()));
const simulator = new Simulator({
  coordinator,
  socket,
  ...(host !== undefined && { host: hostRef(host) }),
});
const networkd = new Networkd(machineBehind());
await networkd.load();
const pifs = new PifMethods(coordinator, async (ref) => (ref === simulator.host ? networkd : undefined));
pifs.install();
const xenopsd = new Xenopsd(coordinator.database);
const domains = new Domains(coordinator.database, simulator.host);
simulator.start();
if (xenstore !== undefined) serveXenstore(xenstore, domains);
const controlServer = serveControl(simulator, control, {
  ...networkdControls(networkd, () => pifs.startOfDay(simulator.host)),
  "POST /xenopsd": () => xenopsd.toJson(),
  "POST /domain": (body) => domains.override(v.parse(DomainSchema, body)),
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    simulator.stop();
    controlServer.stop();
    process.exit(0);
  });
}
console.log("ready");

function hostRef(uuid: string): string {
  const found = [...coordinator.database.records("host")].find(([, record]) => record["uuid"] === uuid);
  if (found === undefined) throw new Error(`no host ${uuid} in the database`);
  return found[0];
}
