import type { Feature } from "../features.ts";

/** One feature of one device: what a bisection turns off and on. There is one object of each, and sets go by it. */
export interface DeviceFeature {
  readonly device: string;
  readonly feature: Feature;
  /** The same of devices that are alike. */
  readonly kind: string;
  /**
   * Which of its kernel features are left on; null where it is off as a whole. Linux 6.18 turns off TSO with tx, all but
   * tx-tcp-accecn-segmentation.
   */
  readonly leftOn: string | null;
}

/** Features of devices that are off at the same time. */
export type OffSet = ReadonlySet<DeviceFeature>;
