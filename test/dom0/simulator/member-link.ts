import { BusyLock, waitUntil } from "./busy-lock.ts";
import type { Cost } from "./cost.ts";

/** The way from a member to its coordinator, which costs time of its own. */
export class MemberLink {
  readonly #lock = new BusyLock();

  /** Passes a call on. */
  async forward(newConnection: boolean, { member }: Cost): Promise<void> {
    await this.#busy(member.callMs + (newConnection ? member.connectionMs : 0));
    await waitUntil(performance.now() + member.latencyMs);
  }

  /** Passes a reply back. */
  async reply(characters: number, { member }: Cost): Promise<void> {
    await this.#busy((member.kilobyteMs * characters) / 1000);
  }

  async #busy(ms: number): Promise<void> {
    if (ms === 0) return;
    await this.#lock.hold(
      () => undefined,
      () => ms,
    );
  }
}
