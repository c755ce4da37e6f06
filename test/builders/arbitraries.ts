import fc from "fast-check";
import { FeatureSet, KernelFeatureTable } from "../../src/core/feature-set.ts";
import { FEATURE_NAMES, FEATURES, type Feature } from "../../src/core/features.ts";
import { type Interface, listInterfaceDevices } from "../../src/core/interface.ts";
import type { Host, Inventory, Pif, Vif, Vm } from "../../src/core/inventory.ts";
import { NO_HOST_RULE } from "../../src/core/policy-entries.ts";
import { type OtherConfig, Settings } from "../../src/core/settings.ts";
import { resolveTargets } from "../../src/core/targets/targets.ts";
import { bitsFrom, uuidFor } from "./hosts.ts";

const HOSTS: readonly Host[] = ["alpha", "beta", "gamma"].map((name) => ({
  uuid: uuidFor(`host ${name}`),
  name,
}));

const KERNEL_FEATURE_NAMES = [
  ...FEATURES.map(({ kernelPattern }) => kernelPattern.replace("*", "")),
  "tx-checksum-ipv4",
  "tx-checksum-ip-generic",
  "tx-checksum-sctp",
  "tx-scatter-gather-fraglist",
  "tx-tcp6-segmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp-segmentation-hw",
  "rx-gro-hw",
  "rx-gro-list",
  "tx-udp-segmentation",
  "tx-nocache-copy",
  "highdma",
];

/** Kernels with any of the names, in any order, among others that nobody knows. */
export const kernels: fc.Arbitrary<KernelFeatureTable> = fc
  .uniqueArray(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...KERNEL_FEATURE_NAMES) }, fc.string()), {
    minLength: 1,
    maxLength: 70,
  })
  .map((names) => new KernelFeatureTable(names));

/** Any bits at all, also ones that no driver would show together. */
export function featureSets(kernel: KernelFeatureTable): fc.Arbitrary<FeatureSet> {
  const numbers = fc.bigInt({ min: 0n, max: (1n << BigInt(kernel.names.length)) - 1n });
  const bits = numbers.map((number) => bitsFrom(kernel, number));
  return fc.record({ active: bits, requested: bits, changeable: bits }).map((set) => new FeatureSet(kernel, set));
}

/** Any features, at least one, as the user might name them. */
export const featureLists: fc.Arbitrary<readonly Feature[]> = fc
  .subarray([...FEATURE_NAMES], { minLength: 1 })
  .map((selected) => FEATURE_NAMES.filter((feature) => selected.includes(feature)));

const OTHER_CONFIG_KEYS = [
  ...FEATURE_NAMES.map((feature) => `ethtool-${feature}`),
  "ethtool-speed",
  "ethtool-TSO",
  "ethtooltso",
  "promiscuous",
  "mtu",
];

/** What other_config may hold: our keys, keys of others, any values. */
const otherConfigs: fc.Arbitrary<OtherConfig> = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...OTHER_CONFIG_KEYS) }, fc.string()),
      fc.oneof(fc.constantFrom("off", "false", "on", "true", "OFF", "0", ""), fc.string()),
    ),
    { maxLength: 12 },
  )
  .map((entries) => new Map(entries));

const NAMES = ["web", "db", "ALL", "eth0", "eth1", "", "all", "'; reboot; '", "\u001b[31mred"];

interface VmShape {
  readonly name: string;
  readonly role: Vm["role"];
  readonly powerState: string;
  readonly at: number | null;
  readonly vifs: readonly (Pick<Vif, "attached" | "sriov"> & { readonly otherConfig: OtherConfig })[];
}

interface HostShape {
  readonly nics: readonly (Pick<Pif, "managed"> & {
    readonly groProperty: string | undefined;
    readonly otherConfig: OtherConfig;
  })[];
  readonly bonded: boolean;
  readonly extra: readonly ("vlan" | "vlan on bond" | "tunnel" | "sriov" | "other")[];
}

const vmShapes: fc.Arbitrary<VmShape> = fc.record({
  name: fc.oneof(fc.constantFrom(...NAMES), fc.string()),
  role: fc.constantFrom("vm", "vm", "vm", "template", "snapshot", "control domain"),
  powerState: fc.constantFrom("Running", "Running", "Running", "Paused", "Suspended", "Halted"),
  at: fc.option(fc.nat({ max: 2 })),
  vifs: fc.array(
    fc.record({
      attached: fc.boolean(),
      sriov: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
      otherConfig: otherConfigs,
    }),
    { maxLength: 4 },
  ),
});

const hostShapes: fc.Arbitrary<HostShape> = fc.record({
  nics: fc.array(
    fc.record({
      managed: fc.integer({ min: 0, max: 9 }).map((dice) => dice > 0),
      groProperty: fc.constantFrom(undefined, "on", "off"),
      otherConfig: otherConfigs,
    }),
    { maxLength: 4 },
  ),
  bonded: fc.boolean(),
  extra: fc.uniqueArray(fc.constantFrom("vlan", "vlan on bond", "tunnel", "sriov", "other")),
});

/** Pools of up to three hosts, seen from the first. Domids and device names repeat between hosts. */
export const inventories: fc.Arbitrary<Inventory> = fc
  .record({
    hosts: fc.tuple(hostShapes, hostShapes, hostShapes),
    vms: fc.array(vmShapes, { maxLength: 7 }),
  })
  .map((shape) => {
    const vms = vmsOf(shape.vms);
    const [host = { uuid: "", name: "" }] = HOSTS;
    return {
      host,
      hostRef: "OpaqueRef:host",
      unreadVmCounts: [],
      storedHostRule: NO_HOST_RULE,
      hosts: HOSTS,
      pifs: shape.hosts.flatMap((hostShape, index) => pifsOf(hostShape, HOSTS[index] ?? host)),
      vms,
      vifs: vms.flatMap((vm, index) => vifsOf(vm, shape.vms[index]?.vifs ?? [])),
    };
  });

