import { expect, test } from "bun:test";
import { FaultHost } from "./host.ts";
import {
  disobedience,
  fileErrors,
  kernelErrors,
  type Strike,
  silence,
  strikeAll,
  xapiFaults,
} from "./injections.ts";
import type { Command } from "./kills.ts";

/** What goes wrong, and whether both sequels follow each case or take turns. */
const ROWS: readonly (readonly [
  what: string,
  make: (host: FaultHost, command: Command) => Promise<readonly Strike[]>,
  turns: boolean,
])[] = [
  ["the kernel refuses", kernelErrors, false],
  ["a driver accepts and does not obey", disobedience, false],
  ["the disk is full, read-only or broken", fileErrors, false],
  ["XAPI dies, restarts, errs or forgets the session", xapiFaults, false],
  ["XAPI says nothing", async (_, command) => silence(command), true],
];

for (const command of ["disable", "restore"] as const) {
  for (const [what, make, turns] of ROWS) {
    test(`${command}: ${what}, at every call`, async () => {
      await using host = await FaultHost.start();
      const strikes = await make(host, command);
      const { runs, exits, lost } = await strikeAll(host, command, strikes, { turns });
      const codes = [...exits].map(([code, count]) => `${count} ended with ${code}`).join(", ");
      console.log(`${command}, ${what}: ${runs} runs; ${codes}; ${lost.length} complaints`);
      expect(lost).toEqual([]);
    });
  }
}
