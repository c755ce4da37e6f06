import type { BootLayer } from "../boot-layer.ts";
import type { LiveView } from "../disable/steps.ts";
import { KEYWORDS, type Keyword } from "../features.ts";
import { devicesOf, type Interface, nameOf, uuidOf } from "../interface.ts";
import type { Inventory, OtherConfig, Pif } from "../inventory.ts";
import type { Kernel, NetworkRecords } from "../ports.ts";
import type { DeviceReport, FeatureReport } from "../report.ts";
import { deadRecords } from "../settings.ts";
import { coveredOnNic, coveredOnVif } from "../verify/coverage.ts";
import type { Hook } from "./third-party-hooks.ts";

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
  readonly on: readonly Keyword[];
  readonly onFixed: readonly Keyword[];
  readonly off: readonly Keyword[];
  readonly offFixed: readonly Keyword[];
  /** Off, but requested on: on by itself as soon as nothing stands in its way. */
  readonly latent: readonly Keyword[];
  readonly absent: readonly Keyword[];
  readonly recordedOff: readonly Keyword[];
  readonly recordedOn: readonly Keyword[];
  /** Turned off at boot, or when the interface appears, by what `persist` has installed. */
  readonly persisted: readonly Keyword[];
}

/** A key of XAPI's that looks as if it concerned the offloads of something. */
export interface StrayRecord {
  readonly of: "pif" | "vif" | "network";
  readonly uuid: string;
  /** What the object is called here. */
  readonly name: string;
  readonly key: string;
  readonly value: string;
  /** Why it does nothing, or what it does instead. */
  readonly because: string;
}

/** A file that this program keeps on disk. */
export interface OwnNote {
  readonly file: string;
  readonly bytes: number;
  /** When it was written last, in UTC (ISO 8601). */
  readonly written: string;
}

/** A step to take, and why. */
export interface Advice {
  readonly because: string;
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
  readonly deadRecords: readonly StrayRecord[];
  /** Records of networks, which are applied to the bridge and to nothing else. */
  readonly networkRecords: readonly StrayRecord[];
  /** Files of others that touch offloads. */
  readonly hooks: readonly Hook[];
  /** What `offload` keeps on this host's disk: this boot's kernel bits, a pending change, the lock. */
  readonly ownNotes: readonly OwnNote[];
  /** What could not be looked at. */
  readonly unread: readonly { readonly what: string; readonly because: string }[];
  readonly advice: readonly Advice[];
}

/** Sorts the features of a device by what is true of them. */
export function summarise(report: DeviceReport, boot: BootLayer | null): DeviceSummary {
  const { device, kind, uuid, vm, management, features } = report;
  const those = (is: (feature: FeatureReport) => boolean) =>
    KEYWORDS.filter((keyword) => {
      const feature = features[keyword];
      return feature !== undefined && is(feature);
    });
  const latent = ({ live, fixed, requested }: FeatureReport) =>
    live === "off" && requested && !fixed;
  return {
    device,
    kind,
    uuid,
    vm,
    management,
    on: those(({ live, fixed }) => live === "on" && !fixed),
    onFixed: those(({ live, fixed }) => live === "on" && fixed),
    off: those((feature) => feature.live === "off" && !feature.fixed && !latent(feature)),
    offFixed: those(({ live, fixed }) => live === "off" && fixed),
    latent: those(latent),
    absent: those(({ live }) => live === "absent"),
    recordedOff: those(({ recorded }) => recorded === "off"),
    recordedOn: those(({ recorded }) => recorded === "on"),
    persisted: persistedOn(report, boot),
  };
}

function persistedOn(
  { device, kind, vm }: DeviceReport,
  boot: BootLayer | null,
): readonly Keyword[] {
  if (boot?.state !== "current" || boot.covers === null || device === null) return [];
  if (kind === "pif") return coveredOnNic(boot.covers, device);
  const number = device.slice(device.indexOf(".") + 1);
  return vm === null ? boot.covers.vifs : coveredOnVif(boot.covers, vm.uuid, number);
}

const NO_DRIVER = { name: "", version: "", firmware: "", bus: "", pci: "" };

/** Who drives each NIC that is there, and in which firmware. */
export function nicDrivers(
  interfaces: readonly Interface[],
  { existing }: LiveView,
  kernel: Kernel,
): readonly NicDriver[] {
  // Drivers write "N/A" where they mean nothing.
  const orNull = (text: string) => (text.trim() === "N/A" ? null : text.trim() || null);
  const nics = interfaces.filter(
    (one) => one.kind === "pif" || (one.kind === "bare" && one.as === "pif"),
  );
  return nics
    .flatMap((nic) => devicesOf(nic, existing).filter(({ name }) => existing.has(name)))
    .map(({ name: device }) => {
      const reading = kernel.driver(device);
      const { name, version, firmware, bus, pci } = reading.known ? reading.value : NO_DRIVER;
      return {
        device,
        driver: orNull(name),
        version: orNull(version),
        firmware: orNull(firmware),
        bus: orNull(bus),
        pci: orNull(pci),
      };
    });
}

/** Records of these interfaces that nothing reads. */
export function strayRecords(interfaces: readonly Interface[]): readonly StrayRecord[] {
  return interfaces.flatMap((subject) => {
    const uuid = uuidOf(subject);
    if (uuid === null || subject.kind === "bare") return [];
    return deadRecords(subject).map((dead) => ({
      of: subject.kind,
      uuid,
      name: nameOf(subject),
      ...dead,
    }));
  });
}

/**
 * Records of this host's PIFs that have no NIC of their own. With Open vSwitch there is no device
 * that they could be applied to (nm.ml linux_pif_config).
 */
export function strayPifRecords(
  { pifs, host }: Inventory,
  backend: string | null,
): readonly StrayRecord[] {
  if (backend === "bridge") return [];
  const mine = pifs.filter((pif) => pif.host.uuid === host.uuid && pif.role !== "physical");
  return mine.flatMap((pif) =>
    offloadKeys(pif.otherConfig).map(([key, value]) => ({
      of: "pif" as const,
      uuid: pif.uuid,
      name: pifName(pif),
      key,
      value,
      because: "it is no NIC's, and Open vSwitch has no device for it",
    })),
  );
}

function pifName({ device, role, vlan }: Pif): string {
  return role === "vlan" ? `${device}, VLAN ${vlan}` : device;
}

/** Records of networks. networkd applies them to the bridge's own device (nm.ml bring_pif_up). */
export function networkRecords(networks: readonly NetworkRecords[]): readonly StrayRecord[] {
  return networks.flatMap(({ uuid, name, bridge, otherConfig }) =>
    offloadKeys(otherConfig).map(([key, value]) => ({
      of: "network" as const,
      uuid,
      name,
      key,
      value,
      because: `it is for the bridge ${bridge} itself, not for NICs or VIFs`,
    })),
  );
}

function offloadKeys(config: OtherConfig): readonly (readonly [key: string, value: string])[] {
  return [...config].filter(([key]) => /^ethtool/i.test(key));
}
