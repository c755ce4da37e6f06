import type { SignalHandler } from "../../cli/signals.ts";
import type { OffSet } from "../../core/bisect/device-feature.ts";
import { type BisectFeatures, OffReader, planBisectRequest } from "../../core/bisect/devices.ts";
import { unavailableError } from "../../core/command-error.ts";
import { type FeatureSnapshot, getFeatureSet, type LiveStep } from "../../core/disable/steps.ts";
import { collectPreviousRequests, type PendingChange } from "../../core/pending-change.ts";
import type { Kernel } from "../../core/ports.ts";
import type { Problem } from "../../core/problem.ts";
import { NetworkDevices } from "../../kernel/devices.ts";
import { KernelBitsFile } from "../../state/kernel-bits.ts";
import { ChangeLock } from "../../state/lock.ts";
import { getPendingState, getSecondsLeft } from "../../state/pending-change.ts";
import { revertIfPending } from "../pending/await-answer.ts";
import {
  beginPendingChange,
  extendPendingChange,
  type PendingChangeRequest,
  revertPendingChange,
} from "../pending/pending-change.ts";

/** How long to wait for the process that holds the lock: none keeps it while a change is pending. */
const LOCK_WAIT_SECONDS = 30;

/** What is to be turned off for a while. */
export interface RevertibleRequest extends Omit<PendingChangeRequest, "id"> {
  /** What would turn all of it off. */
  readonly steps: readonly LiveStep[];
  /** The devices as they are. */
  readonly before: FeatureSnapshot;
  readonly pairs: BisectFeatures;
}

/**
 * Devices whose features are turned off for a while. All of it is one pending change: whatever becomes of this
 * process, the revert timer restores what was there.
 */
export class RevertibleDevices {
  readonly #ifindexes: ReadonlyMap<string, number | null>;
  readonly #offReader: OffReader;

  private constructor(
    readonly request: RevertibleRequest,
    readonly kernel: Kernel,
    private readonly signals: SignalHandler,
    private pending: PendingChange,
  ) {
    this.#ifindexes = new Map(request.steps.map(({ device }) => [device, kernel.readIfindex(device)]));
    this.#offReader = new OffReader(request.pairs.all, request.before);
  }

  /** Keeps the exact bits of the devices, and arms the revert timer. To be called with the lock held. */
  static async begin(request: RevertibleRequest, kernel: Kernel, signals: SignalHandler): Promise<RevertibleDevices> {
    const { targets, features, confirmWithinSeconds, steps, before } = request;
    const bits = KernelBitsFile.read(kernel);
    const pending = await beginPendingChange(
      { id: crypto.randomUUID(), targets, features, confirmWithinSeconds },
      { command: "bisect" },
      collectPreviousRequests(steps, before),
      bits,
    );
    try {
      await bits.save(
        steps.map(({ device, request: { valid } }) => ({ device, bits: valid })),
        before,
      );
    } catch (error) {
      await revertPendingChange(pending, kernel);
      throw error;
    }
    return new RevertibleDevices(request, kernel, signals, pending);
  }

  /** Turns off these features and no others, and gives what reads back as off. */
  async turnOff(requested: OffSet): Promise<OffSet> {
    return await this.#change(async () => {
      const devices = this.request.steps.map(({ device }) => device);
      const now = this.#read(devices);
      for (const device of devices) this.#write(device, requested, now);
      const off = this.#offReader.read(this.#read(devices));
      if (off === null) throw unavailableError("device-unreadable", "a device can no longer be read");
      return off;
    });
  }

  /** Sees to it that so much time is left before everything is reverted. */
  async ensureSecondsLeft(seconds: number): Promise<void> {
    if (getSecondsLeft(this.pending) < seconds) await this.#change(async () => {});
    else this.#checkPending();
  }

  /** Puts everything back. */
  async revert(): Promise<readonly Problem[]> {
    // Whoever opened the host has heard a signal, too, and closes its devices.
    using kernel = new NetworkDevices();
    const problems = await revertIfPending(kernel, this.pending, LOCK_WAIT_SECONDS);
    return problems.length > 0 ? problems : this.#findDifferences(kernel);
  }

  /** Does something with the lock held and the whole time ahead; a signal that comes meanwhile is heard afterwards. */
  async #change<T>(work: () => Promise<T>): Promise<T> {
    return await this.signals.runUninterrupted(async () => {
      using _lock = await ChangeLock.acquire(LOCK_WAIT_SECONDS, (pause) => pause);
      this.#checkPending();
      this.pending = await extendPendingChange(this.pending, this.request.confirmWithinSeconds);
      return await work();
    });
  }

  #checkPending(): void {
    if (getPendingState(this.pending) === "pending") return;
    throw unavailableError(
      "reverted",
      "everything was reverted meanwhile, from another login or because the time was over",
    );
  }

  #read(devices: readonly string[]): FeatureSnapshot {
    return this.kernel.rereadFeatures(this.request.before, devices);
  }

  #write(device: string, requested: OffSet, now: FeatureSnapshot): void {
    const set = getFeatureSet(now, device);
    if (set === null || this.kernel.readIfindex(device) !== this.#ifindexes.get(device)) {
      throw unavailableError("device-removed", `${device} is no longer the device that it was`);
    }
    const request = planBisectRequest(device, set, requested, this.pending.devices, now.featureTable);
    if (request.isEmpty) return;
    const outcome = this.kernel.requestFeatures(device, request);
    if (!outcome.done) throw unavailableError("write-failed", `${device} could not be changed: ${outcome.reason}`);
  }

  /** What is not as it was before the first change. A device that has gone took its features along. */
  #findDifferences(kernel: Kernel): readonly Problem[] {
    const { before, steps } = this.request;
    const devices = steps.map(({ device }) => device);
    const after = kernel.readFeatures((existing) => devices.filter((device) => existing.has(device)));
    return devices.flatMap((device): Problem[] => {
      const [from, to] = [getFeatureSet(before, device), getFeatureSet(after, device)];
      const isReplaced = kernel.readIfindex(device) !== this.#ifindexes.get(device);
      if (from === null || to === null || isReplaced) return [];
      if (from.active.join() === to.active.join() && from.requested.join() === to.requested.join()) return [];
      const message = `${device}: not as it was before: the driver did not follow`;
      return [{ code: "write-failed", message, interface: device, device }];
    });
  }
}
