import { readFileSync } from "node:fs";
import * as v from "valibot";
import type { LiveStep, LiveView } from "../core/disable/steps.ts";
import { isSet } from "../core/feature-set.ts";
import type { Kernel, KernelBits, KernelBitsKeeper } from "../core/ports.ts";
import { type Result, success, unavailable } from "../core/result.ts";
import { readStateFile, removeStateFile, statePath, writeStateFile } from "./file.ts";

const FILE = "kernel-bits.json";
const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** A device by name, its kernel number, and where its features stand in the list. */
const Device = v.tuple([v.pipe(v.string(), v.maxLength(15)), Count, Count]);
const FeatureEntry = v.tuple([v.pipe(v.string(), v.maxLength(32)), v.boolean(), v.boolean()]);

/** Hosts have hundreds of devices that are alike: what their features were is written once. */
const Document = v.object({
  version: v.literal(1),
  bootId: v.string(),
  features: v.array(v.array(FeatureEntry)),
  devices: v.array(Device),
});

/** The boot that this is, by the kernel's own random name for it. */
export function bootId(): string {
  return readFileSync(BOOT_ID_PATH, "utf8").trim();
}

interface Kept {
  readonly ifindex: number;
  readonly bits: KernelBits;
}

/**
 * The exact bits of devices before the first change of this boot. First touch wins: what is kept is not
 * kept again. A file of another boot, and a device that was made anew, count as nothing.
 */
export class KernelBitsFile implements KernelBitsKeeper {
  #kept: ReadonlyMap<string, Kept>;

  private constructor(
    kept: ReadonlyMap<string, Kept>,
    readonly kernel: Pick<Kernel, "ifindexOf">,
    /** Whether the file is there and is of another boot. */
    readonly isOutdated: boolean,
  ) {
    this.#kept = kept;
  }

  /** Reads the file; to be called with the lock held by whoever means to change it. */
  static read(kernel: Pick<Kernel, "ifindexOf">): Result<KernelBitsFile> {
    const text = readStateFile(FILE);
    if (!text.ok) return text;
    if (text.value === null) return success(new KernelBitsFile(new Map(), kernel, false));
    const parsed = parse(text.value);
    if (parsed === "outdated") return success(new KernelBitsFile(new Map(), kernel, true));
    if (parsed !== null) return success(new KernelBitsFile(parsed, kernel, false));
    return unavailable(
      "state-damaged",
      `${statePath(FILE)} is damaged or of a newer version; move it away: what it told of this boot's devices is then lost, what XAPI holds is not`,
    );
  }

  of(device: string): KernelBits | null {
    const kept = this.#kept.get(device);
    return kept !== undefined && this.kernel.ifindexOf(device) === kept.ifindex ? kept.bits : null;
  }

  devices(): readonly string[] {
    return [...this.#kept.keys()].filter((device) => this.of(device) !== null);
  }

  async keep(steps: readonly LiveStep[], view: LiveView): Promise<Result<void>> {
    const kept = new Map(this.#kept);
    const alike = new AlikeBits(view);
    let changed = false;
    for (const step of steps) {
      const ifindex = this.kernel.ifindexOf(step.device);
      const bits = alike.of(step);
      if (ifindex === null || bits === null) continue;
      const before = kept.get(step.device);
      const isSame = before?.ifindex === ifindex;
      if (isSame && [...bits.keys()].every((name) => before.bits.has(name))) continue;
      kept.set(step.device, {
        ifindex,
        bits: isSame ? new Map([...bits, ...before.bits]) : bits,
      });
      changed = true;
    }
    return changed ? await this.#write(kept) : success(undefined);
  }

  async forget(devices: Iterable<string>): Promise<Result<void>> {
    const kept = this.#withoutRemoved(this.#kept);
    for (const device of devices) kept.delete(device);
    const isSame = kept.size === this.#kept.size && !this.isOutdated;
    return isSame ? success(undefined) : await this.#write(kept);
  }

  #withoutRemoved(all: ReadonlyMap<string, Kept>): Map<string, Kept> {
    return new Map(
      [...all].filter(([device, { ifindex }]) => this.kernel.ifindexOf(device) === ifindex),
    );
  }

  async #write(all: ReadonlyMap<string, Kept>): Promise<Result<void>> {
    const kept = this.#withoutRemoved(all);
    const written =
      kept.size === 0 ? removeStateFile(FILE) : await writeStateFile(FILE, documentOf(kept));
    if (written.ok) this.#kept = kept;
    return written;
  }
}

/** The bits that steps are about to clear: devices that are alike are cleared alike. */
class AlikeBits {
  readonly #bits = new Map<LiveStep["clear"], KernelBits>();

  constructor(readonly view: LiveView) {}

  of({ device, clear }: LiveStep): KernelBits | null {
    const observation = this.view.observations.get(device);
    if (observation?.state !== "read") return null;
    const known = this.#bits.get(clear);
    if (known !== undefined) return known;
    const { active, requested } = observation.features;
    const bits: KernelBits = new Map(
      this.view.kernel
        .named(clear.bits)
        .map(([name, index]) => [
          name,
          { requested: isSet(requested, index), active: isSet(active, index) },
        ]),
    );
    this.#bits.set(clear, bits);
    return bits;
  }
}

function parse(text: string): ReadonlyMap<string, Kept> | "outdated" | null {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = v.safeParse(Document, document);
  if (!parsed.success) return null;
  if (parsed.output.bootId !== bootId()) return "outdated";
  const features = parsed.output.features.map(
    (entries): KernelBits =>
      new Map(entries.map(([name, requested, active]) => [name, { requested, active }])),
  );
  const kept = new Map<string, Kept>();
  for (const [device, ifindex, place] of parsed.output.devices) {
    const bits = features[place];
    if (bits === undefined) return null;
    kept.set(device, { ifindex, bits });
  }
  return kept;
}

function documentOf(kept: ReadonlyMap<string, Kept>): v.InferOutput<typeof Document> {
  const places = new Map<KernelBits | string, number>();
  const features: v.InferOutput<typeof Document>["features"] = [];
  const placeOf = (bits: KernelBits): number => {
    const known = places.get(bits);
    if (known !== undefined) return known;
    const entries = [...bits].map(
      ([name, { requested, active }]): v.InferOutput<typeof FeatureEntry> => [
        name,
        requested,
        active,
      ],
    );
    const text = JSON.stringify(entries);
    const place = places.get(text) ?? features.push(entries) - 1;
    places.set(text, place).set(bits, place);
    return place;
  };
  const devices = [...kept].map(
    ([device, { ifindex, bits }]): v.InferOutput<typeof Device> => [device, ifindex, placeOf(bits)],
  );
  return { version: 1, bootId: bootId(), features, devices };
}
