import { attempt, attemptAsync, CommandError, type Failure } from "../../src/core/command-error.ts";
import type { DeviceReading, FeatureSnapshot } from "../../src/core/disable/steps.ts";
import { type FeatureBits, FeatureSet, type FeatureSetBits, KernelFeatureTable } from "../../src/core/feature-set.ts";
import { FEATURES, type Feature } from "../../src/core/features.ts";
import type { NicInterface, VifInterface } from "../../src/core/interface.ts";
import { locateVif } from "../../src/core/interface.ts";
import type { Host, Inventory, Pif, Vif, Vm } from "../../src/core/inventory.ts";
import { NO_HOST_RULE, type StoredInterfacePolicy } from "../../src/core/policy-entries.ts";
import { type OtherConfig, Settings } from "../../src/core/settings.ts";

/** A UUID that is always the same for a label. */
export function uuidFor(label: string): string {
  const hex = new Bun.CryptoHasher("md5").update(label).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The host that the tests run on, and one more of its pool. */
export const ALPHA: Host = { uuid: uuidFor("host alpha"), name: "alpha" };
export const BETA: Host = { uuid: uuidFor("host beta"), name: "beta" };

/** A map of other_config. */
export function config(entries: Readonly<Record<string, string>> = {}): OtherConfig {
  return new Map(Object.entries(entries));
}

/** What settings are parsed from. */
export interface SettingsSource {
  readonly otherConfig?: OtherConfig;
  readonly stored?: StoredInterfacePolicy;
  readonly groProperty?: string | undefined;
}

/** A PIF or VIF with other settings. */
export function withSettings<T extends Pif | Vif>(object: T, { otherConfig, stored }: SettingsSource): T {
  const { scope, otherConfig: previous, policy } = object.settings;
  return { ...object, settings: new Settings(scope, otherConfig ?? previous, stored ?? policy) };
}

/** A physical PIF of this host, unless said otherwise. */
export function pif(device: string, options: Partial<Pif> & SettingsSource = {}): Pif {
  const { otherConfig, stored, groProperty, ...more } = options;
  const host = more.host ?? ALPHA;
  const label = `pif ${device} ${more.role ?? "physical"} ${more.vlan ?? -1} ${host.name}`;
  return {
    ref: `OpaqueRef:${uuidFor(`ref of ${label}`)}`,
    uuid: uuidFor(label),
    device,
    host,
    network: `OpaqueRef:${uuidFor(`network of ${label}`)}`,
    address: { mode: "None", ip: "", netmask: "", ipv6Mode: "None", ipv6: [] },
    role: "physical",
    vlan: -1,
    management: false,
    managed: true,
    attached: true,
    settings: new Settings({ kind: "pif", isRead: more.managed ?? true, groProperty }, otherConfig, stored),
    slaves: [],
    slaveOf: undefined,
    taggedPif: undefined,
    ...more,
  };
}

/** A VM that runs on this host, unless said otherwise. */
export function vm(name: string, more: Partial<Vm> = {}): Vm {
  return {
    ref: `OpaqueRef:${uuidFor(`ref of vm ${name}`)}`,
    uuid: uuidFor(`vm ${name}`),
    name,
    role: "vm",
    powerState: "Running",
    domid: 1,
    residentOn: ALPHA,
    isMigrating: false,
    ...more,
  };
}

/** A VM that runs nowhere. */
export function haltedVm(name: string, more: Partial<Vm> = {}): Vm {
  return vm(name, { powerState: "Halted", domid: -1, residentOn: undefined, ...more });
}

/** A plugged VIF of a VM. */
export function vif(owner: Vm, device: string, options: Partial<Vif> & SettingsSource = {}): Vif {
  const { otherConfig, stored, ...more } = options;
  return {
    ref: `OpaqueRef:${uuidFor(`ref of vif ${device} of ${owner.uuid}`)}`,
    uuid: uuidFor(`vif ${device} of ${owner.uuid}`),
    device,
    vm: owner,
    attached: true,
    sriov: false,
    settings: new Settings({ kind: "vif", isRead: more.sriov !== true }, otherConfig, stored),
    ...more,
  };
}

/** An inventory of the pool of both hosts, seen from alpha. */
export function inventory(more: Partial<Inventory> = {}): Inventory {
  return {
    host: ALPHA,
    hostRef: "OpaqueRef:local",
    storedHostRule: NO_HOST_RULE,
    hosts: [ALPHA, BETA],
    unreadVmCounts: [],
    pifs: [],
    vms: [],
    vifs: [],
    ...more,
  };
}

/** A PIF as something to look at. */
export function nic(nicPif: Pif, management = false): NicInterface {
  return { kind: "pif", pif: nicPif, management };
}

/** A VIF as something to look at from alpha. */
export function guest(guestVif: Vif): VifInterface {
  return { kind: "vif", vif: guestVif, vm: guestVif.vm, location: locateVif(guestVif, ALPHA.uuid) };
}

/** Names as a kernel has them: those behind the keywords, and neighbors that are none of them. */
export const KERNEL = new KernelFeatureTable([
  "tx-scatter-gather",
  "tx-checksum-ipv4",
  "tx-checksum-ip-generic",
  "tx-checksum-ipv6",
  "highdma",
  "tx-scatter-gather-fraglist",
  "tx-vlan-hw-insert",
  "rx-vlan-hw-parse",
  "rx-vlan-filter",
  "tx-generic-segmentation",
  "rx-gro",
  "rx-lro",
  "tx-tcp-segmentation",
  "tx-udp-fragmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp6-segmentation",
  "tx-gre-segmentation",
  "tx-udp-segmentation",
  "rx-checksum",
  "rx-hashing",
  "rx-ntuple-filter",
  "rx-gro-hw",
  "rx-gro-list",
  "tx-vlan-stag-hw-insert",
]);

/** How one kernel feature stands; "off requested on" comes on by itself where it can. */
export type BitState = "on" | "off" | "on fixed" | "off fixed" | "off requested on" | "on requested off";

/** Bits as one number, the first name's bit the lowest. */
export function toBigInt(bits: FeatureBits): bigint {
  return bits.reduce((sum, block, index) => sum | (BigInt(block >>> 0) << BigInt(index * 32)), 0n);
}

/** The bits of a number, as many as this kernel has names. */
export function bitsFrom(kernel: KernelFeatureTable, number: bigint): FeatureBits {
  const blocks = Math.ceil(kernel.names.length / 32);
  return Array.from({ length: blocks }, (_, index) => Number((number >> BigInt(index * 32)) & 0xffffffffn));
}

/** The bits of kernel features. */
export function bitsNamed(kernel: KernelFeatureTable, ...names: readonly string[]): FeatureBits {
  let sum = 0n;
  for (const name of names) {
    const index = kernel.names.indexOf(name);
    if (index < 0) throw new Error(`this kernel has no ${name}`);
    sum |= 1n << BigInt(index);
  }
  return bitsFrom(kernel, sum);
}

/** The kernel features that the bits stand for. */
export function namesOf(kernel: KernelFeatureTable, bits: FeatureBits): readonly string[] {
  const sum = toBigInt(bits);
  return kernel.names.filter((_, index) => (sum & (1n << BigInt(index))) !== 0n);
}

/** The bits of the kernel features that the table's pattern of a keyword matches. */
export function maskOf(kernel: KernelFeatureTable, feature: Feature): bigint {
  const pattern = FEATURES.find(({ name }) => name === feature)?.kernelPattern ?? "";
  const matcher = new RegExp(`^${pattern.replaceAll("*", ".*")}$`, "s");
  return toBigInt(bitsNamed(kernel, ...kernel.names.filter((name) => matcher.test(name))));
}

/** A feature set by the kernel's names; what is not named is off and fixed. */
export function featureSet(kernel: KernelFeatureTable, states: Readonly<Record<string, BitState>>): FeatureSet {
  const where = (...matchingStates: readonly BitState[]) =>
    bitsNamed(kernel, ...Object.keys(states).filter((name) => matchingStates.some((state) => state === states[name])));
  return new FeatureSet(kernel, {
    active: where("on", "on fixed", "on requested off"),
    requested: where("on", "off requested on"),
    changeable: where("on", "off", "off requested on", "on requested off"),
  });
}

/** A feature set with other bits. */
export function withBits(kernel: KernelFeatureTable, set: FeatureSetBits, bits: Partial<FeatureSetBits>): FeatureSet {
  const { active, requested, changeable } = set;
  return new FeatureSet(kernel, { active, requested, changeable, ...bits });
}

/** An ordinary NIC: everything on, receive checksums and all, but LRO. */
export const NIC_ON = featureSet(KERNEL, {
  "rx-checksum": "on",
  "tx-checksum-ipv4": "on",
  "tx-checksum-ipv6": "on",
  "tx-scatter-gather": "on",
  "tx-tcp-segmentation": "on",
  "tx-tcp6-segmentation": "on",
  "tx-generic-segmentation": "on",
  "rx-gro": "on",
  "rx-vlan-hw-parse": "on",
  "tx-vlan-hw-insert": "on",
  "rx-hashing": "on",
  highdma: "on fixed",
});

/** The same with every default feature off. */
export const NIC_OFF = featureSet(KERNEL, {
  "rx-checksum": "off",
  "tx-checksum-ipv4": "off",
  "tx-checksum-ipv6": "off",
  "tx-scatter-gather": "off",
  "tx-tcp-segmentation": "off",
  "tx-tcp6-segmentation": "off",
  "tx-generic-segmentation": "off",
  "rx-gro": "off",
  "rx-vlan-hw-parse": "on",
  "tx-vlan-hw-insert": "on",
  "rx-hashing": "on",
  highdma: "on fixed",
});

/** A netback device with a guest connected: rx is on and fixed. */
export const VIF_ON = featureSet(KERNEL, {
  "rx-checksum": "on fixed",
  "tx-checksum-ipv4": "on",
  "tx-checksum-ipv6": "on",
  "tx-scatter-gather": "on",
  "tx-scatter-gather-fraglist": "on",
  "tx-tcp-segmentation": "on",
  "tx-tcp6-segmentation": "on",
  "tx-tcp-mangleid-segmentation": "off",
  "tx-generic-segmentation": "on",
  "rx-gro": "on",
});

/** The keys of a PIF, all of them, with one value. */
export function pifSettings(value: string): Readonly<Record<string, string>> {
  const keys = ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"];
  return Object.fromEntries(keys.map((key) => [`ethtool-${key}`, value]));
}

/** The keys of a VIF that the toolstack reads, all of them, with one value. */
export function vifSettings(value: string): Readonly<Record<string, string>> {
  const keys = ["rx", "tx", "sg", "tso", "ufo", "gso"];
  return Object.fromEntries(keys.map((key) => [`ethtool-${key}`, value]));
}

/** A view of devices by name. What is given as an observation is taken as it is. */
export function createSnapshot(
  devices: Readonly<Record<string, FeatureSet | DeviceReading>>,
  featureTable = KERNEL,
): FeatureSnapshot {
  const readings = new Map<string, DeviceReading>();
  const existing = new Set<string>();
  for (const [name, value] of Object.entries(devices)) {
    const reading: DeviceReading = value instanceof FeatureSet ? { state: "read", features: value } : value;
    readings.set(name, reading);
    if (reading.state !== "missing") existing.add(name);
  }
  return { featureTable, existing, readings };
}

/** The failures of work that has to fail. */
export function failuresOf(work: () => unknown): readonly Failure[] {
  const result = attempt(work);
  if (result instanceof CommandError) return result.failures;
  throw new Error("this should have failed");
}

/** The single failure of work that has to fail. */
export function failureOf(work: () => unknown): Failure {
  return single(failuresOf(work));
}

/** The failures of work that takes its time, and has to fail. */
export async function failuresOfAsync(work: () => Promise<unknown>): Promise<readonly Failure[]> {
  const result = await attemptAsync(work);
  return failuresOf(() => {
    if (result instanceof CommandError) throw result;
  });
}

/** The single failure of work that takes its time, and has to fail. */
export async function failureOfAsync(work: () => Promise<unknown>): Promise<Failure> {
  return single(await failuresOfAsync(work));
}

function single(failures: readonly Failure[]): Failure {
  const [first, ...rest] = failures;
  if (first === undefined || rest.length > 0) throw new Error(`${failures.length} failures`);
  return first;
}
