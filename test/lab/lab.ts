import { resolve } from "node:path";

const REPOSITORY = resolve(import.meta.dir, "../..");

/** Where the lab keeps what it builds; scripts/boot-test fills it. */
const CACHE = process.env["OFFLOAD_BOOT_CACHE"] ?? resolve(REPOSITORY, ".cache/boot");

/** What QEMU starts a machine from. */
export const PARTS = {
  disk: resolve(CACHE, "root.img"),
  hypervisor: resolve(CACHE, "system/boot/xen"),
  kernel: resolve(CACHE, "system/boot/vmlinuz"),
  initrd: resolve(CACHE, "system/boot/initrd"),
} as const;

/** The program that is on every machine's disk, as the lab took it over. */
export const PROGRAM = resolve(CACHE, "parts/offload");

/** The units of a dom0's toolstack: all absent but a XAPI, or present as stubs. */
export type ToolstackUnits = "absent" | "present";

/** The directory with the files of that variant, laid out as on the machine. */
export function toolstackFiles(units: ToolstackUnits): string {
  return resolve(import.meta.dir, "toolstack", units);
}

/** Multiplies every bound; for machines that are busy with other things. */
const TIMEOUT_FACTOR = Number(process.env["OFFLOAD_BOOT_TIMEOUT_FACTOR"] ?? 1);

/**
 * Bounds, in milliseconds. A quiet machine needs a fifth of them: they are there to end what hangs,
 * not to measure what is slow.
 */
export const TIMEOUTS_MS = {
  boot: 600_000 * TIMEOUT_FACTOR,
  shutdown: 180_000 * TIMEOUT_FACTOR,
  command: 300_000 * TIMEOUT_FACTOR,
  reply: 120_000 * TIMEOUT_FACTOR,
  /** Without an answer after this time it is asked whether the agent is still the same. */
  agentCheck: 20_000 * TIMEOUT_FACTOR,
  guest: 300_000 * TIMEOUT_FACTOR,
  /** Of a test as a whole; a few boots and commands fit in. */
  test: 1_500_000 * TIMEOUT_FACTOR,
} as const;
