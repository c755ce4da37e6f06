import type { Dom0 } from "../dom0/dom0.ts";
import type { RecordedCall } from "../dom0/simulator/control.ts";

/** The kernel features behind the default keywords, as the real ethtool prints them. */
const DEFAULT_FEATURE_PATTERN =
  /^(?:rx-checksumming|tx-checksum-.+|tx-scatter-gather.*|tx-tcp.*-segmentation|udp-fragmentation-offload|generic-segmentation-offload|generic-receive-offload|large-receive-offload)$/;

/**
 * What the real ethtool says is on, or will come on by itself, although the driver would let it be
 * off: empty when the device is as `disable` promises.
 */
export async function listFeaturesOn(dom0: Dom0, device: string): Promise<string[]> {
  const features = await dom0.ethtool(device);
  return [...features]
    .filter(
      ([name, { active, requested, fixed }]) =>
        DEFAULT_FEATURE_PATTERN.test(name) && fixed !== true && (active || requested === true),
    )
    .map(([name]) => name);
}

/** The same for every device of the dom0 but loopback and the bridge, as `device feature`. */
export async function listAllFeaturesOn(dom0: Dom0): Promise<string[]> {
  const found: string[] = [];
  for (const { name, kind } of dom0.fixture.devices) {
    if (kind === "bridge") continue;
    for (const feature of await listFeaturesOn(dom0, name)) found.push(`${name} ${feature}`);
  }
  return found;
}

/** The live state of all devices, letter by letter, to see that nothing was touched. */
export async function readLiveState(dom0: Dom0): Promise<string> {
  const states = await Promise.all(dom0.fixture.devices.map(({ name }) => dom0.text(["ethtool", "-k", name])));
  return states.join("\n");
}

/** The calls that change something in XAPI: writes to records and injected events. */
export async function listWrites(dom0: Dom0): Promise<RecordedCall[]> {
  const calls = await dom0.simulator.calls();
  return calls.filter(({ write, method }) => write || method === "event.inject");
}

/** `other_config` of a record without this program's texts, as XAPI has it now. */
export async function readSettings(dom0: Dom0, kind: "PIF" | "VIF", ref: string): Promise<Record<string, unknown>> {
  const entries = Object.entries(await readOtherConfig(dom0, kind, ref));
  return Object.fromEntries(entries.filter(([key]) => !key.startsWith("offload-")));
}

/** `other_config` of a record, as XAPI has it now. */
export async function readOtherConfig(
  dom0: Dom0,
  kind: "PIF" | "VIF" | "host",
  ref: string,
): Promise<Record<string, unknown>> {
  const database = await dom0.simulator.database();
  const value = database[kind]?.[ref]?.["other_config"];
  return value !== null && typeof value === "object" ? { ...value } : {};
}

/** Every file under /etc with its mode and bytes, to see what was touched. */
export async function readEtcState(dom0: Dom0): Promise<string> {
  const script =
    "cd /etc && find . -mindepth 1 \\( -newer /etc/xensource-inventory -o -path './rc*' -o -path './udev*' \\) | sort | while read -r f; do stat -c '%n %a %F %N' \"$f\"; [ -f \"$f\" ] && cksum < \"$f\"; done; true";
  return dom0.text(["sh", "-c", script]);
}
