import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { findUnderlyingNics } from "../../../src/core/inventory.ts";
import { resolveTargets } from "../../../src/core/targets/targets.ts";
import { buildInventory, type InventoryRecords, RecordSchemas } from "../../../src/xapi/inventory/build-inventory.ts";
import { parseReply } from "../../../src/xapi/rpc/reply.ts";
import { recordedReply } from "../../fakes/recorded-xapi.ts";

const HOST_UUID = "c269d904-1d75-474f-a7fb-84dbc48a51d5";
const HERE = "OpaqueRef:here";
const NULL = "OpaqueRef:NULL";

function recorded(name: string): unknown {
  const { status, body } = recordedReply(name);
  const reply = parseReply(status, body);
  if (!reply.ok) throw new Error(`${name} is no value`);
  return reply.value;
}

/** The host of the recordings, with a bond, a VLAN and three VMs. */
function recordedInventory(vifs = "213-VIF-get_all_records-final") {
  const raw: InventoryRecords = {
    host: v.parse(RecordSchemas.host, recorded("012-host-get_all_records")),
    PIF: v.parse(RecordSchemas.PIF, recorded("206-PIF-get_all_records-bond-vlan")),
    VM: v.parse(RecordSchemas.VM, recorded("212-VM-get_all_records-final")),
    VIF: v.parse(RecordSchemas.VIF, recorded(vifs)),
  };
  const joined = buildInventory(raw, HOST_UUID);
  if (joined === null) throw new Error("the host was not found");
  return joined;
}

/** A PIF record as every release since 7.0 has it. */
function pifRecord(more: Readonly<Record<string, unknown>> = {}) {
  return {
    uuid: "pif-uuid",
    device: "eth0",
    host: HERE,
    network: "OpaqueRef:net",
    VLAN: -1,
    physical: true,
    management: false,
    currently_attached: true,
    bond_slave_of: NULL,
    bond_master_of: [],
    VLAN_master_of: NULL,
    VLAN_slave_of: [],
    other_config: {},
    ...more,
  };
}

function vmRecord(more: Readonly<Record<string, unknown>> = {}) {
  return {
    uuid: "vm-uuid",
    name_label: "web",
    power_state: "Running",
    domid: 3,
    resident_on: HERE,
    is_a_template: false,
    is_a_snapshot: false,
    is_control_domain: false,
    ...more,
  };
}

function vifRecord(more: Readonly<Record<string, unknown>> = {}) {
  return {
    uuid: "vif-uuid",
    device: "0",
    VM: "OpaqueRef:vm",
    network: "OpaqueRef:net",
    currently_attached: true,
    other_config: {},
    ...more,
  };
}

function without(record: object, field: string): object {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== field));
}

function join(content: {
  readonly PIF?: Readonly<Record<string, unknown>>;
  readonly VM?: Readonly<Record<string, unknown>>;
  readonly VIF?: Readonly<Record<string, unknown>>;
}) {
  const raw: InventoryRecords = {
    host: v.parse(RecordSchemas.host, {
      [HERE]: { uuid: "host-uuid", name_label: "alpha" },
      "OpaqueRef:there": { uuid: "other-uuid", name_label: "beta" },
    }),
    PIF: v.parse(RecordSchemas.PIF, content.PIF ?? {}),
    VM: v.parse(RecordSchemas.VM, content.VM ?? {}),
    VIF: v.parse(RecordSchemas.VIF, content.VIF ?? {}),
  };
  const joined = buildInventory(raw, "host-uuid");
  if (joined === null) throw new Error("the host was not found");
  return joined;
}

