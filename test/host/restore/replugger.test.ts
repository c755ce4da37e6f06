import { describe, expect, test } from "bun:test";
import { FEATURE_NAMES } from "../../../src/core/features.ts";
import type { NicInterface } from "../../../src/core/interface.ts";
import type { Pif } from "../../../src/core/inventory.ts";
import { NO_INTERFACE_POLICY } from "../../../src/core/policy-entries.ts";
import { PlannedReplugger } from "../../../src/host/restore/replugger.ts";
import { createSnapshot, NIC_ON, nic, withSettings } from "../../builders/hosts.ts";
import { eth0, NO_GRO, ReplugHost, slave } from "../../fakes/replug-host.ts";

describe("the replugger of a restore", () => {
  /** eth1 with a text about tx, which turned it off. */
  const stored = {
    ...NO_INTERFACE_POLICY,
    names: ["offload-1-0"],
    value: new Map([["tx", { asked: "off", alone: false, original: null, wrote: undefined } as const]]),
  };
  const restoredEth1 = withSettings(slave("eth1"), { stored });

  async function plugged(host: ReplugHost, pifs: readonly Pif[], ...nics: readonly NicInterface[]) {
    const getFeatures = ({ settings }: Pif) => FEATURE_NAMES.filter((feature) => settings.policy.value.has(feature));
    const handled = { nics, getFeatures, snapshot: createSnapshot({}) };
    return await new PlannedReplugger(await host.plan(...nics), handled, host.ports()).replug(pifs);
  }

  test("writes back every feature without a policy entry", async () => {
    const host = new ReplugHost({ eth1: NO_GRO, eth2: NIC_ON });
    host.plugSets(NIC_ON, "eth1");
    const { problems } = await plugged(host, [restoredEth1], nic(restoredEth1));
    expect(problems).toEqual([]);
    expect(host.requested("eth1")).not.toContain("rx-gro");
  });

  test("leaves the features with a policy entry to the restore", async () => {
    const host = new ReplugHost({
      eth1: NIC_ON.apply(NIC_ON.planOff(["tx"])),
    });
    host.plugSets(NIC_ON, "eth1");
    await plugged(host, [restoredEth1], nic(restoredEth1));
    expect(host.writes).toEqual([]);
  });

  test("plugs only the NICs that are restored in the end", async () => {
    const host = new ReplugHost({ eth0: NIC_ON, eth1: NIC_ON, eth2: NIC_ON });
    await plugged(host, [eth0], nic(eth0), nic(restoredEth1));
    expect(host.journal).toEqual(["plug eth0", "sync"]);
  });

  test("names the PIF of each problem, and what a power loss may undo", async () => {
    const host = new ReplugHost({ eth0: NIC_ON, eth1: NIC_ON, eth2: NIC_ON });
    host.addresses = [{ device: "eth1", ip: "10.0.0.9", prefix: 24 }];
    host.isSynced = false;
    const { problems, notes } = await plugged(host, [eth0, restoredEth1], nic(eth0), nic(restoredEth1));
    expect(problems.map(({ code, uuid }) => [code, uuid])).toEqual([["plug-unsafe", restoredEth1.uuid]]);
    expect(notes.map(({ code }) => code)).toEqual(["networkd-not-saved"]);
  });
});
