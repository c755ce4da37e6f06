import * as v from "valibot";

/** A feature of a device as `ethtool -k` shows it. */
export interface Feature {
  /** Whether the device does it now. */
  readonly active: boolean;
  /** Whether nobody can change it; null where the line sums up several features. */
  readonly fixed: boolean | null;
  /** Whether it is to be on as soon as nothing stands in its way; null where the line sums up. */
  readonly requested: boolean | null;
}

const FEATURE = v.object({
  active: v.boolean(),
  fixed: v.nullable(v.boolean()),
  requested: v.nullable(v.boolean()),
});

/** Reads `ethtool --json -k DEVICE`: features by the names ethtool prints, `tx-checksum-ipv4` and summaries alike. */
export function parseFeatures(text: string): Map<string, Feature> {
  const [device] = v.parse(v.array(v.record(v.string(), v.unknown())), JSON.parse(text));
  const features = new Map<string, Feature>();
  for (const [name, value] of Object.entries(device ?? {})) {
    if (name !== "ifname") features.set(name, v.parse(FEATURE, value));
  }
  return features;
}
