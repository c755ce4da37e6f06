import * as v from "valibot";

const COUNT = v.pipe(v.number(), v.integer(), v.minValue(0));

/** What holds beside a fault, until the next mode or `none`. */
const MODES = [
  /** A member that starts: HOST_STILL_BOOTING, or the code that it says. */
  "starting",
  /** A coordinator that starts: its socket is open before its database is there. */
  "loading",
  /** A member that runs without its coordinator. */
  "emergency",
  /** A pool member before 8.2, which cannot pass JSON on. */
  "old-member",
  /** No call is answered, and all of them are carried out when the mode ends: a frozen xapi, or one on a
   * member whose coordinator is away. */
  "hang",
] as const;

/** What can be switched on through the control socket. */
export const FaultSchema = v.strictObject({
  fault: v.picklist([
    /** Everything as it should be; ends the fault and the mode. */
    "none",
    "http500",
    "html",
    "half",
    "silence",
    "die",
    "refuse",
    "error",
    "slow",
    ...MODES,
  ]),
  /** So many calls that the fault could hit go through first. */
  after: v.exactOptional(COUNT),
  /** Only calls of this method. */
  method: v.exactOptional(v.string()),
  /** So many calls are hit, then none. */
  times: v.exactOptional(COUNT),
  /** The code of `error`, `starting` or `emergency`. */
  code: v.exactOptional(v.string()),
  /** The parameters of that error. */
  params: v.exactOptional(v.array(v.string())),
  /** The delay of `slow`. */
  ms: v.exactOptional(v.pipe(v.number(), v.minValue(0))),
});

/** A fault or a mode, as the control socket takes it. */
export type Fault = v.InferOutput<typeof FaultSchema>;

/** Whether this names a mode, which holds until the next mode or `none`. */
export function isMode({ fault }: Fault): boolean {
  return MODES.some((mode) => mode === fault);
}

/** The fault that is on, and how often it struck. */
export class Faults {
  #fault: Fault | undefined;
  #mode: Fault | undefined;
  #callCount = 0;
  #faultCount = 0;

  /** The mode that is on. */
  get mode(): Fault | undefined {
    return this.#mode;
  }

  /** Switches a fault or a mode on, in place of the one before; `none` ends both. */
  set(fault: Fault): void {
    if (isMode(fault)) {
      this.#mode = fault;
      return;
    }
    if (fault.fault === "none") this.#mode = undefined;
    this.#fault = fault.fault === "none" ? undefined : fault;
    this.#callCount = 0;
    this.#faultCount = 0;
  }

  /** The fault that hits this call, if one does. */
  nextFault(method: string): Fault | undefined {
    const fault = this.#fault;
    if (fault === undefined) return undefined;
    if (fault.method !== undefined && fault.method !== method) return undefined;
    this.#callCount += 1;
    if (this.#callCount <= (fault.after ?? 0)) return undefined;
    if (this.#faultCount >= (fault.times ?? Number.POSITIVE_INFINITY)) return undefined;
    this.#faultCount += 1;
    return fault;
  }
}
