import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import type { LiveView, Observation } from "../core/disable/steps.ts";
import { type ChangeableBits, type FeatureWish, KernelFeatures } from "../core/feature-set.ts";
import type { Driver, Kernel, Reading, WriteOutcome } from "../core/ports.ts";
import { type Result, success, unavailable } from "../core/result.ts";
import { ERRNO, EthtoolSocket, errnoWords, type IoctlResult } from "../fs/kernel-libc.ts";
import { DriverInfo, FeatureAccess, readFeatureNames } from "./ethtool.ts";
import { pciIdOf } from "./software.ts";

const SYS_CLASS_NET = "/sys/class/net";

/** The drivers of devices that have no NIC of their own (br_getinfo, bond_main.c, vlan_fullname). */
const ON_OTHERS: ReadonlySet<string> = new Set(["bridge", "bonding", "802.1Q VLAN Support"]);

interface Door {
  readonly access: FeatureAccess;
  readonly kernel: KernelFeatures;
}

/** The network devices of the namespace that this process is in. */
export class NetworkDevices implements Kernel, Disposable {
  readonly #socket = new EthtoolSocket();
  readonly #drivers = new DriverInfo(this.#socket);
  #door: Door | undefined;

  observe(wanted: (existing: ReadonlySet<string>) => Iterable<string>): Result<LiveView> {
    const existing = listDevices();
    if (!existing.ok) return existing;
    const door = this.#open(existing.value);
    if (!door.ok) return door;
    const observations = new Map<string, Observation>();
    for (const device of wanted(existing.value)) {
      observations.set(device, this.#read(door.value.access, device));
    }
    return success({ kernel: door.value.kernel, existing: existing.value, observations });
  }

  standsOnOthers(device: string): boolean {
    const driver = this.#drivers.nameOf(device);
    if (driver !== "") return ON_OTHERS.has(driver);
    const path = `${SYS_CLASS_NET}/${device}`;
    if (existsSync(`${path}/bridge`) || existsSync(`${path}/bonding`)) return true;
    return /^DEVTYPE=vlan$/m.test(readFileSync(`${path}/uevent`, "utf8"));
  }

  isNic(device: string): boolean {
    const path = `${SYS_CLASS_NET}/${device}/device`;
    // Hardware behind it, that is no SR-IOV function for a guest, nor a guest's vif.
    if (!existsSync(path) || existsSync(`${path}/physfn`)) return false;
    const bus = `${path}/subsystem`;
    return !existsSync(bus) || basename(realpathSync(bus)) !== "xen-backend";
  }

  ifindexOf(device: string): number | null {
    return this.#socket.ifindexOf(device);
  }

  hasCarrier(device: string): boolean {
    try {
      return readFileSync(`${SYS_CLASS_NET}/${device}/carrier`, "utf8").trim() === "1";
    } catch {
      // A device that is down answers EINVAL: it has none.
      return false;
    }
  }

  driver(device: string): Reading<Driver> {
    const answer = this.#drivers.read(device);
    return answer.ok
      ? { known: true, value: { ...answer.value, pci: pciIdOf(device) } }
      : { known: false, because: errnoWords(answer.errno) };
  }

  observeAgain(view: LiveView, devices: Iterable<string>): LiveView {
    const observations = new Map(view.observations);
    for (const device of devices) {
      const observation: Observation =
        this.#door === undefined
          ? { state: "unreadable", because: "it was never read" }
          : this.#read(this.#door.access, device);
      observations.set(device, observation);
    }
    return { ...view, observations };
  }

  clear(device: string, bits: ChangeableBits): WriteOutcome {
    return outcomeOf(this.#door?.access.clear(device, bits));
  }

  request(device: string, wish: FeatureWish): WriteOutcome {
    return outcomeOf(this.#door?.access.request(device, wish));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** The kernel's names can be asked of any device, so the first that answers serves. */
  #open(existing: ReadonlySet<string>): Result<Door> {
    if (this.#door !== undefined) return success(this.#door);
    for (const device of existing) {
      const names = readFeatureNames(this.#socket, device);
      if (!names.ok) continue;
      this.#door = {
        access: new FeatureAccess(this.#socket, names.value.length),
        kernel: new KernelFeatures(names.value),
      };
      return success(this.#door);
    }
    return unavailable("no-ethtool", "the kernel names no network device features on this host");
  }

  #read(access: FeatureAccess, device: string): Observation {
    const answer = access.read(device);
    if (answer.ok) return { state: "read", features: answer.value };
    return answer.errno === ERRNO.ENODEV
      ? { state: "missing" }
      : { state: "unreadable", because: errnoWords(answer.errno) };
  }
}

const DONE: WriteOutcome = { done: true };

function outcomeOf(answer: IoctlResult | undefined): WriteOutcome {
  if (answer === undefined) return { done: false, gone: false, because: "it was never read" };
  if (answer.ok) return DONE;
  const gone = answer.errno === ERRNO.ENODEV;
  return { done: false, gone, because: errnoWords(answer.errno) };
}

function listDevices(): Result<ReadonlySet<string>> {
  try {
    return success(new Set(readdirSync(SYS_CLASS_NET)));
  } catch {
    return unavailable("no-sysfs", `${SYS_CLASS_NET} cannot be read; is /sys mounted?`);
  }
}
