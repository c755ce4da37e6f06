import type { LiveView, RecordStep } from "../core/disable/steps.ts";
import type { ChangeableBits, FeatureWish } from "../core/feature-set.ts";
import { type Interface, nameOf } from "../core/interface.ts";
import type { Inventory, Pif, Vm } from "../core/inventory.ts";
import type {
  Circumstances,
  InterfaceConfig,
  KeyOutcome,
  KeyWrite,
  RecordOutcome,
  Toolstack,
  WriteOutcome,
} from "../core/ports.ts";
import type { Result } from "../core/result.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import type { Progress } from "../terminal/progress.ts";

/** The network devices, each change of which is told of. */
export class WatchedDevices extends NetworkDevices {
  constructor(private readonly progress: Progress) {
    super();
  }

  override observeAgain(view: LiveView, devices: Iterable<string>): LiveView {
    // What has been changed is read back: the changing is over.
    this.progress.end();
    return super.observeAgain(view, devices);
  }

  override clear(device: string, bits: ChangeableBits): WriteOutcome {
    this.#begin(device);
    return this.#done(device, super.clear(device, bits));
  }

  override request(device: string, wish: FeatureWish): WriteOutcome {
    this.#begin(device);
    return this.#done(device, super.request(device, wish));
  }

  #begin(device: string): void {
    this.progress.begin("changing devices");
    this.progress.at(device);
  }

  #done(device: string, outcome: WriteOutcome): WriteOutcome {
    this.progress.done(device, outcome.done ? "changed" : `not changed, ${outcome.because}`);
    return outcome;
  }
}

/** XAPI, each of whose calls that may take long is told of. */
export class WatchedToolstack implements Toolstack {
  constructor(
    private readonly toolstack: Toolstack,
    private readonly progress: Progress,
  ) {}

  inventory(scope: ReadScope): Promise<Result<Inventory>> {
    return this.#during("reading XAPI's inventory", () => this.toolstack.inventory(scope));
  }

  settingsOf(
    interfaces: readonly Interface[],
  ): Promise<Result<ReadonlyMap<string, InterfaceConfig>>> {
    return this.#during("reading settings back", () => this.toolstack.settingsOf(interfaces));
  }

  writeKeys<W extends KeyWrite>(
    writes: readonly W[],
    isStopped: () => boolean,
    told?: (outcome: KeyOutcome<W>) => void,
  ): Promise<readonly KeyOutcome<W>[]> {
    return this.#during("writing to XAPI", () => this.toolstack.writeKeys(writes, isStopped, told));
  }

  countHosts(): Promise<Result<number>> {
    return this.toolstack.countHosts();
  }

  announce(vms: readonly Vm[]): Promise<readonly string[]> {
    return this.#during("telling xenopsd of running VMs", () => this.toolstack.announce(vms));
  }

  circumstances(): Promise<Result<Circumstances>> {
    return this.#during("reading versions and networks", () => this.toolstack.circumstances());
  }

  bridgeOf(pif: Pif): Promise<Result<string>> {
    return this.toolstack.bridgeOf(pif);
  }

  plug(pif: Pif): Promise<string | null> {
    return this.#during(`having XAPI plug ${pif.device}`, () => this.toolstack.plug(pif));
  }

  write(
    steps: readonly RecordStep[],
    isStopped: () => boolean,
    told?: (outcome: RecordOutcome) => void,
  ): Promise<readonly RecordOutcome[]> {
    const tell = (outcome: RecordOutcome) => {
      const { subject, key, to } = outcome.step;
      const how = outcome.state === "written" ? wordsFor(key, to) : `${key} ${outcome.because}`;
      this.progress.done(nameOf(subject), how);
      told?.(outcome);
    };
    this.progress.begin("writing XAPI's records", steps.length);
    return this.toolstack.write(steps, isStopped, tell).finally(() => this.progress.end());
  }

  #during<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.progress.begin(what);
    return work().finally(() => this.progress.end());
  }
}

function wordsFor(key: string, to: string | null): string {
  return to === null ? `${key} removed` : `${key}=${to} recorded`;
}
