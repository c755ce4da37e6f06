import { expect, test } from "bun:test";
import { FaultHost } from "./host.ts";
import {
  type FaultRun,
  listFileErrors,
  listIgnoredWrites,
  listKernelErrors,
  listUnansweredCalls,
  listXapiFaults,
  runFaults,
} from "./injections.ts";
import type { Command } from "./kills.ts";

/** What goes wrong, and whether both follow-ups run after each case or alternate. */
const ROWS: readonly (readonly [
  what: string,
  make: (host: FaultHost, command: Command) => Promise<readonly FaultRun[]>,
  alternate: boolean,
])[] = [
  ["the kernel refuses", listKernelErrors, false],
  ["a driver accepts and does nothing", listIgnoredWrites, false],
  ["the disk is full, read-only or broken", listFileErrors, false],
  ["XAPI dies, restarts, errs or forgets the session", listXapiFaults, false],
  ["XAPI says nothing", async (_, command) => listUnansweredCalls(command), true],
];

for (const command of ["disable", "enable", "restore", "persist"] as const) {
  // What a driver ignored, the boot script asks for again, and a plug before `enable` writes: they have no state of
  // their own to be held to.
  const rows =
    command === "persist" || command === "enable" ? ROWS.filter(([, make]) => make !== listIgnoredWrites) : ROWS;
  for (const [what, make, alternate] of rows) {
    test(`${command}: ${what}, at every call`, async () => {
      await using host = await FaultHost.start();
      const faultRuns = await make(host, command);
      const { runs, exits, failures } = await runFaults(host, command, faultRuns, { alternate });
      const codes = [...exits].map(([code, count]) => `${count} ended with ${code}`).join(", ");
      console.log(`${command}, ${what}: ${runs} runs; ${codes}; ${failures.length} complaints`);
      expect(failures).toEqual([]);
    });
  }
}
