import type { ChangeableBits, FeatureBits, FeatureSet, FeatureWish } from "../core/feature-set.ts";
import type { Driver } from "../core/ports.ts";
import type { EthtoolCommand, EthtoolSocket, IoctlResult } from "../fs/kernel-libc.ts";

// linux/ethtool.h
const ETHTOOL_GDRVINFO = 0x03;
const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;
const ETH_SS_FEATURES = 4;
const ETH_GSTRING_LEN = 32;
/** struct ethtool_drvinfo: the command, five texts of 32 bytes, 12 reserved bytes, five counts. */
const DRVINFO_BYTES = 196;

/** A value, or the errno of the call that failed. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | Extract<IoctlResult, { ok: false }>;

const latin1 = new TextDecoder("latin1");

/**
 * The names of the kernel's features, in bit order (ETH_SS_FEATURES). The list belongs to the
 * kernel; the device only has to exist.
 */
export function readFeatureNames(socket: EthtoolSocket, device: string): Answer<string[]> {
  const info = socket.command(20);
  info.view.setUint32(0, ETHTOOL_GSSET_INFO, true);
  info.view.setBigUint64(8, 1n << BigInt(ETH_SS_FEATURES), true);
  const counted = info.send(device);
  if (!counted.ok) return counted;
  const count = info.view.getUint32(16, true);

  const strings = socket.command(12 + count * ETH_GSTRING_LEN);
  strings.view.setUint32(0, ETHTOOL_GSTRINGS, true);
  strings.view.setUint32(4, ETH_SS_FEATURES, true);
  strings.view.setUint32(8, count, true);
  const named = strings.send(device);
  if (!named.ok) return named;
  const text = latin1.decode(strings.bytes.subarray(12));
  const names: string[] = [];
  for (let at = 0; at < text.length; at += ETH_GSTRING_LEN) {
    names.push(upToNul(text.slice(at, at + ETH_GSTRING_LEN)));
  }
  return { ok: true, value: names };
}

/** Reads who drives a device (ETHTOOL_GDRVINFO). A text is empty where the driver gives none. */
export class DriverInfo {
  readonly #info: EthtoolCommand;
  readonly #fields: readonly Uint8Array[];

  constructor(socket: EthtoolSocket) {
    this.#info = socket.command(DRVINFO_BYTES);
    this.#info.view.setUint32(0, ETHTOOL_GDRVINFO, true);
    this.#fields = [0, 1, 2, 3].map((index) =>
      this.#info.bytes.subarray(4 + index * 32, 36 + index * 32),
    );
  }

  /** Everything that the driver says of itself. */
  read(device: string): Answer<Omit<Driver, "pci">> {
    const answer = this.#info.send(device);
    if (!answer.ok) return answer;
    const texts = this.#fields.map((field) => upToNul(latin1.decode(field)));
    const [name = "", version = "", firmware = "", bus = ""] = texts;
    return { ok: true, value: { name, version, firmware, bus } };
  }

  /** The driver's name alone; empty also where it cannot be read. */
  nameOf(device: string): string {
    return this.#info.send(device).ok ? upToNul(latin1.decode(this.#fields[0])) : "";
  }
}

/** A text of the kernel's, which fills its field or ends with a NUL. */
function upToNul(field: string): string {
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}

const NO_BITS: FeatureBits = [];

/** Reads and writes the features of devices, for a kernel with so many of them. */
export class FeatureAccess {
  readonly #blocks: number;
  readonly #get: EthtoolCommand;
  readonly #set: EthtoolCommand;
  /** What stands in the structure for writing. */
  #valid = NO_BITS;
  #requested = NO_BITS;
  /** By the bytes of the kernel's answer. */
  readonly #known = new Map<string, Answer<FeatureSet>>();

  /** `count`: how many features the kernel names. */
  constructor(socket: EthtoolSocket, count: number) {
    this.#blocks = Math.ceil(count / 32);
    this.#get = socket.command(8 + this.#blocks * 16);
    this.#get.view.setUint32(0, ETHTOOL_GFEATURES, true);
    this.#set = socket.command(8 + this.#blocks * 8);
    this.#set.view.setUint32(0, ETHTOOL_SFEATURES, true);
    this.#set.view.setUint32(4, this.#blocks, true);
  }

  /**
   * ETHTOOL_GFEATURES. Devices that are alike, as the hundreds of a host mostly are, get the very
   * same object: what follows from it has to be found out once.
   */
  read(device: string): Answer<FeatureSet> {
    // The kernel answers with its own number of blocks, and must not take that for our room.
    this.#get.view.setUint32(4, this.#blocks, true);
    const answer = this.#get.send(device);
    if (!answer.ok) return answer;
    const key = latin1.decode(this.#get.bytes);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const fresh: Answer<FeatureSet> = { ok: true, value: featuresIn(this.#get.view) };
    this.#known.set(key, fresh);
    return fresh;
  }

  /**
   * ETHTOOL_SFEATURES with those bits valid and not requested: the kernel clears them in
   * `wanted_features` and lets the driver follow, once. What it says of the outcome is not taken
   * for the truth; reading back is.
   */
  clear(device: string, { bits }: ChangeableBits): IoctlResult {
    return this.#write(device, bits, NO_BITS);
  }

  /** The same structure, for features that are asked for again. */
  request(device: string, { valid, requested }: FeatureWish): IoctlResult {
    return this.#write(device, valid, requested);
  }

  #write(device: string, valid: FeatureBits, requested: FeatureBits): IoctlResult {
    // Devices that are alike are written alike, one after the other.
    if (valid !== this.#valid || requested !== this.#requested) {
      const { view } = this.#set;
      for (let block = 0; block < this.#blocks; block++) {
        view.setUint32(8 + block * 8, valid[block] ?? 0, true);
        view.setUint32(12 + block * 8, requested[block] ?? 0, true);
      }
      this.#valid = valid;
      this.#requested = requested;
    }
    return this.#set.send(device);
  }
}

/** struct ethtool_gfeatures: per block available, requested, active, never changed. */
function featuresIn(answer: DataView): FeatureSet {
  const active: number[] = [];
  const requested: number[] = [];
  const changeable: number[] = [];
  for (let at = 8; at < answer.byteLength; at += 16) {
    const available = answer.getUint32(at, true);
    const never = answer.getUint32(at + 12, true);
    changeable.push((available & ~never) >>> 0);
    requested.push(answer.getUint32(at + 4, true));
    active.push(answer.getUint32(at + 8, true));
  }
  return { active, requested, changeable };
}