function vmsOf(shapes: readonly VmShape[]): readonly Vm[] {
  const domids = new Map<string, number>();
  return shapes.map(({ name, role, powerState, at }, index) => {
    const residentOn = at === null ? undefined : HOSTS[at];
    const domid = residentOn === undefined ? -1 : (domids.get(residentOn.uuid) ?? 0) + 1;
    if (residentOn !== undefined) domids.set(residentOn.uuid, domid);
    const uuid = uuidFor(`generated vm ${index}`);
    return {
      ref: `OpaqueRef:${uuid}`,
      uuid,
      name,
      role,
      powerState,
      domid,
      residentOn,
      isMigrating: false,
    };
  });
}

function vifsOf(vm: Vm, shapes: VmShape["vifs"]): readonly Vif[] {
  return shapes.map(({ attached, sriov, otherConfig }, index) => {
    const uuid = uuidFor(`vif ${index} of ${vm.uuid}`);
    return {
      ref: `OpaqueRef:${uuid}`,
      uuid,
      device: String(index),
      vm,
      attached,
      sriov,
      settings: new Settings({ kind: "vif", isRead: !sriov }, otherConfig),
    };
  });
}

function pifsOf({ nics, bonded, extra }: HostShape, host: Host): readonly Pif[] {
  const make = (device: string, role: Pif["role"], more: Partial<Pif>): Pif => {
    const uuid = uuidFor(`${role} ${device} ${more.vlan ?? -1} of ${host.name}`);
    return {
      ref: `OpaqueRef:${uuid}`,
      uuid,
      device,
      host,
      network: `OpaqueRef:network of ${uuid}`,
      address: { mode: "None", ip: "", netmask: "", ipv6Mode: "None", ipv6: [] },
      role,
      vlan: -1,
      management: false,
      managed: true,
      attached: true,
      settings: new Settings({ kind: "pif", isRead: true }),
      slaves: [],
      slaveOf: undefined,
      taggedPif: undefined,
      ...more,
    };
  };
  const bondUuid = make("bond0", "bond", {}).uuid;
  const slaveOf = bonded ? bondUuid : undefined;
  const physical = nics.map(({ managed, groProperty, otherConfig }, index) => {
    const settings = new Settings({ kind: "pif", isRead: managed, groProperty }, otherConfig);
    return make(`eth${index}`, "physical", { managed, settings, slaveOf });
  });
  const slaves = physical.map(({ uuid }) => uuid);
  const bond = bonded ? [make("bond0", "bond", { slaves, management: true })] : [];
  const extras = extra.map((kind) => {
    if (kind === "vlan") return make("eth0", "vlan", { vlan: 100, taggedPif: slaves[0] });
    if (kind === "vlan on bond") {
      return make("bond0", "vlan", { vlan: 200, taggedPif: bonded ? bondUuid : undefined });
    }
    return make(kind === "sriov" ? "eth0" : `${kind}0`, kind, {});
  });
  return [...extras, ...bond, ...physical];
}

/** A pool, a kernel and what is asked of them. */
export interface ChangeCase {
  readonly inventory: Inventory;
  readonly names: KernelFeatureTable;
  readonly devices: ReadonlyMap<string, FeatureSet>;
  readonly features: readonly Feature[];
  /** What each device does with a write: complies, ignores it, fails, or does half of it. */
  readonly writeBehaviors: readonly ("complies" | "ignores" | "fails" | "half")[];
}

/** The interfaces that ALL means. */
function resolveAll(inventory: Inventory): readonly Interface[] {
  return resolveTargets([{ text: "ALL", kind: "host" }], inventory).interfaces;
}

/** A pool, a kernel with the devices of this host (some of them missing) and a list of features. */
export const changeCases: fc.Arbitrary<ChangeCase> = fc
  .record({ inventory: inventories, names: kernels, features: featureLists })
  .chain(({ inventory, names, features }) => {
    const plain = resolveAll(inventory).flatMap((iface) => listInterfaceDevices(iface, new Set()));
    const taps = plain.flatMap(({ name }) => (name.startsWith("vif") ? [`tap${name.slice(3)}`] : []));
    const devices = [...plain.map(({ name }) => name), ...taps, "xenbr0"];
    // A few sets for all: devices of one driver look alike.
    const sets = fc.array(featureSets(names), { minLength: 1, maxLength: 3 });
    const choices = fc.array(fc.nat({ max: 3 }), {
      minLength: devices.length,
      maxLength: devices.length,
    });
    return fc.record({
      inventory: fc.constant(inventory),
      names: fc.constant(names),
      features: fc.constant(features),
      devices: fc.tuple(sets, choices).map(
        ([some, deviceChoices]) =>
          new Map(
            devices.flatMap((name, index) => {
              const choice = deviceChoices[index] ?? 0;
              const set = some[choice % some.length];
              // The last choice: the device is not there.
              return set === undefined || choice === 3 ? [] : [[name, set] as const];
            }),
          ),
      ),
      writeBehaviors: fc.array(fc.constantFrom("complies", "ignores", "fails", "half"), {
        maxLength: 8,
      }),
    });
  });