describe("records of a real xapi", () => {
  const inventory = recordedInventory();
  const pifCalled = (device: string, role: string) =>
    inventory.pifs.find((pif) => pif.device === device && pif.role === role);

  test("identify this host", () => {
    expect(inventory.host).toEqual({ uuid: HOST_UUID, name: "xapi-trial" });
  });

  test("give every PIF its role", () => {
    const roles = inventory.pifs.map(({ device, role, vlan }) => `${device} ${role} ${vlan}`);
    expect(roles.sort()).toEqual([
      "bond0 bond -1",
      "eth0 physical -1",
      "eth0 vlan 7",
      "eth1 physical -1",
      "eth2 physical -1",
    ]);
  });

  test("link a bond and its slaves", () => {
    const bond = pifCalled("bond0", "bond");
    const slaves = ["eth1", "eth2"].map((device) => pifCalled(device, "physical"));
    expect([...(bond?.slaves ?? [])].sort()).toEqual(slaves.map((one) => one?.uuid ?? "").sort());
    for (const slave of slaves) expect(slave?.slaveOf).toBe(bond?.uuid ?? "");
    expect(pifCalled("eth0", "physical")?.slaveOf).toBeUndefined();
  });

  test("link a VLAN to the PIF below", () => {
    expect(pifCalled("eth0", "vlan")?.taggedPif).toBe(pifCalled("eth0", "physical")?.uuid ?? "");
    expect(pifCalled("eth0", "physical")?.taggedPif).toBeUndefined();
  });

  test("make bond and VLAN valid targets", () => {
    const devices = (text: string) =>
      resolveTargets([{ text, kind: "any" }], inventory).interfaces.map((one) =>
        one.kind === "pif" ? one.pif.device : one.kind,
      );
    expect(devices("bond0")).toEqual(["eth1", "eth2"]);
    expect(devices("eth0.7")).toEqual(["eth0"]);
  });

  test("keep settings and properties, and no other key of other_config", () => {
    const eth0 = pifCalled("eth0", "physical");
    expect(eth0?.settings.otherConfig.get("ethtool-gro")).toBe("off");
    expect(eth0?.settings.otherConfig.size).toBe(8);
    expect(eth0?.settings.scope.groProperty).toBe("on");
    expect(pifCalled("eth0", "vlan")?.settings.scope.groProperty).toBeUndefined();
    const keys = inventory.vifs.flatMap(({ settings }) => [...settings.otherConfig.keys()]);
    expect(keys).not.toContain("note");
  });

  test("give every VM its role, domid and host", () => {
    const vms = inventory.vms.map(
      ({ name, role, powerState, domid, residentOn }) =>
        `${name}: ${role}, ${powerState}, ${domid}, ${residentOn?.name ?? "nowhere"}`,
    );
    expect(vms.sort()).toEqual([
      "Control domain on host: xapi-trial: control domain, Running, 0, xapi-trial",
      "tmpl-é-日本: template, Halted, -1, nowhere",
      "vm-one: vm, Halted, -1, nowhere",
      "vm-two: vm, Running, 2, xapi-trial",
    ]);
  });

  test("link VIFs to their VMs", () => {
    const vifs = inventory.vifs.map(({ vm, device, attached }) => `${vm.name}/${device} ${attached}`);
    expect(vifs.sort()).toEqual(["vm-one/0 false", "vm-one/1 false", "vm-two/0 true"]);
  });

  test("exclude VIFs of VMs that were not requested, such as snapshots", () => {
    const { vifs } = recordedInventory("220-VIF-get_all_records-after-snapshot");
    expect(vifs).toHaveLength(3);
  });

  test("mark the management PIF", () => {
    const pifs = v.parse(RecordSchemas.PIF, recorded("311-PIF-get_all_records-with-management"));
    const flagged = Object.values(pifs).filter(({ management }) => management);
    expect(flagged.map(({ device }) => device)).toEqual(["eth1"]);
  });

  test("do not contain a host of another UUID", () => {
    const raw: InventoryRecords = {
      host: v.parse(RecordSchemas.host, recorded("012-host-get_all_records")),
      PIF: {},
      VM: {},
      VIF: {},
    };
    expect(buildInventory(raw, "00000000-0000-0000-0000-000000000000")).toBeNull();
  });
});

describe("a migrating VM", () => {
  test.each([
    [{}, false],
    [{ "OpaqueRef:task": "snapshot" }, false],
    [{ "OpaqueRef:task": "pool_migrate" }, true],
    [{ "OpaqueRef:a": "snapshot", "OpaqueRef:b": "migrate_send" }, true],
  ])("is recognized by its operations: %j", (current_operations, isMigrating) => {
    const { vms } = join({ VM: { "OpaqueRef:vm": vmRecord({ current_operations }) } });
    expect(vms[0]?.isMigrating).toBe(isMigrating);
  });
});

