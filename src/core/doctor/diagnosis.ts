import type { BootLayer } from "../boot-layer.ts";
import type { FeatureSnapshot } from "../disable/steps.ts";
import { FEATURE_NAMES, type Feature } from "../features.ts";
import { formatInterfaceName, getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import type { Inventory, OtherConfig, Pif } from "../inventory.ts";
import type { Kernel, NetworkSettings } from "../ports.ts";
import type { DeviceReport, DeviceSummary, FeatureReport, NicDriver, OffloadSetting } from "../report.ts";
import { ineffectiveSettings } from "../settings.ts";
import { getCoveredNicFeatures, getCoveredVifFeatures } from "../verify/coverage.ts";

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
