import { describe, expect, test } from "bun:test";
import type { Feature } from "../../../src/core/features.ts";
import type { Interface } from "../../../src/core/interface.ts";
import type { Coverage } from "../../../src/core/verify/coverage.ts";
import { evaluate } from "../../../src/core/verify/evaluate.ts";
import {
  config,
  createSnapshot,
  guest,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  pifSettings,
  VIF_ON,
  vif,
  vm,
} from "../../builders/hosts.ts";

const eth0 = nic(pif("eth0", { otherConfig: config(pifSettings("off")) }));
const eth1 = nic(pif("eth1"));
const web0 = guest(vif(vm("web", { domid: 3 }), "0"));

function evaluated(
  expected: readonly (readonly [Interface, readonly Feature[]])[],
  devices: Parameters<typeof createSnapshot>[0],
  more: { readonly boot?: Coverage; readonly carriers?: readonly string[] } = {},
) {
  const features = new Map(expected);
  const scope = {
    snapshot: createSnapshot(devices),
    bootCoverage: more.boot ?? null,
    hasCarrier: (device: string) => more.carriers?.includes(device) === true,
  };
  return evaluate([...features.keys()], { features, isFromPolicy: true }, scope);
}

describe("evaluate", () => {
  test("finds what is on, comparing each interface with its own features", () => {
    const { problems, devices } = evaluated(
      [
        [eth0, ["tso"]],
        [eth1, ["gro"]],
        [web0, ["tx", "sg"]],
      ],
      { eth0: NIC_OFF, eth1: NIC_ON, "vif3.0": VIF_ON },
    );
    expect(devices.map(({ device, features }) => [device, Object.keys(features)])).toEqual([
      ["eth0", ["tso"]],
      ["eth1", ["gro"]],
      ["vif3.0", ["tx", "sg"]],
    ]);
    expect(problems.map(({ code, device }) => [code, device])).toEqual([
      ["live-on", "eth1"],
      ["live-on", "vif3.0"],
      ["setting-missing", "vif3.0"],
    ]);
  });

  test("omits interfaces with no expected features", () => {
    const { problems, devices } = evaluated(
      [
        [eth0, ["tso"]],
        [eth1, []],
      ],
      { eth0: NIC_OFF, eth1: NIC_ON },
    );
    expect([problems, devices.map(({ device }) => device)]).toEqual([[], ["eth0"]]);
  });

  test("keeps the order of the interfaces", () => {
    const tso: readonly Feature[] = ["tso"];
    const { devices } = evaluated(
      [
        [eth0, tso],
        [web0, ["tx"]],
        [eth1, tso],
      ],
      { eth0: NIC_OFF, eth1: NIC_OFF, "vif3.0": VIF_ON, "tap3.0": VIF_ON },
    );
    expect(devices.map(({ device }) => device)).toEqual(["eth0", "vif3.0", "tap3.0", "eth1"]);
  });

  test("finds what would turn on again, unless the boot script keeps it off", () => {
    const off = { "vif3.0": NIC_OFF };
    const find = (boot?: Coverage) =>
      evaluated([[web0, ["gro"]]], off, boot === undefined ? {} : { boot }).problems.map(({ code }) => code);
    expect(find()).toEqual(["not-persistent"]);
    const boot: Coverage = { nics: [], vifs: ["gro"], devices: new Map(), vms: new Map() };
    expect(find(boot)).toEqual([]);
    expect(find({ ...boot, vifs: ["tx"] })).toEqual(["not-persistent"]);
  });

  test("only notes a tap whose vif has its carrier, because it passes no packets", () => {
    const devices = { "vif3.0": NIC_OFF, "tap3.0": NIC_ON };
    const boot: Coverage = { nics: [], vifs: ["gro"], devices: new Map(), vms: new Map() };
    const idle = evaluated([[web0, ["gro"]]], devices, { boot, carriers: ["vif3.0"] });
    expect(idle.problems).toEqual([]);
    expect(idle.notes).toMatchObject([{ code: "idle-tap", device: "tap3.0" }]);
    const used = evaluated([[web0, ["gro"]]], devices, { boot });
    expect(used.problems.map(({ code, device }) => [code, device])).toEqual([["live-on", "tap3.0"]]);
  });

  test("does not mistake a NIC for a tap by its name", () => {
    const tap = nic(pif("tapestry0", { otherConfig: config(pifSettings("off")) }));
    const { problems } = evaluated([[tap, ["gro"]]], { tapestry0: NIC_ON }, { carriers: ["vifestry0"] });
    expect(problems.map(({ code }) => code)).toEqual(["live-on"]);
  });
});