describe("differences between releases", () => {
  test("include integers as strings", () => {
    const { pifs, vms } = join({
      PIF: { "OpaqueRef:p": pifRecord({ VLAN: "100" }), "OpaqueRef:q": pifRecord({ VLAN: "-1" }) },
      VM: { "OpaqueRef:vm": vmRecord({ domid: "17" }) },
    });
    expect(pifs.map(({ vlan }) => vlan)).toEqual([100, -1]);
    expect(vms[0]?.domid).toBe(17);
  });

  test.each(["", "x", "1.5", "0x10", " 1", null, true])("do not include %p as an integer", (domid) => {
    expect(v.safeParse(RecordSchemas.VM, { "OpaqueRef:vm": vmRecord({ domid }) }).success).toBe(false);
  });

  test("include fields missing in older releases: such a PIF is an ordinary one", () => {
    const { pifs } = join({ PIF: { "OpaqueRef:p": pifRecord() } });
    expect(pifs[0]).toMatchObject({
      role: "physical",
      managed: true,
      settings: { scope: { isRead: true, groProperty: undefined } },
    });
  });

  test("include unknown fields of newer releases, which are ignored", () => {
    const { pifs } = join({ PIF: { "OpaqueRef:p": pifRecord({ brand_new: { a: [1] } }) } });
    expect(pifs).toHaveLength(1);
  });

  test.each(["uuid", "device", "host", "physical", "VLAN_master_of", "bond_master_of", "other_config"])(
    "do not excuse a PIF without %s",
    (field) => {
      const record = without(pifRecord(), field);
      expect(v.safeParse(RecordSchemas.PIF, { "OpaqueRef:p": record }).success).toBe(false);
    },
  );

  test.each(Object.keys(vmRecord()))("do not excuse a VM without %s, which is named", (field) => {
    const record = without(vmRecord(), field);
    const parsed = v.safeParse(RecordSchemas.VM, {
      "OpaqueRef:a": vmRecord(),
      "OpaqueRef:b": record,
    });
    expect(parsed.issues?.map((issue) => v.getDotPath(issue))).toEqual([`OpaqueRef:b.${field}`]);
  });

  test.each(Object.keys(vifRecord()))("do not excuse a VIF without %s, which is named", (field) => {
    const record = without(vifRecord(), field);
    const parsed = v.safeParse(RecordSchemas.VIF, {
      "OpaqueRef:a": vifRecord(),
      "OpaqueRef:b": record,
    });
    expect(parsed.issues?.map((issue) => v.getDotPath(issue))).toEqual([`OpaqueRef:b.${field}`]);
  });

  test.each([[null], ["x"], [[]], [{}]])("do not excuse a VM or VIF that is %p", (record) => {
    expect(v.safeParse(RecordSchemas.VM, { "OpaqueRef:a": record }).success).toBe(false);
    expect(v.safeParse(RecordSchemas.VIF, { "OpaqueRef:a": record }).success).toBe(false);
  });

  test("do not excuse other_config with anything but strings", () => {
    for (const other_config of [{ "ethtool-tso": 1 }, ["x"], null, "x"]) {
      const record = vifRecord({ other_config });
      expect(v.safeParse(RecordSchemas.VIF, { "OpaqueRef:v": record }).success).toBe(false);
    }
  });
});

describe("a bond", () => {
  const bonded = (bond: Readonly<Record<string, string>>, slave: Readonly<Record<string, string>>) =>
    join({
      PIF: {
        "OpaqueRef:bond0": pifRecord({
          uuid: "bond0",
          physical: false,
          bond_master_of: ["OpaqueRef:bond"],
          properties: bond,
        }),
        "OpaqueRef:eth1": pifRecord({
          uuid: "eth1",
          bond_slave_of: "OpaqueRef:bond",
          properties: slave,
        }),
      },
    }).pifs.map(({ uuid, settings }) => `${uuid} ${settings.scope.groProperty}`);

  test("passes its properties to its slaves", () => {
    expect(bonded({ gro: "off" }, { gro: "on" })).toEqual(["bond0 off", "eth1 off"]);
    expect(bonded({ gro: "on" }, { gro: "off" })).toEqual(["bond0 on", "eth1 on"]);
    expect(bonded({}, { gro: "off" })).toEqual(["bond0 undefined", "eth1 undefined"]);
  });
});

