import { NetworkDevices } from "../src/kernel/devices.ts";
import { carryOut, planDisable } from "../src/offload/disable.ts";
import { DEFAULT_KEYWORDS } from "../src/offload/features.ts";
import type { BareInterface } from "../src/offload/interface.ts";
import type { JournalKeeper } from "../src/offload/ports.ts";
import { success } from "../src/offload/result.ts";
import { survey } from "../src/offload/survey.ts";

/**
 * The live part of `disable` by itself: reading the devices that are named, planning, one write
 * each, and reading back. Prints how long that took, in microseconds, without the start of the
 * process and without the report.
 */
const interfaces = process.argv
  .slice(2)
  .map((device): BareInterface => ({ kind: "bare", device, as: "vif" }));
const UNNOTED: JournalKeeper = {
  beforeLive: async () => success(undefined),
  beforeRecords: async () => success(undefined),
  withoutRecords: async () => success(undefined),
};
using kernel = new NetworkDevices();
const start = performance.now();
const before = survey(interfaces, kernel);
if (!before.ok) throw new Error(before.failures.map(({ message }) => message).join("; "));
await carryOut(
  planDisable(interfaces, DEFAULT_KEYWORDS, before.value),
  kernel,
  null,
  UNNOTED,
  () => false,
);
process.stdout.write(`${(performance.now() - start) * 1000}\n`);
