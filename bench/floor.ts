import { KernelFeatureTable } from "../src/core/feature-set.ts";
import { DEFAULT_FEATURES } from "../src/core/features.ts";
import { readFeatureNames } from "../src/kernel/ethtool.ts";
import { EthtoolSocket } from "../src/kernel/ethtool-socket.ts";

const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;

/**
 * What no program of this runtime can get below: the ioctls of `bench/limit.c` in the plainest
 * JavaScript, through the program's own door to the kernel, and nothing else. It reads each device
 * that is named, clears with one write what is on, and reads back; it throws where anything is left.
 */
const devices = process.argv.slice(2);
using socket = new EthtoolSocket();
const names = readFeatureNames(socket, devices[0] ?? "");
if (names === null) throw new Error("the kernel names no features");
const blocks = Math.ceil(names.length / 32);
const wanted = new KernelFeatureTable(names).getBits(DEFAULT_FEATURES);
const get = socket.createCommand(8 + blocks * 16);
const set = socket.createCommand(8 + blocks * 8);
get.view.setUint32(0, ETHTOOL_GFEATURES, true);
set.view.setUint32(0, ETHTOOL_SFEATURES, true);
set.view.setUint32(4, blocks, true);

/** What is to be cleared of one block of a device that was read: available, requested, active, never changed. */
function toClear(block: number): number {
  const at = 8 + block * 16;
  const on = get.view.getUint32(at + 4, true) | get.view.getUint32(at + 8, true);
  const changeable = get.view.getUint32(at, true) & ~get.view.getUint32(at + 12, true);
  return (wanted[block] ?? 0) & changeable & on;
}

function read(device: string): void {
  get.view.setUint32(4, blocks, true);
  if (get.send(device) !== 0) throw new Error(`${device} cannot be read`);
}

const clear = new Uint32Array(devices.length * blocks);
let at = 0;
for (const device of devices) {
  read(device);
  for (let block = 0; block < blocks; block++) clear[at++] = toClear(block);
}
at = 0;
for (const device of devices) {
  for (let block = 0; block < blocks; block++) {
    set.view.setUint32(8 + block * 8, clear[at++] ?? 0, true);
  }
  if (set.send(device) !== 0) throw new Error(`${device} cannot be written`);
}
for (const device of devices) {
  read(device);
  for (let block = 0; block < blocks; block++) {
    if (toClear(block) !== 0) throw new Error(`${device} is not off`);
  }
}