describe("the address of a PIF", () => {
  const addressOf = (more: Readonly<Record<string, unknown>>) =>
    join({ PIF: { "OpaqueRef:p": pifRecord(more) } }).pifs[0]?.address;

  test("comes from its record, without empty IPv6 strings", () => {
    const ipv4 = { ip_configuration_mode: "Static", IP: "10.0.0.5", netmask: "255.255.255.0" };
    const ipv6 = { ipv6_configuration_mode: "Static", IPv6: ["", "fd00::5/64"] };
    expect(addressOf({ ...ipv4, ...ipv6 })).toEqual({
      mode: "Static",
      ip: "10.0.0.5",
      netmask: "255.255.255.0",
      ipv6Mode: "Static",
      ipv6: ["fd00::5/64"],
    });
  });

  test("is empty when the record has none", () => {
    expect(addressOf({})).toEqual({
      mode: "None",
      ip: "",
      netmask: "",
      ipv6Mode: "None",
      ipv6: [],
    });
  });
});

describe("PIF roles", () => {
  test("include the access PIF of a tunnel", () => {
    const { pifs } = join({
      PIF: {
        "OpaqueRef:t": pifRecord({
          device: "tunnel0",
          physical: false,
          tunnel_access_PIF_of: ["OpaqueRef:tunnel"],
        }),
      },
    });
    expect(pifs[0]?.role).toBe("tunnel");
    expect(pifs.flatMap((pif) => findUnderlyingNics(pif, pifs))).toEqual([]);
  });

  test("do not change for the PIF that carries a tunnel", () => {
    const carrier = pifRecord({ tunnel_transport_PIF_of: ["OpaqueRef:tunnel"] });
    expect(join({ PIF: { "OpaqueRef:p": carrier } }).pifs[0]?.role).toBe("physical");
  });

  test("distinguish an SR-IOV logical PIF from the physical one below", () => {
    const { pifs } = join({
      PIF: {
        "OpaqueRef:p": pifRecord({ sriov_physical_PIF_of: ["OpaqueRef:s"] }),
        "OpaqueRef:l": pifRecord({
          uuid: "logical",
          physical: false,
          sriov_logical_PIF_of: ["OpaqueRef:s"],
        }),
      },
    });
    expect(pifs.map(({ role }) => role)).toEqual(["physical", "sriov"]);
  });

  test("include everything else that is not physical", () => {
    const { pifs } = join({ PIF: { "OpaqueRef:p": pifRecord({ physical: false }) } });
    expect(pifs[0]?.role).toBe("other");
  });

  test("exclude a PIF of a host that XAPI does not list", () => {
    expect(join({ PIF: { "OpaqueRef:p": pifRecord({ host: "OpaqueRef:gone" }) } }).pifs).toEqual([]);
  });
});

describe("VIFs on SR-IOV networks", () => {
  const networks = {
    PIF: {
      "OpaqueRef:l": pifRecord({
        uuid: "logical",
        physical: false,
        network: "OpaqueRef:sriov",
        sriov_logical_PIF_of: ["OpaqueRef:s"],
        VLAN_slave_of: ["OpaqueRef:vlan"],
      }),
      "OpaqueRef:v": pifRecord({
        uuid: "vlan on it",
        physical: false,
        network: "OpaqueRef:sriov-vlan",
        VLAN: 9,
        VLAN_master_of: "OpaqueRef:vlan",
      }),
      "OpaqueRef:p": pifRecord({ network: "OpaqueRef:net" }),
    },
    VM: { "OpaqueRef:vm": vmRecord() },
  };

  test.each([
    ["OpaqueRef:sriov", true],
    ["OpaqueRef:sriov-vlan", true],
    ["OpaqueRef:net", false],
    ["OpaqueRef:internal", false],
  ])("are detected on %s: %p", (network, sriov) => {
    const { vifs } = join({ ...networks, VIF: { "OpaqueRef:vif": vifRecord({ network }) } });
    expect(vifs[0]?.sriov).toBe(sriov);
  });
});

describe("VMs", () => {
  test.each([
    ["snapshot", { is_a_template: true, is_a_snapshot: true }],
    ["template", { is_a_template: true }],
    ["control domain", { is_control_domain: true }],
    ["vm", {}],
  ] as const)("are recognized as %s by their flags", (role, more) => {
    expect(join({ VM: { "OpaqueRef:vm": vmRecord(more) } }).vms[0]?.role).toBe(role);
  });

  test("run on the host that they are resident on, or nowhere", () => {
    const at = (resident_on: string) =>
      join({ VM: { "OpaqueRef:vm": vmRecord({ resident_on }) } }).vms[0]?.residentOn?.name ?? null;
    expect([at(HERE), at("OpaqueRef:there"), at(NULL)]).toEqual(["alpha", "beta", null]);
  });
});
