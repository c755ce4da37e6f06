import { resolve } from "node:path";
import { Dom0, OFFLOAD } from "../test/dom0/dom0.ts";
import { LIMIT, onceADevice, onceAFeature, takeDown, turnOn } from "./loops.ts";
import { compare, type Rounds } from "./sides.ts";

/** The sides of the live half, by what they are. */
export const LIVE = {
  first: "offload disable DEVICE... --live-only",
  part: "its live part: read, plan, write, read back",
  again: "the same again, nothing to do",
  limit: "the same ioctls from C",
  floor: "the same ioctls from JavaScript, compiled alike",
  empty: "an empty program, compiled alike",
  device: "ethtool -K, one process a device",
  feature: "ethtool -K, one process a feature",
} as const;

/** The kernel alone, in a dom0 of so many devices where no XAPI runs. */
export async function benchLive(size: number, rounds: number): Promise<readonly Rounds[]> {
  await using dom0 = await Dom0.start({ nics: 1, vms: size / 2, vifs: 2, scenarios: ["dead"] });
  const vifs = dom0.fixture.devices.flatMap(({ name }) => (name.startsWith("vif") ? [name] : []));
  const devices = vifs.slice(0, size);
  await takeDown(dom0, devices);
  const reset = (one: Dom0) => turnOn(one, devices);
  const built = (name: string) => resolve(import.meta.dir, "../dist", name);
  const disable = [OFFLOAD, "disable", "--live-only", ...devices];
  return await compare(
    dom0,
    devices,
    [
      { name: LIVE.first, argv: disable, reset },
      { name: LIVE.again, argv: disable },
      { name: LIVE.part, argv: [built("live-part"), ...devices], reset, timesItself: true },
      { name: LIVE.limit, argv: [LIMIT, "off", ...devices], reset },
      { name: LIVE.floor, argv: [built("floor"), ...devices], reset },
      { name: LIVE.empty, argv: [built("empty")] },
      { name: LIVE.device, argv: onceADevice(devices), reset },
      { name: LIVE.feature, argv: onceAFeature(devices), reset },
    ],
    rounds,
  );
}
