import * as v from "valibot";
import { SimulatorControl } from "../../dom0/simulator/control.ts";

/** Runs inside a lab machine, where the simulator's control socket is. */
const USAGE = "xapi-control database | xapi-control set JSON";

const FIELDS = v.array(v.tuple([v.string(), v.string(), v.string(), v.unknown()]));

const control = new SimulatorControl("/run/lab/control");
const [command, argument] = process.argv.slice(2);
if (command === "database") {
  console.log(JSON.stringify(await control.database()));
} else if (command === "set" && argument !== undefined) {
  await control.set(...v.parse(FIELDS, JSON.parse(argument)));
} else {
  throw new Error(USAGE);
}
