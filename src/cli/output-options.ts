/** How the user wants to be answered. */
export interface OutputOptions {
  readonly json: boolean;
  readonly color: boolean;
  /** Whether each object is told of. */
  readonly verbose: boolean;
  /** Whether `status` shows each device. */
  readonly all: boolean;
  /** As a monitoring plugin answers; null where that was not asked for. */
  readonly nagios: { readonly strict: boolean } | null;
}
