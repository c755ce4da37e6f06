import type { FeatureSnapshot, SettingStep } from "../core/disable/steps.ts";
import type { FeatureRequest } from "../core/feature-set.ts";
import { formatInterfaceName, type Interface } from "../core/interface.ts";
import type { Inventory, Pif, Vm } from "../core/inventory.ts";
import type {
  OtherConfigWrite,
  OtherConfigWriteOutcome,
  SettingOutcome,
  Toolstack,
  WriteOutcome,
  XapiDiagnostics,
} from "../core/ports.ts";
import type { Settings } from "../core/settings.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import type { Progress } from "../terminal/progress.ts";

/** The network devices; each change shows as progress. */
export class NetworkDevicesWithProgress extends NetworkDevices {
  constructor(private readonly progress: Progress) {
    super();
  }

  override rereadFeatures(snapshot: FeatureSnapshot, devices: Iterable<string>): FeatureSnapshot {
    // What has been changed is read back: the changing is over.
    this.progress.end();
    return super.rereadFeatures(snapshot, devices);
  }

  override requestFeatures(device: string, featureRequest: FeatureRequest): WriteOutcome {
    this.#reportStart(device);
    return this.#reportOutcome(device, super.requestFeatures(device, featureRequest));
  }

  #reportStart(device: string): void {
    this.progress.begin("changing devices");
    this.progress.startObject(device);
  }

  #reportOutcome(device: string, outcome: WriteOutcome): WriteOutcome {
    this.progress.finishObject(device, outcome.done ? "changed" : `not changed, ${outcome.reason}`);
    return outcome;
  }
}

/** XAPI; each call that may take long shows as progress. */
export class ToolstackWithProgress implements Toolstack {
  constructor(
    private readonly toolstack: Toolstack,
    private readonly progress: Progress,
  ) {}

  readInventory(scope: ReadScope): Promise<Inventory> {
    return this.#withProgress("reading XAPI's inventory", () => this.toolstack.readInventory(scope));
  }

  readSettings(interfaces: readonly Interface[]): Promise<ReadonlyMap<string, Settings>> {
    return this.#withProgress("reading settings back", () => this.toolstack.readSettings(interfaces));
  }

  writeOtherConfig<W extends OtherConfigWrite>(
    writes: readonly W[],
    isStopped: () => boolean,
    onOutcome?: (outcome: OtherConfigWriteOutcome<W>) => void,
  ): Promise<readonly OtherConfigWriteOutcome<W>[]> {
    return this.#withProgress("writing to XAPI", () => this.toolstack.writeOtherConfig(writes, isStopped, onOutcome));
  }

  countHosts(): Promise<number> {
    return this.toolstack.countHosts();
  }

  announceVms(vms: readonly Vm[]): Promise<readonly string[]> {
    return this.#withProgress("telling xenopsd of running VMs", () => this.toolstack.announceVms(vms));
  }

  readDiagnostics(): Promise<XapiDiagnostics> {
    return this.#withProgress("reading versions and networks", () => this.toolstack.readDiagnostics());
  }

  findBridge(pif: Pif): Promise<string> {
    return this.toolstack.findBridge(pif);
  }

  plugPif(pif: Pif): Promise<string | null> {
    return this.#withProgress(`having XAPI plug ${pif.device}`, () => this.toolstack.plugPif(pif));
  }

  writeSettings(
    steps: readonly SettingStep[],
    isStopped: () => boolean,
    onOutcome?: (outcome: SettingOutcome) => void,
  ): Promise<readonly SettingOutcome[]> {
    const reportOutcome = (outcome: SettingOutcome) => {
      const { iface, key, to } = outcome.step;
      const detail = outcome.state === "written" ? formatKeyChange(key, to) : `${key} ${outcome.reason}`;
      this.progress.finishObject(formatInterfaceName(iface), detail);
      onOutcome?.(outcome);
    };
    this.progress.begin("writing XAPI's settings", steps.length);
    return this.toolstack.writeSettings(steps, isStopped, reportOutcome).finally(() => this.progress.end());
  }

  #withProgress<T>(activity: string, work: () => Promise<T>): Promise<T> {
    this.progress.begin(activity);
    return work().finally(() => this.progress.end());
  }
}

function formatKeyChange(key: string, to: string | null): string {
  return to === null ? `${key} removed` : `${key}=${to} set`;
}
