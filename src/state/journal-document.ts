import * as v from "valibot";
import type { FormerFeature, FormerFeatures, Journal } from "../offload/journal.ts";

/** The version of the document that this program reads and writes. */
export const VERSION = 1;

const Former = v.record(v.string(), v.object({ requested: v.boolean(), active: v.boolean() }));
/** A place in the list of features; null where nothing live was changed. */
const Place = v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0)));

/**
 * The journal as it stands in files. Hosts have hundreds of devices that are alike: what their
 * features were is written once, and each tells by `main` and `tap` where.
 */
export const JournalDocument = v.pipe(
  v.object({
    version: v.literal(VERSION),
    features: v.array(Former),
    interfaces: v.record(
      v.string(),
      v.object({
        name: v.string(),
        kind: v.picklist(["pif", "vif"]),
        main: Place,
        tap: Place,
        records: v.record(v.string(), v.nullable(v.string())),
        unplugged: v.array(v.string()),
      }),
    ),
  }),
  v.check(
    ({ features, interfaces }) =>
      Object.values(interfaces).every(
        ({ main, tap }) => Math.max(main ?? -1, tap ?? -1) < features.length,
      ),
    "a device tells of features that are not there",
  ),
);

/** The journal of a document. */
export function fromDocument(document: v.InferOutput<typeof JournalDocument>): Journal {
  const known = document.features.map((former): FormerFeatures => new Map(Object.entries(former)));
  const at = (place: number | null) => (place === null ? undefined : known[place]) ?? NOTHING;
  return new Map(
    Object.entries(document.interfaces).map(([key, entry]) => [
      key,
      {
        name: entry.name,
        kind: entry.kind,
        main: at(entry.main),
        tap: at(entry.tap),
        records: new Map(Object.entries(entry.records)),
        unplugged: new Set(entry.unplugged),
      },
    ]),
  );
}

const NOTHING: FormerFeatures = new Map();

/** The document of a journal. */
export function toDocument(journal: Journal): v.InferOutput<typeof JournalDocument> {
  const list = new FeatureList();
  const interfaces = new Map<string, InterfaceDocument>();
  for (const [key, { name, kind, main, tap, records, unplugged }] of journal) {
    interfaces.set(key, {
      name,
      kind,
      main: list.placeOf(main),
      tap: list.placeOf(tap),
      records: records.size === 0 ? NO_RECORDS : Object.fromEntries(records),
      unplugged: unplugged.size === 0 ? NO_KEYS : [...unplugged],
    });
  }
  return {
    version: VERSION,
    features: list.features,
    interfaces: Object.fromEntries(interfaces),
  };
}

type InterfaceDocument = v.InferOutput<typeof JournalDocument>["interfaces"][string];

const NO_RECORDS: InterfaceDocument["records"] = {};
const NO_KEYS: InterfaceDocument["unplugged"] = [];

/** Former features, each written once. */
class FeatureList {
  readonly features: Readonly<Record<string, FormerFeature>>[] = [];
  /** By the features themselves, which devices that are alike have in common, and by their text. */
  readonly #places = new Map<FormerFeatures | string, number>();

  placeOf(former: FormerFeatures): number | null {
    if (former.size === 0) return null;
    const known = this.#places.get(former);
    if (known !== undefined) return known;
    const plain = Object.fromEntries(former);
    const text = JSON.stringify(plain);
    const place = this.#places.get(text) ?? this.features.push(plain) - 1;
    this.#places.set(text, place).set(former, place);
    return place;
  }
}
