import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { buildHostFixture } from "../fixture/host-fixture.ts";
import bondAndVlan from "../recordings/networkd/networkd-eth1-off-plugged.json" with { type: "json" };
import plugs from "../recordings/networkd-pif-plug.json" with { type: "json" };
import { Database } from "../simulator/database.ts";
import { networkConfig } from "./network-config.ts";
import { DocumentSchema, documentOf } from "./networkd-document.ts";

// What a real networkd ran and wrote; the files are those of the recordings.

function fixtureWith(otherConfig: Record<string, string>) {
  const fixture = buildHostFixture({ vms: 0 });
  const pif = fixture.pif("eth1");
  pif.record.other_config = otherConfig;
  return { database: Database.from(fixture.database), pif, fixture };
}

describe("the commands that networkd runs on PIF.plug", () => {
  test.each(plugs.map((plug) => [JSON.stringify(plug.other_config), plug] as const))(
    "equal the recorded ones for %s",
    (_, { other_config: recorded, ethtool_commands: commands }) => {
      const config = Object.fromEntries(
        Object.entries(recorded).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
      );
      const { database, pif } = fixtureWith(config);
      const { interfaces } = networkConfig(database, pif.ref);
      const said = [...interfaces.values()].flatMap((one, n) => {
        const name = ["eth2", "breth2"][n];
        const line = (flag: string, words: object) =>
          ["/sbin/ethtool", flag, name, ...Object.entries(words).flat()].join(" ");
        const settings = Object.keys(one.ethtool_settings).length > 0;
        return [...(settings ? [line("-s", one.ethtool_settings)] : []), line("-K", one.ethtool_offload)];
      });
      // A command that fails is the last one, and is recorded a second time with its failure.
      const expected = commands.filter((line) => !line.includes("exited badly"));
      expect(said.slice(0, expected.length)).toEqual(expected);
    },
  );
});

describe("networkd.db", () => {
  const fixture = buildHostFixture({ vms: 0 });
  const document = documentOf(Database.from(fixture.database), fixture.host.ref);
  const recorded = v.parse(DocumentSchema, bondAndVlan);

  test("has the members of the recorded file for each interface", () => {
    const kinds = { eth0: "eth0", xenbr0: "xenbr0", eth2: "eth2", xapi0: "xapi1", xapi1: "xapi2" };
    for (const [ours, theirs] of Object.entries(kinds)) {
      const { mtu, ...own } = document.interface_config[ours] ?? {};
      const { mtu: _, ...other } = recorded.interface_config[theirs] ?? {};
      expect(Object.keys(own).sort()).toEqual(Object.keys(other).sort());
      expect(own).toEqual({ ...other, ...("dns" in own && { ipv4_conf: own.ipv4_conf }) });
      expect(mtu).toBe(1500);
    }
  });

  test("names the bridge of the management interface, and the ports of each bridge", () => {
    expect(document).toMatchObject({ dns_interface: "xenbr0", gateway_interface: "xenbr0" });
    expect(document.bridge_config).toMatchObject({
      xenbr0: { persistent_b: true, ports: { eth0: { interfaces: ["eth0"] } } },
      xapi0: { persistent_b: true, ports: { bond0: { interfaces: ["eth2", "eth3"] } } },
      xapi1: { persistent_b: false, vlan: ["xenbr0", 100], ports: {} },
    });
  });

  test("has the address of the management interface", () => {
    expect(document.interface_config["xenbr0"]?.ipv4_conf).toEqual(["Static4", [["192.0.2.11", 24]]]);
  });
});
