import type { BootLayer } from "../boot-layer.ts";
import type { FeatureSnapshot } from "../disable/steps.ts";
import type { Feature } from "../features.ts";
import { formatInterfaceName, getSettings, getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import type { Inventory, Pif } from "../inventory.ts";
import type { Kernel, NetworkSettings } from "../ports.ts";
import type { DeviceReport, NicDriver, OffloadSetting } from "../report.ts";
import type { OtherConfig } from "../settings.ts";
import { getCoveredNicFeatures, getCoveredVifFeatures } from "../verify/coverage.ts";

/** What the boot script turns off on a device, at boot or when it appears. */
export function listBootFeatures(
  { device, kind, vm }: Pick<DeviceReport, "device" | "kind" | "vm">,
  boot: Pick<BootLayer, "state" | "covers"> | null,
): readonly Feature[] {
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

/** Settings of these interfaces that nothing reads. */
export function listIneffectiveSettings(interfaces: readonly Interface[]): readonly OffloadSetting[] {
  return interfaces.flatMap((iface) => {
    const uuid = getUuid(iface);
    if (uuid === null || iface.kind === "unmanaged") return [];
    return getSettings(iface)
      .listIneffective()
      .map((setting) => ({
        of: iface.kind,
        uuid,
        name: formatInterfaceName(iface),
        ...setting,
      }));
  });
}

/**
 * Settings of this host's PIFs that have no NIC of their own. With Open vSwitch there is no device
 * that they could be applied to (nm.ml linux_pif_config).
 */
export function listIneffectivePifSettings(
  { pifs, host }: Inventory,
  backend: string | null,
): readonly OffloadSetting[] {
  if (backend === "bridge") return [];
  const own = pifs.filter((pif) => pif.host.uuid === host.uuid && pif.role !== "physical");
  return own.flatMap((pif) =>
    filterOffloadKeys(pif.settings.otherConfig).map(([key, value]) => ({
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

/** Settings of networks. networkd applies them to the bridge's own device (nm.ml bring_pif_up). */
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
