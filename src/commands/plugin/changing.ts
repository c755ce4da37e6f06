import { NetworkDevices } from "../../kernel/devices.ts";
import type { Kernel } from "../../offload/ports.ts";
import type { Result } from "../../offload/result.ts";
import { ChangeLock } from "../../state/lock.ts";

/** Work that changes this host: with its kernel at hand, and with the lock held. */
export async function changing<T>(
  waitSeconds: number,
  work: (kernel: Kernel) => Promise<Result<T>>,
): Promise<Result<T>> {
  const locked = await ChangeLock.take(waitSeconds, (taken) => taken);
  if (!locked.ok) return locked;
  using _lock = locked.value;
  using kernel = new NetworkDevices();
  return await work(kernel);
}
