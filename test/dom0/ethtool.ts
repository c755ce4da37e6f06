/** A feature of a device as `ethtool -k` shows it. */
export interface Feature {
  /** Whether the device does it now. */
  readonly active: boolean;
  /** Whether nobody can change it; null where the line sums up several features. */
  readonly fixed: boolean | null;
  /** Whether it is to be on as soon as nothing stands in its way; null where the line sums up, or nobody can change it. */
  readonly requested: boolean | null;
}

/** Lines that sum up the indented ones under them. */
const HEADINGS: ReadonlySet<string> = new Set(["tx-checksumming", "scatter-gather", "tcp-segmentation-offload"]);

/**
 * Reads `ethtool -k DEVICE`: features by the names ethtool prints, `tx-checksum-ipv4` and summaries alike. Not
 * `--json`, which the ethtool of a kernel 4.x does not know. A line that it does not understand is an error.
 */
export function parseFeatures(text: string): Map<string, Feature> {
  const [heading = "", ...lines] = text.trimEnd().split("\n");
  if (!/^Features for \S+:$/.test(heading)) throw new Error(`not understood: ${heading}`);
  return new Map(lines.map(parseLine));
}

function parseLine(line: string): readonly [name: string, feature: Feature] {
  const [, name = "", state, mark] =
    /^\t?(\S+): (on|off)(?: \[(fixed|requested on|requested off)\])?$/.exec(line) ?? [];
  if (state === undefined) throw new Error(`not understood: ${line}`);
  const active = state === "on";
  if (HEADINGS.has(name)) return [name, { active, fixed: null, requested: null }];
  if (mark === "fixed") return [name, { active, fixed: true, requested: null }];
  return [name, { active, fixed: false, requested: mark === undefined ? active : mark === "requested on" }];
}
