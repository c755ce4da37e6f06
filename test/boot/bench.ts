import { afterAll, beforeAll, test } from "bun:test";
import { BootedDom0 } from "./dom0.ts";
import type { MachineKind } from "./hardware.ts";
import { BOUNDS, type ToolstackUnits } from "./lab.ts";

/** A machine for the tests of one `describe`, which follow each other on it. */
export interface Bench {
  /** Declares a test. When it fails, the machine tells on standard error what it has to tell. */
  test(name: string, body: (dom0: BootedDom0) => Promise<void>): void;
}

/** Boots a machine before the tests of this `describe`, and ends it after them. */
export function bench(options: { kind: MachineKind; units: ToolstackUnits }): Bench {
  let dom0: BootedDom0 | undefined;
  beforeAll(async () => {
    const started = Date.now();
    dom0 = await BootedDom0.start(options);
    console.error(`booted (${options.kind}) in ${Math.round((Date.now() - started) / 1000)} s`);
  }, BOUNDS.test);
  afterAll(() => dom0?.machine.stop(), BOUNDS.test);
  return {
    test(name, body) {
      const run = async () => {
        if (dom0 === undefined) throw new Error("the machine did not boot");
        try {
          await body(dom0);
        } catch (error) {
          await dom0.machine.report();
          throw error;
        }
      };
      test(name, run, BOUNDS.test);
    },
  };
}
