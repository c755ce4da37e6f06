import parse from "parse-prometheus-text-format";
import * as v from "valibot";

const METRICS = v.array(
  v.object({
    name: v.string(),
    help: v.pipe(v.string(), v.minLength(1)),
    type: v.literal("GAUGE"),
    metrics: v.array(
      v.object({
        labels: v.optional(v.record(v.string(), v.string()), {}),
        value: v.pipe(v.string(), v.regex(/^\d+$/)),
      }),
    ),
  }),
);

/** A metric as a parser of Prometheus's text format reads it: its samples, each with its labels. */
export interface ParsedMetric {
  readonly name: string;
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** Lines as the format has them: the parser itself takes nearly anything. */
const LINE =
  /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z]+="(?:[^"\\]|\\[\\"n])*"(?:,[a-z]+="(?:[^"\\]|\\[\\"n])*")*\})? \d+)$/;

/** Reads metrics. Throws for what is not in the format, and for a sample that is there twice. */
export function parseMetrics(text: string): readonly ParsedMetric[] {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const lines = text.slice(0, -1).split("\n");
  const wrong = lines.find((line) => !LINE.test(line));
  if (wrong !== undefined) throw new Error(`not a line of the format: ${wrong}`);
  const samples = lines.filter((line) => !line.startsWith("#")).map((line) => line.replace(/ \d+$/, ""));
  if (new Set(samples).size < samples.length) throw new Error("a sample is there twice");
  return v.parse(METRICS, parse(text)).map(({ name, metrics }) => ({
    name,
    samples: metrics.map(({ labels, value }) => ({ labels, value: Number(value) })),
  }));
}

/** The states of `offload_verify_state` whose value is 1: there has to be one. */
export function listCurrentStates(metrics: readonly ParsedMetric[]): readonly string[] {
  const samples = metrics.find(({ name }) => name === "offload_verify_state")?.samples ?? [];
  return samples.filter(({ value }) => value === 1).map(({ labels }) => labels["state"] ?? "");
}
