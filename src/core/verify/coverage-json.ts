import * as v from "valibot";
import { KEYWORDS, type Keyword } from "../features.ts";
import type { Coverage } from "./coverage.ts";

/** A coverage as JSON has it: in the boot script and in reports. */
export interface CoverageJson {
  readonly nics: readonly Keyword[];
  readonly vifs: readonly Keyword[];
  /** By the name of the NIC. */
  readonly devices: Readonly<Record<string, readonly Keyword[]>>;
  /** By the UUID of the VM. */
  readonly vms: Readonly<
    Record<
      string,
      {
        readonly features: readonly Keyword[];
        /** By the number of the VIF. */
        readonly vifs: Readonly<Record<string, readonly Keyword[]>>;
      }
    >
  >;
}

/** The same coverage always gives the same text: keys are sorted. */
export function coverageToJson({ nics, vifs, devices, vms }: Coverage): CoverageJson {
  return {
    nics,
    vifs,
    devices: sorted(devices, (features) => features),
    vms: sorted(vms, (vm) => ({
      features: vm.features,
      vifs: sorted(vm.vifs, (features) => features),
    })),
  };
}

/** Whether two coverages keep the same off on the same interfaces. */
export function isSameCoverage(a: Coverage, b: Coverage): boolean {
  return JSON.stringify(coverageToJson(a)) === JSON.stringify(coverageToJson(b));
}

/** More NICs, VMs or VIFs than a pool can have (docs.xenserver.com, configuration limits). */
const MAX_DEVICES = 256;
const MAX_VMS = 16_384;
const MAX_VIFS = 64;

const Features = v.pipe(v.array(v.picklist(KEYWORDS)), v.maxLength(KEYWORDS.length));
const DeviceName = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const Uuid = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
const VifNumber = v.pipe(v.string(), v.regex(/^(?:0|[1-9]\d{0,3})$/));

/** What a boot script has to be able to carry: hostile or damaged, a coverage outside of this is none. */
const CoverageSchema = v.strictObject({
  nics: Features,
  vifs: Features,
  devices: mapOf(DeviceName, Features, MAX_DEVICES),
  vms: mapOf(
    Uuid,
    v.strictObject({ features: Features, vifs: mapOf(VifNumber, Features, MAX_VIFS) }),
    MAX_VMS,
  ),
});

/** Reads a coverage from JSON; null where it is none. */
export function parseCoverage(document: unknown): Coverage | null {
  const parsed = v.safeParse(CoverageSchema, document, { abortEarly: true });
  return parsed.success ? parsed.output : null;
}

/** An object of any keys as a map: `__proto__` is a name like any other. */
function mapOf<K extends v.GenericSchema<string, string>, T extends v.GenericSchema>(
  key: K,
  value: T,
  maxSize: number,
) {
  return v.pipe(v.unknown(), v.transform(entriesOf), v.map(key, value), v.maxSize(maxSize));
}

function entriesOf(document: unknown): unknown {
  return typeof document === "object" && document !== null && !Array.isArray(document)
    ? new Map(Object.entries(document))
    : document;
}

function sorted<T, U>(
  map: ReadonlyMap<string, T>,
  convert: (value: T) => U,
): Readonly<Record<string, U>> {
  const entries = [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, convert(value)]));
}
