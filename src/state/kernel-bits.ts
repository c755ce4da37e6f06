import { readFileSync } from "node:fs";
import * as v from "valibot";
import { unavailableError } from "../core/command-error.ts";
import type { FeatureSnapshot } from "../core/disable/steps.ts";
import { type FeatureBits, isSet } from "../core/feature-set.ts";
import type { DeviceBits, Kernel, KernelBits, KernelBitsStore } from "../core/ports.ts";
import { BOOT_ID_PATH } from "../paths.ts";
import { StateDocument } from "./state-file.ts";

const file = new StateDocument("kernel-bits.json");

const CountSchema = v.pipe(v.number(), v.integer(), v.minValue(0));
/** A device by name, its kernel number, and where its features stand in the list. */
const DeviceSchema = v.tuple([v.pipe(v.string(), v.maxLength(15)), CountSchema, CountSchema]);
const FeatureSchema = v.tuple([v.pipe(v.string(), v.maxLength(32)), v.boolean(), v.boolean()]);

/** Hosts have hundreds of devices that are alike: what their features were is written once. */
const DocumentSchema = v.object({
  version: v.literal(1),
  bootId: v.string(),
  features: v.array(v.array(FeatureSchema)),
  devices: v.array(DeviceSchema),
});

/** The boot that this is, by the kernel's own random name for it. */
export function readBootId(): string {
  return readFileSync(BOOT_ID_PATH, "utf8").trim();
}

interface SavedDevice {
  readonly ifindex: number;
  readonly bits: KernelBits;
}

/**
 * The exact bits of devices before the first change of this boot. First touch wins: what is kept is not
 * kept again. A file of another boot, and a device that was made again, count as nothing.
 */
export class KernelBitsFile implements KernelBitsStore {
  #saved: ReadonlyMap<string, SavedDevice>;

  private constructor(
    saved: ReadonlyMap<string, SavedDevice>,
    readonly kernel: Pick<Kernel, "readIfindex">,
    /** Whether the file is there and is of another boot. */
    readonly isFromPreviousBoot: boolean,
  ) {
    this.#saved = saved;
  }

  /** Reads the file; to be called with the lock held by whoever means to change it. */
  static read(kernel: Pick<Kernel, "readIfindex">): KernelBitsFile {
    const text = file.read();
    if (text === null) return new KernelBitsFile(new Map(), kernel, false);
    const parsed = parseDocument(text);
    if (parsed === "outdated") return new KernelBitsFile(new Map(), kernel, true);
    if (parsed !== null) return new KernelBitsFile(parsed, kernel, false);
    throw unavailableError(
      "state-damaged",
      `${file.path} is damaged or of a newer version; move it away: the exact state of this boot's devices is then lost, what XAPI stores is not`,
    );
  }

  get(device: string): KernelBits | null {
    const saved = this.#saved.get(device);
    return saved !== undefined && this.kernel.readIfindex(device) === saved.ifindex ? saved.bits : null;
  }

  listDevices(): readonly string[] {
    return [...this.#saved.keys()].filter((device) => this.get(device) !== null);
  }

  async save(devices: readonly DeviceBits[], snapshot: FeatureSnapshot): Promise<void> {
    const saved = new Map(this.#saved);
    let changed = false;
    for (const { device, bits: selected } of devices) {
      const ifindex = this.kernel.readIfindex(device);
      const bits = readBits(device, selected, snapshot);
      if (ifindex === null || bits === null || bits.size === 0) continue;
      const previous = saved.get(device);
      const isSame = previous?.ifindex === ifindex;
      if (isSame && [...bits.keys()].every((name) => previous.bits.has(name))) continue;
      saved.set(device, {
        ifindex,
        bits: isSame ? new Map([...bits, ...previous.bits]) : bits,
      });
      changed = true;
    }
    if (changed) await this.#write(saved);
  }

  async remove(devices: Iterable<string>): Promise<void> {
    const saved = this.#excludeRemoved(this.#saved);
    for (const device of devices) saved.delete(device);
    const isSame = saved.size === this.#saved.size && !this.isFromPreviousBoot;
    if (!isSame) await this.#write(saved);
  }

  #excludeRemoved(devices: ReadonlyMap<string, SavedDevice>): Map<string, SavedDevice> {
    return new Map([...devices].filter(([device, { ifindex }]) => this.kernel.readIfindex(device) === ifindex));
  }

  async #write(devices: ReadonlyMap<string, SavedDevice>): Promise<void> {
    const saved = this.#excludeRemoved(devices);
    if (saved.size === 0) file.remove();
    else await file.write(buildDocument(saved));
    this.#saved = saved;
  }
}

/** How the selected bits of a device are; null where it was not read. */
function readBits(
  device: string,
  selected: FeatureBits,
  { featureTable, readings }: FeatureSnapshot,
): KernelBits | null {
  const reading = readings.get(device);
  if (reading?.state !== "read") return null;
  const { active, requested } = reading.features;
  return new Map(
    featureTable
      .listNames(selected)
      .map(([name, index]) => [name, { requested: isSet(requested, index), active: isSet(active, index) }]),
  );
}

function parseDocument(text: string): ReadonlyMap<string, SavedDevice> | "outdated" | null {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = v.safeParse(DocumentSchema, document, { abortEarly: true });
  if (!parsed.success) return null;
  if (parsed.output.bootId !== readBootId()) return "outdated";
  const features = parsed.output.features.map(
    (entries): KernelBits => new Map(entries.map(([name, requested, active]) => [name, { requested, active }])),
  );
  const saved = new Map<string, SavedDevice>();
  for (const [device, ifindex, index] of parsed.output.devices) {
    const bits = features[index];
    if (bits === undefined) return null;
    saved.set(device, { ifindex, bits });
  }
  return saved;
}

function buildDocument(saved: ReadonlyMap<string, SavedDevice>): v.InferOutput<typeof DocumentSchema> {
  const indexes = new Map<string, number>();
  const features: v.InferOutput<typeof DocumentSchema>["features"] = [];
  const devices = [...saved].map(([device, { ifindex, bits }]): v.InferOutput<typeof DeviceSchema> => {
    const entries = [...bits].map(
      ([name, { requested, active }]): v.InferOutput<typeof FeatureSchema> => [name, requested, active],
    );
    const text = JSON.stringify(entries);
    const index = indexes.get(text) ?? features.push(entries) - 1;
    indexes.set(text, index);
    return [device, ifindex, index];
  });
  return { version: 1, bootId: readBootId(), features, devices };
}
