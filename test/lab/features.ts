import type { Feature } from "../dom0/ethtool.ts";
import { NICS } from "./hardware.ts";
import type { Machine } from "./machine.ts";

/** The kernel features behind rx, tx, sg, tso, ufo, gso, gro and lro, as ethtool prints them. */
const DEFAULT_FEATURE_PATTERN =
  /^(?:rx-checksumming|tx-checksum-.+|tx-scatter-gather.*|tx-tcp.*-segmentation|udp-fragmentation-offload|generic-segmentation-offload|generic-receive-offload|large-receive-offload)$/;

/** What is on, or waits to come on by itself, although the driver would let it be off. */
export function listChangeableOn(features: ReadonlyMap<string, Feature>): string[] {
  return [...features]
    .filter(([name, { fixed }]) => DEFAULT_FEATURE_PATTERN.test(name) && fixed !== true)
    .filter(([, { active, requested }]) => active || requested === true)
    .map(([name]) => name);
}

/** The same for every NIC of a machine, by device. */
export async function listNicFeaturesOn(machine: Machine): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const { name } of NICS) found[name] = listChangeableOn(await machine.ethtool(name));
  return found;
}

/** What `nicsOn` gives when everything that can be off is off. */
export const ALL_NICS_OFF: Readonly<Record<string, string[]>> = Object.fromEntries(NICS.map(({ name }) => [name, []]));
