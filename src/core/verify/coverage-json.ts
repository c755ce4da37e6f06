import * as v from "valibot";
import { FEATURE_NAMES, type Feature } from "../features.ts";
import type { Coverage } from "./coverage.ts";

/** A coverage as JSON has it: in the boot script and in reports. */
export interface CoverageJson {
  readonly nics: readonly Feature[];
  readonly vifs: readonly Feature[];
  /** By the name of the NIC. */
  readonly devices: Readonly<Record<string, readonly Feature[]>>;
  /** By the UUID of the VM. */
  readonly vms: Readonly<
    Record<
      string,
      {
        readonly features: readonly Feature[];
        /** By the number of the VIF. */
        readonly vifs: Readonly<Record<string, readonly Feature[]>>;
      }
    >
  >;
}

/** The same coverage always gives the same text: keys are sorted. */
export function coverageToJson({ nics, vifs, devices, vms }: Coverage): CoverageJson {
  return {
    nics,
    vifs,
    devices: toSortedObject(devices, (features) => features),
    vms: toSortedObject(vms, (vm) => ({
      features: vm.features,
      vifs: toSortedObject(vm.vifs, (features) => features),
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

const FeaturesSchema = v.pipe(v.array(v.picklist(FEATURE_NAMES)), v.maxLength(FEATURE_NAMES.length));
const DeviceNameSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const UuidSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
const VifNumberSchema = v.pipe(v.string(), v.regex(/^(?:0|[1-9]\d{0,3})$/));

/** What a boot script has to be able to carry: hostile or damaged, a coverage outside of this is none. */
const CoverageSchema = v.strictObject({
  nics: FeaturesSchema,
  vifs: FeaturesSchema,
  devices: createMapSchema(DeviceNameSchema, FeaturesSchema, MAX_DEVICES),
  vms: createMapSchema(
    UuidSchema,
    v.strictObject({
      features: FeaturesSchema,
      vifs: createMapSchema(VifNumberSchema, FeaturesSchema, MAX_VIFS),
    }),
    MAX_VMS,
  ),
});

/** Reads a coverage from JSON; null where it is none. */
export function parseCoverage(document: unknown): Coverage | null {
  const parsed = v.safeParse(CoverageSchema, document, { abortEarly: true });
  return parsed.success ? parsed.output : null;
}

/** An object of any keys as a map: `__proto__` is a name like any other. */
function createMapSchema<K extends v.GenericSchema<string, string>, T extends v.GenericSchema>(
  key: K,
  value: T,
  maxSize: number,
) {
  return v.pipe(v.unknown(), v.transform(toMap), v.map(key, value), v.maxSize(maxSize));
}

function toMap(document: unknown): unknown {
  return typeof document === "object" && document !== null && !Array.isArray(document)
    ? new Map(Object.entries(document))
    : document;
}

function toSortedObject<T, U>(map: ReadonlyMap<string, T>, convert: (value: T) => U): Readonly<Record<string, U>> {
  const entries = [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, convert(value)]));
}
