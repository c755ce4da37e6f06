/** How the user wants to be answered. */
export interface OutputOptions {
  readonly json: boolean;
  readonly color: boolean;
  /** Whether each object is listed. */
  readonly verbose: boolean;
  /** Whether `status` shows each device. */
  readonly all: boolean;
  /** For which monitoring system; null where none was asked for. */
  readonly monitoring: { readonly format: "nagios" | "prometheus"; readonly strict: boolean } | null;
}
