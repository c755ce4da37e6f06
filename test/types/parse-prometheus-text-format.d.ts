/** It comes without types: what it gives is checked where it is used. */
declare module "parse-prometheus-text-format" {
  export default function parse(metrics: string): unknown;
}
