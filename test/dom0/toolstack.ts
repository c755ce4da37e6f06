import * as v from "valibot";
import type { Dom0 } from "./dom0.ts";

/** Where the kernel tells one boot from another. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** How xapi starts. */
export interface StartOptions {
  /** Away: xapi never gets as far as plugging, and every call hangs. */
  readonly coordinator?: "up" | "away";
}

/** How a host boots. */
export interface BootOptions extends StartOptions {
  /** It went down without writing anything. */
  readonly powerLoss?: boolean;
  /** What runs between networkd's start and xapi's, as a unit of the boot layer does. */
  readonly beforeXapi?: () => Promise<void>;
}

/** The toolstack of a dom0: its networkd and what its xapi does at a start. */
export class Toolstack {
  constructor(private readonly dom0: Dom0) {}

  /** Has networkd write /var/lib/xcp/networkd.db, as its 300 s timer and `Network.sync_state` do. */
  async syncNetworkd(): Promise<void> {
    await this.dom0.simulator.sendControl("/networkd/sync");
  }

  /** The ethtool commands that networkd has run since the last time. */
  async networkdCommands(): Promise<string[]> {
    return v.parse(v.array(v.string()), await this.dom0.simulator.sendControl("/networkd/commands"));
  }

  /** `xe-toolstack-restart`: networkd applies what it remembers, then xapi plugs what it has. */
  async restart({ coordinator = "up" }: StartOptions = {}): Promise<void> {
    await this.#stop(true);
    await this.#start(coordinator);
  }

  /** Brings back the coordinator that was away at the start: what waited for it goes on. */
  async reconnectCoordinator(): Promise<void> {
    await this.dom0.simulator.fault({ fault: "none" });
    await this.dom0.simulator.sendControl("/start-of-day");
  }

  /**
   * A boot, as far as NICs are concerned: they are other devices with everything on, the boot has another id,
   * then networkd and xapi start. VMs and their vifs stay as they are; bring them down first where that matters.
   */
  async reboot({ coordinator = "up", powerLoss, beforeXapi }: BootOptions = {}): Promise<void> {
    await this.#stop(powerLoss !== true);
    for (const device of this.dom0.fixture.devices) {
      if (device.kind === "nic") await this.dom0.link.replace(device);
    }
    await this.#newBootId();
    await this.#start(coordinator, beforeXapi);
  }

  async #stop(isWritten: boolean): Promise<void> {
    await this.dom0.simulator.sendControl("/networkd/stop", { written: isWritten });
    await this.dom0.simulator.fault({ fault: "refuse" });
  }

  async #start(coordinator: "up" | "away", beforeXapi?: () => Promise<void>): Promise<void> {
    const { simulator } = this.dom0;
    await simulator.sendControl("/networkd/start");
    await beforeXapi?.();
    if (coordinator === "up") return await this.reconnectCoordinator();
    await simulator.fault({ fault: "none" });
    await simulator.fault({ fault: "hang" });
  }

  async #newBootId(): Promise<void> {
    const script = `echo ${crypto.randomUUID()} > /run/boot_id; umount ${BOOT_ID} 2> /dev/null
      mount --bind /run/boot_id ${BOOT_ID}`;
    await this.dom0.text(["sh", "-c", script]);
  }
}
