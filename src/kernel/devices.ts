import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { unavailableError } from "../core/command-error.ts";
import type { DeviceReading, FeatureSnapshot } from "../core/disable/steps.ts";
import { type FeatureRequest, KernelFeatureTable } from "../core/feature-set.ts";
import type { Driver, Kernel, LookupResult, WriteOutcome } from "../core/ports.ts";
import { SYS_CLASS_NET } from "../paths.ts";
import { DriverReader, FeatureAccess, readFeatureNames } from "./ethtool.ts";
import { EthtoolSocket } from "./ethtool-socket.ts";
import { readPciId } from "./software.ts";

/** The drivers of devices that have no NIC of their own (br_getinfo, bond_main.c, vlan_fullname). */
const STACKED_DRIVERS: ReadonlySet<string> = new Set(["bridge", "bonding", "802.1Q VLAN Support"]);

const NEVER_READ = "it was never read";
const NOT_WRITTEN: WriteOutcome = { done: false, deviceRemoved: false, reason: NEVER_READ };

/** The network devices of the namespace that this process is in. */
export class NetworkDevices implements Kernel, Disposable {
  readonly #socket = new EthtoolSocket();
  readonly #drivers = new DriverReader(this.#socket);
  #features: FeatureAccess | undefined;

  readFeatures(selectDevices: (existing: ReadonlySet<string>) => Iterable<string>): FeatureSnapshot {
    const existing = listDevices();
    const features = this.#openFeatures(existing);
    const readings = new Map<string, DeviceReading>();
    for (const device of selectDevices(existing)) {
      readings.set(device, features.read(device));
    }
    return {
      featureTable: features.featureTable,
      existing,
      readings,
    };
  }

  hasLowerDevices(device: string): boolean {
    const driver = this.#drivers.readName(device);
    if (driver !== "") return STACKED_DRIVERS.has(driver);
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

  readIfindex(device: string): number | null {
    return this.#socket.readIfindex(device);
  }

  hasCarrier(device: string): boolean {
    try {
      return readFileSync(`${SYS_CLASS_NET}/${device}/carrier`, "utf8").trim() === "1";
    } catch {
      // A device that is down answers EINVAL: it has none.
      return false;
    }
  }

  readDriver(device: string): LookupResult<Driver> {
    const driver = this.#drivers.read(device);
    return driver.found ? { found: true, value: { ...driver.value, pci: readPciId(device) } } : driver;
  }

  rereadFeatures(snapshot: FeatureSnapshot, devices: Iterable<string>): FeatureSnapshot {
    const readings = new Map(snapshot.readings);
    for (const device of devices) {
      readings.set(device, this.#features?.read(device) ?? { state: "unreadable", reason: NEVER_READ });
    }
    return { ...snapshot, readings };
  }

  requestFeatures(device: string, featureRequest: FeatureRequest): WriteOutcome {
    return this.#features?.request(device, featureRequest) ?? NOT_WRITTEN;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** The kernel's names can be asked of any device, so the first that answers serves. */
  #openFeatures(existing: ReadonlySet<string>): FeatureAccess {
    if (this.#features !== undefined) return this.#features;
    for (const device of existing) {
      const names = readFeatureNames(this.#socket, device);
      if (names === null) continue;
      this.#features = new FeatureAccess(this.#socket, new KernelFeatureTable(names));
      return this.#features;
    }
    throw unavailableError("no-ethtool", "the kernel names no network device features on this host");
  }
}

function listDevices(): ReadonlySet<string> {
  try {
    return new Set(readdirSync(SYS_CLASS_NET));
  } catch {
    throw unavailableError("no-sysfs", `${SYS_CLASS_NET} cannot be read; is /sys mounted?`);
  }
}
