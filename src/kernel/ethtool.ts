import type {
  ChangeableBits,
  FeatureBits,
  FeatureSet,
  FeatureWish,
} from "../offload/kernel-features.ts";
import type { Driver } from "../offload/ports.ts";
import type { EthtoolSocket, IoctlResult } from "./libc.ts";

// linux/ethtool.h
const ETHTOOL_GDRVINFO = 0x03;
const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;
const ETH_SS_FEATURES = 4;
const ETH_GSTRING_LEN = 32;

/** A value, or the errno of the call that failed. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | Extract<IoctlResult, { ok: false }>;

/**
 * The names of the kernel's features, in bit order (ETH_SS_FEATURES). The list belongs to the
 * kernel; the device only has to exist.
 */
export function readFeatureNames(socket: EthtoolSocket, device: string): Answer<string[]> {
  const info = new DataView(new ArrayBuffer(20));
  info.setUint32(0, ETHTOOL_GSSET_INFO, true);
  info.setBigUint64(8, 1n << BigInt(ETH_SS_FEATURES), true);
  const counted = socket.call(device, new Uint8Array(info.buffer));
  if (!counted.ok) return counted;
  const count = info.getUint32(16, true);

  const strings = new DataView(new ArrayBuffer(12 + count * ETH_GSTRING_LEN));
  strings.setUint32(0, ETHTOOL_GSTRINGS, true);
  strings.setUint32(4, ETH_SS_FEATURES, true);
  strings.setUint32(8, count, true);
  const bytes = new Uint8Array(strings.buffer);
  const named = socket.call(device, bytes);
  if (!named.ok) return named;
  const names = Array.from({ length: count }, (_, index) =>
    textField(bytes, 12 + index * ETH_GSTRING_LEN),
  );
  return { ok: true, value: names };
}

/** struct ethtool_drvinfo: the command, five texts of 32 bytes, 12 reserved bytes, five counts. */
const DRVINFO_BYTES = 196;

/** Who drives a device (ETHTOOL_GDRVINFO). A text is empty where the driver gives none. */
export function readDriver(socket: EthtoolSocket, device: string): Answer<Omit<Driver, "pci">> {
  const bytes = new Uint8Array(DRVINFO_BYTES);
  new DataView(bytes.buffer).setUint32(0, ETHTOOL_GDRVINFO, true);
  const answer = socket.call(device, bytes);
  if (!answer.ok) return answer;
  const [name, version, firmware, bus] = [0, 1, 2, 3].map((index) =>
    textField(bytes, 4 + index * 32),
  );
  return {
    ok: true,
    value: { name: name ?? "", version: version ?? "", firmware: firmware ?? "", bus: bus ?? "" },
  };
}

/** A text of the kernel's in a field of 32 bytes, up to the first zero. */
function textField(bytes: Uint8Array, start: number): string {
  const field = bytes.subarray(start, start + ETH_GSTRING_LEN);
  const end = field.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? field : field.subarray(0, end));
}

/**
 * Reads and clears the features of devices. The buffers are made once, for the number of features
 * of this kernel.
 */
export class FeatureAccess {
  readonly #blocks: number;
  readonly #get: DataView<ArrayBuffer>;
  readonly #getBytes: Uint8Array<ArrayBuffer>;
  readonly #set: DataView<ArrayBuffer>;
  readonly #setBytes: Uint8Array<ArrayBuffer>;

  /** `count`: how many features the kernel names. */
  constructor(
    readonly socket: EthtoolSocket,
    count: number,
  ) {
    this.#blocks = Math.ceil(count / 32);
    this.#get = new DataView(new ArrayBuffer(8 + this.#blocks * 16));
    this.#getBytes = new Uint8Array(this.#get.buffer);
    this.#set = new DataView(new ArrayBuffer(8 + this.#blocks * 8));
    this.#setBytes = new Uint8Array(this.#set.buffer);
  }

  /** ETHTOOL_GFEATURES: per block available, requested, active, never changed. */
  read(device: string): Answer<FeatureSet> {
    this.#get.setUint32(0, ETHTOOL_GFEATURES, true);
    this.#get.setUint32(4, this.#blocks, true);
    const answer = this.socket.call(device, this.#getBytes);
    if (!answer.ok) return answer;
    const active: number[] = [];
    const requested: number[] = [];
    const changeable: number[] = [];
    for (let at = 8; at < this.#get.byteLength; at += 16) {
      const available = this.#get.getUint32(at, true);
      const never = this.#get.getUint32(at + 12, true);
      changeable.push((available & ~never) >>> 0);
      requested.push(this.#get.getUint32(at + 4, true));
      active.push(this.#get.getUint32(at + 8, true));
    }
    return { ok: true, value: { active, requested, changeable } };
  }

  /**
   * ETHTOOL_SFEATURES with those bits valid and not requested: the kernel clears them in
   * `wanted_features` and lets the driver follow, once. What it says of the outcome is not taken
   * for the truth; reading back is.
   */
  clear(device: string, { bits }: ChangeableBits): IoctlResult {
    return this.#write(device, bits, []);
  }

  /** The same structure, for features that are asked for again. */
  request(device: string, { valid, requested }: FeatureWish): IoctlResult {
    return this.#write(device, valid, requested);
  }

  #write(device: string, valid: FeatureBits, requested: FeatureBits): IoctlResult {
    this.#set.setUint32(0, ETHTOOL_SFEATURES, true);
    this.#set.setUint32(4, this.#blocks, true);
    for (let block = 0; block < this.#blocks; block++) {
      this.#set.setUint32(8 + block * 8, valid[block] ?? 0, true);
      this.#set.setUint32(12 + block * 8, requested[block] ?? 0, true);
    }
    return this.socket.call(device, this.#setBytes);
  }
}
