import type { DeviceReading } from "../core/disable/steps.ts";
import { type FeatureRequest, FeatureSet, type KernelFeatureTable } from "../core/feature-set.ts";
import type { Driver, LookupResult, WriteOutcome } from "../core/ports.ts";
import { ERRNO } from "../fs/libc.ts";
import { describeErrno, type EthtoolCommand, type EthtoolSocket } from "./ethtool-socket.ts";

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

const latin1Decoder = new TextDecoder("latin1");

/**
 * The names of the kernel's features, in bit order (ETH_SS_FEATURES). The list belongs to the
 * kernel; the device only has to exist. Null where the kernel does not say.
 */
export function readFeatureNames(socket: EthtoolSocket, device: string): readonly string[] | null {
  const info = socket.createCommand(20);
  info.view.setUint32(0, ETHTOOL_GSSET_INFO, true);
  info.view.setBigUint64(8, 1n << BigInt(ETH_SS_FEATURES), true);
  if (info.send(device) !== 0) return null;
  const count = info.view.getUint32(16, true);

  const strings = socket.createCommand(12 + count * ETH_GSTRING_LEN);
  strings.view.setUint32(0, ETHTOOL_GSTRINGS, true);
  strings.view.setUint32(4, ETH_SS_FEATURES, true);
  strings.view.setUint32(8, count, true);
  if (strings.send(device) !== 0) return null;
  const text = latin1Decoder.decode(strings.bytes.subarray(12));
  const names: string[] = [];
  for (let offset = 0; offset < text.length; offset += ETH_GSTRING_LEN) {
    names.push(truncateAtNul(text.slice(offset, offset + ETH_GSTRING_LEN)));
  }
  return names;
}

/** Reads who drives a device (ETHTOOL_GDRVINFO). A text is empty where the driver gives none. */
export class DriverReader {
  readonly #command: EthtoolCommand;
  readonly #fields: readonly Uint8Array[];

  constructor(socket: EthtoolSocket) {
    this.#command = socket.createCommand(DRVINFO_BYTES);
    this.#command.view.setUint32(0, ETHTOOL_GDRVINFO, true);
    this.#fields = [0, 1, 2, 3].map((index) => this.#command.bytes.subarray(4 + index * 32, 36 + index * 32));
  }

  /** Everything that the driver says of itself. */
  read(device: string): LookupResult<Omit<Driver, "pci">> {
    const errno = this.#command.send(device);
    if (errno !== 0) return { found: false, reason: describeErrno(errno) };
    const texts = this.#fields.map((field) => truncateAtNul(latin1Decoder.decode(field)));
    const [name = "", version = "", firmware = "", bus = ""] = texts;
    return { found: true, value: { name, version, firmware, bus } };
  }

  /** The driver's name alone; empty also where it cannot be read. */
  readName(device: string): string {
    return this.#command.send(device) === 0 ? truncateAtNul(latin1Decoder.decode(this.#fields[0])) : "";
  }
}

/** A text of the kernel's, which fills its field or ends with a NUL. */
function truncateAtNul(field: string): string {
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}

const WRITE_DONE: WriteOutcome = { done: true };

/** Reads and writes the features of devices. */
export class FeatureAccess {
  readonly #blockCount: number;
  readonly #getCommand: EthtoolCommand;
  readonly #setCommand: EthtoolCommand;
  /** By the bytes of the kernel's answer. */
  readonly #readingCache = new Map<string, DeviceReading>();

  constructor(
    socket: EthtoolSocket,
    readonly featureTable: KernelFeatureTable,
  ) {
    this.#blockCount = Math.ceil(featureTable.names.length / 32);
    this.#getCommand = socket.createCommand(8 + this.#blockCount * 16);
    this.#getCommand.view.setUint32(0, ETHTOOL_GFEATURES, true);
    this.#setCommand = socket.createCommand(8 + this.#blockCount * 8);
    this.#setCommand.view.setUint32(0, ETHTOOL_SFEATURES, true);
    this.#setCommand.view.setUint32(4, this.#blockCount, true);
  }

  /** ETHTOOL_GFEATURES. Devices that are alike, as the hundreds of a host mostly are, share one set. */
  read(device: string): DeviceReading {
    // The kernel answers with its own number of blocks, and must not take that for our room.
    this.#getCommand.view.setUint32(4, this.#blockCount, true);
    const errno = this.#getCommand.send(device);
    if (errno === ERRNO.ENODEV) return { state: "missing" };
    if (errno !== 0) return { state: "unreadable", reason: describeErrno(errno) };
    const key = latin1Decoder.decode(this.#getCommand.bytes);
    const cached = this.#readingCache.get(key);
    if (cached !== undefined) return cached;
    const features = parseFeatureSet(this.featureTable, this.#getCommand.view);
    const reading: DeviceReading = { state: "read", features };
    this.#readingCache.set(key, reading);
    return reading;
  }

  /**
   * ETHTOOL_SFEATURES: the kernel sets the valid bits in `wanted_features` as requested and lets the driver
   * follow, once. What it says of the outcome is not taken for the result; reading back is.
   */
  request(device: string, { valid, requested }: FeatureRequest): WriteOutcome {
    const { view } = this.#setCommand;
    for (let block = 0; block < this.#blockCount; block++) {
      view.setUint32(8 + block * 8, valid[block] ?? 0, true);
      view.setUint32(12 + block * 8, requested[block] ?? 0, true);
    }
    const errno = this.#setCommand.send(device);
    return errno === 0
      ? WRITE_DONE
      : { done: false, deviceRemoved: errno === ERRNO.ENODEV, reason: describeErrno(errno) };
  }
}

/** struct ethtool_gfeatures: per block available, requested, active, never changed. */
function parseFeatureSet(featureTable: KernelFeatureTable, answer: DataView): FeatureSet {
  const active: number[] = [];
  const requested: number[] = [];
  const changeable: number[] = [];
  for (let offset = 8; offset < answer.byteLength; offset += 16) {
    const available = answer.getUint32(offset, true);
    const neverChanged = answer.getUint32(offset + 12, true);
    changeable.push((available & ~neverChanged) >>> 0);
    requested.push(answer.getUint32(offset + 4, true));
    active.push(answer.getUint32(offset + 8, true));
  }
  return new FeatureSet(featureTable, { active, requested, changeable });
}
