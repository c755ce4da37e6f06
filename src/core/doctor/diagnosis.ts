import type { BootLayer } from "../boot-layer.ts";
import type { FeatureSnapshot } from "../disable/steps.ts";
import { FEATURE_NAMES, type Feature } from "../features.ts";
import { formatInterfaceName, getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import type { Inventory, OtherConfig, Pif } from "../inventory.ts";
import type { Kernel, NetworkSettings } from "../ports.ts";
import type { DeviceReport, FeatureReport } from "../report.ts";
import { ineffectiveSettings } from "../settings.ts";
import { getCoveredNicFeatures, getCoveredVifFeatures } from "../verify/coverage.ts";
import type { ThirdPartyHook } from "./third-party-hooks.ts";

/** A part of the host's software; `version` is null where it is not there or not known. */
export interface Software {
  readonly part: string;
  readonly version: string | null;
  /** Who says so: `XAPI`, or a file. */
  readonly from: string;
}

/** A NIC's driver in its own words; null where it gives none. */
export interface NicDriver {
  readonly device: string;
  readonly driver: string | null;
  readonly version: string | null;
  readonly firmware: string | null;
  readonly bus: string | null;
  /** Vendor and device of PCI, such as `8086:15bc`. */
  readonly pci: string | null;
}

/** The features of one device, by what is true of them. A feature may stand in several lists. */
export interface DeviceSummary {
  readonly device: string | null;
  readonly kind: "pif" | "vif";
  readonly uuid: string | null;
  readonly vm: DeviceReport["vm"];
  readonly management: boolean;
  readonly on: readonly Feature[];
  readonly onFixed: readonly Feature[];
  readonly off: readonly Feature[];
  readonly offFixed: readonly Feature[];
  /** Off, but requested on: on by itself as soon as nothing stands in its way. */
  readonly requestedOn: readonly Feature[];
  readonly absent: readonly Feature[];
  readonly xapiOff: readonly Feature[];
  readonly xapiOn: readonly Feature[];
  /** Turned off at boot, or when the interface appears, by what `persist` has installed. */
  readonly persisted: readonly Feature[];
}

/** A key of XAPI's that looks as if it concerned the offloads of something. */
export interface OffloadSetting {
  readonly of: "pif" | "vif" | "network";
  readonly uuid: string;
  /** What the object is called here. */
  readonly name: string;
  readonly key: string;
  readonly value: string;
  /** Why it does nothing, or what it does instead. */
  readonly reason: string;
}

/** A file that this program keeps on disk. */
export interface StateFile {
  readonly file: string;
  readonly bytes: number;
  /** When it was written last, in UTC (ISO 8601). */
  readonly written: string;
}

/** A step to take, and why. */
export interface Advice {
  readonly reason: string;
  readonly command: string;
}

/** What `doctor` has to say beyond a report. */
export interface Diagnosis {
  /** When this was true, in UTC (ISO 8601). */
  readonly taken: string;
  /** Whether names and addresses are replaced by placeholders. */
  readonly redacted: boolean;
  readonly software: readonly Software[];
  readonly nics: readonly NicDriver[];
  readonly devices: readonly DeviceSummary[];
  /** Records that nothing reads. */
  readonly ineffectiveSettings: readonly OffloadSetting[];
  /** Records of networks, which are applied to the bridge and to nothing else. */
  readonly networkSettings: readonly OffloadSetting[];
  /** Files of others that touch offloads. */
  readonly hooks: readonly ThirdPartyHook[];
  /** What `offload` keeps on this host's disk: this boot's kernel bits, a pending change, the lock. */
  readonly stateFiles: readonly StateFile[];
  /** What could not be looked at. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  readonly advice: readonly Advice[];
}

/** Sorts the features of a device by what is true of them. */
export function summarizeDevice(report: DeviceReport, boot: BootLayer | null): DeviceSummary {
  const { device, kind, uuid, vm, management, features } = report;
  const filterFeatures = (predicate: (feature: FeatureReport) => boolean) =>
    FEATURE_NAMES.filter((feature) => {
      const featureReport = features[feature];
      return featureReport !== undefined && predicate(featureReport);
    });
  const isRequestedOn = ({ live, fixed, requested }: FeatureReport) => live === "off" && requested && !fixed;
  return {
    device,
    kind,
    uuid,
    vm,
    management,
    on: filterFeatures(({ live, fixed }) => live === "on" && !fixed),
    onFixed: filterFeatures(({ live, fixed }) => live === "on" && fixed),
    off: filterFeatures((feature) => feature.live === "off" && !feature.fixed && !isRequestedOn(feature)),
    offFixed: filterFeatures(({ live, fixed }) => live === "off" && fixed),
    requestedOn: filterFeatures(isRequestedOn),
    absent: filterFeatures(({ live }) => live === "absent"),
    xapiOff: filterFeatures(({ xapi }) => xapi === "off"),
    xapiOn: filterFeatures(({ xapi }) => xapi === "on"),
    persisted: listPersistedFeatures(report, boot),
  };
}

function listPersistedFeatures({ device, kind, vm }: DeviceReport, boot: BootLayer | null): readonly Feature[] {
  if (boot?.state !== "up-to-date" || boot.covers === null || device === null) return [];
  if (kind === "pif") return getCoveredNicFeatures(boot.covers, device);
  const vifNumber = device.slice(device.indexOf(".") + 1);
  return vm === null ? boot.covers.vifs : getCoveredVifFeatures(boot.covers, vm.uuid, vifNumber);
}

const NO_DRIVER = { name: "", version: "", firmware: "", bus: "", pci: "" };

/** Who drives each NIC that is there, and in which firmware. */
export function readNicDrivers(
  interfaces: readonly Interface[],
  { existing }: FeatureSnapshot,
  kernel: Kernel,
): readonly NicDriver[] {
  // Drivers write "N/A" where they mean nothing.
  const emptyToNull = (text: string) => (text.trim() === "N/A" ? null : text.trim() || null);
  const nics = interfaces.filter(
    (iface) => iface.kind === "pif" || (iface.kind === "unmanaged" && iface.deviceKind === "pif"),
  );
  return nics
    .flatMap((nic) => listInterfaceDevices(nic, existing).filter(({ name }) => existing.has(name)))
    .map(({ name: device }) => {
      const lookup = kernel.readDriver(device);
      const { name, version, firmware, bus, pci } = lookup.found ? lookup.value : NO_DRIVER;
      return {
        device,
        driver: emptyToNull(name),
        version: emptyToNull(version),
        firmware: emptyToNull(firmware),
        bus: emptyToNull(bus),
        pci: emptyToNull(pci),
      };
    });
}

/** Records of these interfaces that nothing reads. */
export function listIneffectiveSettings(interfaces: readonly Interface[]): readonly OffloadSetting[] {
  return interfaces.flatMap((iface) => {
    const uuid = getUuid(iface);
    if (uuid === null || iface.kind === "unmanaged") return [];
    return ineffectiveSettings(iface).map((setting) => ({
      of: iface.kind,
      uuid,
      name: formatInterfaceName(iface),
      ...setting,
    }));
  });
}

/**
 * Records of this host's PIFs that have no NIC of their own. With Open vSwitch there is no device
 * that they could be applied to (nm.ml linux_pif_config).
 */
export function listIneffectivePifSettings(
  { pifs, host }: Inventory,
  backend: string | null,
): readonly OffloadSetting[] {
  if (backend === "bridge") return [];
  const own = pifs.filter((pif) => pif.host.uuid === host.uuid && pif.role !== "physical");
  return own.flatMap((pif) =>
    filterOffloadKeys(pif.otherConfig).map(([key, value]) => ({
      of: "pif" as const,
      uuid: pif.uuid,
      name: describePif(pif),
      key,
      value,
      reason: "it is no NIC's, and Open vSwitch has no device for it",
    })),
  );
}

function describePif({ device, role, vlan }: Pif): string {
  return role === "vlan" ? `${device}, VLAN ${vlan}` : device;
}

/** Records of networks. networkd applies them to the bridge's own device (nm.ml bring_pif_up). */
export function listNetworkSettings(networks: readonly NetworkSettings[]): readonly OffloadSetting[] {
  return networks.flatMap(({ uuid, name, bridge, otherConfig }) =>
    filterOffloadKeys(otherConfig).map(([key, value]) => ({
      of: "network" as const,
      uuid,
      name,
      key,
      value,
      reason: `it is for the bridge ${bridge} itself, not for NICs or VIFs`,
    })),
  );
}

function filterOffloadKeys(config: OtherConfig): readonly (readonly [key: string, value: string])[] {
  return [...config].filter(([key]) => /^ethtool/i.test(key));
}
