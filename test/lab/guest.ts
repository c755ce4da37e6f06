import type { Vif, Vm } from "../dom0/fixture/database.ts";
import type { BootedDom0 } from "./dom0.ts";
import { TIMEOUTS_MS } from "./lab.ts";

const CONFIGURATION = "/root/guest.cfg";

/** What xl starts: the VM of this UUID, Linux without a disk, its one interface on the bridge xenbr0. */
const configuration = (uuid: string) => `name = "guest"
uuid = "${uuid}"
type = "pv"
kernel = "/boot/lab-guest-kernel"
ramdisk = "/boot/lab-guest-initrd"
extra = "console=hvc0 loglevel=4 mitigations=off"
memory = 192
vcpus = 1
on_reboot = "restart"
vif = [ "mac=00:16:3e:00:00:01,bridge=xenbr0" ]
`;

/** A paravirtual Linux that runs beside the dom0, and the records that XAPI has of it. */
export class Guest {
  #domid = -1;

  constructor(
    private readonly dom0: BootedDom0,
    private readonly vm: Vm,
  ) {}

  get name(): string {
    return this.vm.record.name_label;
  }

  get domid(): number {
    return this.#domid;
  }

  /** The interface in dom0 that its eth0 is connected to. */
  get vif(): string {
    return `vif${this.#domid}.0`;
  }

  /** Its only VIF. */
  get records(): Vif {
    const [vif] = this.vm.vifs;
    if (vif === undefined) throw new Error(`${this.name} has no VIF`);
    return vif;
  }

  /** Starts it, waits until its interface is connected, and lets XAPI know. */
  async start(): Promise<void> {
    const { machine } = this.dom0;
    const bridge = "ip link show xenbr0 || { ip link add xenbr0 type bridge; ip link set xenbr0 up; }";
    await machine.text(["sh", "-c", `${bridge}; cat > ${CONFIGURATION}`], {
      stdin: configuration(this.vm.record.uuid),
    });
    await machine.text(["xl", "create", CONFIGURATION], { timeoutMs: TIMEOUTS_MS.guest });
    await this.waitUntilConnected();
  }

  /** Has it reboot, which gives it a new domain and a new interface, and lets XAPI know. */
  async reboot(): Promise<void> {
    await this.dom0.machine.text(["xl", "reboot", "guest"]);
    await this.waitUntilConnected();
  }

  /** What it wrote to its console. */
  async console(): Promise<string> {
    const { stdout } = await this.dom0.machine.run(["sh", "-c", "cat /var/log/xen/console/*"]);
    return stdout;
  }

  private async waitUntilConnected(): Promise<void> {
    const { machine, fixture } = this.dom0;
    const end = Date.now() + TIMEOUTS_MS.guest;
    for (;;) {
      const domid = Number((await machine.run(["xl", "domid", "guest"])).stdout.trim() || -1);
      if (domid > this.#domid) {
        // XenbusStateConnected: both ends have what they need of each other.
        const state = ["xenstore-read", `/local/domain/0/backend/vif/${domid}/0/state`];
        if ((await machine.run(state)).stdout.trim() === "4") {
          this.#domid = domid;
          return this.setPowerState("Running", fixture.host.ref);
        }
      }
      if (Date.now() > end) {
        throw new Error(`the guest did not connect; its console:\n${await this.console()}`);
      }
      await Bun.sleep(2000);
    }
  }

  private setPowerState(power: string, host: string): Promise<void> {
    const { ref } = this.vm;
    return this.dom0.setRecords(
      ["VM", ref, "power_state", power],
      ["VM", ref, "domid", this.#domid],
      ["VM", ref, "resident_on", host],
      ["VIF", this.records.ref, "currently_attached", power === "Running"],
    );
  }
}
