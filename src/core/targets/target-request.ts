/**
 * One target as the user wrote it; `kind` is what `--vm`, `--pif` or `--host` pinned down. The last
 * three stand for ALL, NICS and VIFS, whatever a VM may be called.
 */
export interface TargetRequest {
  readonly text: string;
  readonly kind: "any" | "vm" | "pif" | "host" | "nics" | "vifs";
}
