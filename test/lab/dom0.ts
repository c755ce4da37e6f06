import * as v from "valibot";
import { dom0Files } from "../dom0/files.ts";
import { buildHostFixture, type HostFixture } from "../dom0/fixture/host-fixture.ts";
import { type DatabaseContent, DatabaseSchema } from "../dom0/simulator/control-protocol.ts";
import { NICS } from "./hardware.ts";
import { Machine, type MachineOptions } from "./machine.ts";

/** A field of a record: class, reference, field, value. */
export type FieldChange = readonly [string, string, string, unknown];

/** How a dom0 is booted; its files come from the world that its XAPI knows. */
export type BootedDom0Options = Omit<MachineOptions, "files">;

const CONTROL = ["/usr/lib/lab/bun", "/usr/lib/lab/xapi-control.js"];

/** A machine that is a dom0: the files of one, and a simulated XAPI that knows its NICs. */
export class BootedDom0 {
  private constructor(
    readonly machine: Machine,
    readonly fixture: HostFixture,
  ) {}

  /** Boots one. On Xen its XAPI knows one VM, which does not run yet; elsewhere only resting ones. */
  static async start(options: BootedDom0Options): Promise<BootedDom0> {
    const fixture = buildHostFixture({
      nics: NICS.length,
      vms: options.kind === "xen" ? 1 : 0,
      vifs: 1,
    });
    for (const { record, vifs } of fixture.running) {
      Object.assign(record, { power_state: "Halted", domid: -1, resident_on: "OpaqueRef:NULL" });
      for (const vif of vifs) vif.record.currently_attached = false;
    }
    const files = new Map([...dom0Files(fixture)].filter(([path]) => !path.startsWith("/run/")));
    files.set("/var/lib/lab/database.json", JSON.stringify(fixture.database));
    return new BootedDom0(await Machine.start({ ...options, files }), fixture);
  }

  /** What XAPI's records are now. */
  async database(): Promise<DatabaseContent> {
    return v.parse(DatabaseSchema, JSON.parse(await this.machine.text([...CONTROL, "database"])));
  }

  /** Changes fields of XAPI's records, as its toolstack would. */
  async setRecords(...fields: readonly FieldChange[]): Promise<void> {
    await this.machine.text([...CONTROL, "set", JSON.stringify(fields)]);
  }
}
