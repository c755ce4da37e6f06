import { afterAll, beforeAll, test } from "bun:test";
import { BootedDom0, type BootedDom0Options } from "./dom0.ts";
import { MachineFault } from "./guest-agent.ts";
import { TIMEOUTS_MS } from "./lab.ts";

/** What a test does on its machine. */
type Body = (dom0: BootedDom0) => Promise<void>;

/** A machine for the tests of one `describe`, which follow each other on it. */
export interface MachineTests {
  /** Declares a test. When it fails, the machine tells on standard error what it has to tell. */
  test(name: string, body: Body): void;
}

/** How often a machine may fail by itself before that is a failure of the tests. */
const MAX_RETRIES = 2;

/** Boots a machine before the tests of this `describe`, and ends it after them. */
export function machineTests(options: BootedDom0Options): MachineTests {
  let dom0: BootedDom0 | undefined;
  let retriesLeft = MAX_RETRIES;
  const passed: Body[] = [];

  /** A fresh machine, on which nothing of the program has run yet: one that does not boot is no finding. */
  async function boot(): Promise<BootedDom0> {
    const started = Date.now();
    const booted = await BootedDom0.start(options).catch((error: unknown) => {
      if (retriesLeft-- === 0) throw error;
      console.error(`no boot (${options.kind}): ${error}; once more`);
      return BootedDom0.start(options);
    });
    console.error(`booted (${options.kind}) in ${Math.round((Date.now() - started) / 1000)} s`);
    return booted;
  }

  /** Does these one after the other; begins anew on another machine where this one has failed. */
  async function runTests(bodies: readonly Body[], last: Body): Promise<void> {
    dom0 ??= await boot();
    try {
      for (const body of bodies) await body(dom0);
      await last(dom0);
    } catch (error) {
      await dom0.machine.report();
      if (!(await isMachineFailure(dom0, error)) || retriesLeft-- === 0) throw error;
      console.error(`the machine has failed by itself (${error}); all so far once more, on another`);
      await dom0.machine.stop();
      dom0 = undefined;
      await runTests(passed, last);
    }
  }

  beforeAll(async () => {
    dom0 = await boot();
  }, TIMEOUTS_MS.test);
  afterAll(() => dom0?.machine.stop(), TIMEOUTS_MS.test);
  return {
    test(name, body) {
      const run = async () => {
        await runTests([], body);
        passed.push(body);
      };
      test(name, run, TIMEOUTS_MS.test);
    },
  };
}

/** Whether it was the machine, by what the agent or the kernel of the machine says. */
async function isMachineFailure({ machine }: BootedDom0, error: unknown): Promise<boolean> {
  if (error instanceof MachineFault) return true;
  const died = await machine.segfaults().catch(() => []);
  return died.length > 0 && died.every((program) => !program.startsWith("offload"));
}
