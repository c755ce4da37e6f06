#!/usr/bin/env bun
/**
 * What turning offloads off costs in throughput, where the CPU is the limit: one TCP connection through a
 * veth pair between two network namespaces. No NIC and no netback is in it, and no wire.
 */
import { createConnection, createServer } from "node:net";

const SECONDS = 1;
const ROUNDS = 3;
const PORT = 5201;
const RECEIVER = "10.99.0.2";

/** What is off at both ends, in the words of `ethtool -K`. */
const CASES: readonly (readonly [name: string, features: string])[] = [
  ["nothing", ""],
  ["gro", "gro off"],
  ["tso", "tso off"],
  ["tso, gso", "tso off gso off"],
  ["tx (takes tso along)", "tx off"],
  ["tso, gso, gro", "tso off gso off gro off"],
  ["tx, sg, tso, gso, gro", "tx off sg off tso off gso off gro off"],
];

/** A veth pair, each end in a namespace of its own, with GRO on at both. */
const SET_UP = `
  ip netns add offload-a; ip netns add offload-b
  ip link add v netns offload-a type veth peer name v netns offload-b
  ip -n offload-a addr add 10.99.0.1/24 dev v; ip -n offload-b addr add ${RECEIVER}/24 dev v
  for end in a b; do ip -n offload-$end link set v up; ip netns exec offload-$end ethtool -K v gro on; done`;

const TEAR_DOWN = "for end in a b; do ip netns del offload-$end 2> /dev/null || true; done";

function sh(script: string): void {
  const run = Bun.spawnSync(["sh", "-ec", script]);
  if (run.exitCode !== 0) throw new Error(`${script}: ${run.stderr}`);
}

/** Accepts one connection, and prints how many Gbit/s it brought. */
function receive(): void {
  createServer((socket) => {
    const start = performance.now();
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    socket.on("close", () => {
      process.stdout.write(`${(bytes * 8) / (performance.now() - start) / 1e6}\n`);
      process.exit(0);
    });
  }).listen(PORT, RECEIVER, () => process.stderr.write("ready\n"));
}

/** Sends as fast as it can, for as long as a round takes. */
function send(): void {
  const chunk = Buffer.alloc(1 << 20);
  const socket = createConnection(PORT, RECEIVER);
  const end = performance.now() + SECONDS * 1000;
  const write = () => {
    while (performance.now() < end) if (!socket.write(chunk)) return;
    socket.destroy();
  };
  socket.on("connect", write).on("drain", write);
}

async function measure(features: string): Promise<number> {
  sh(TEAR_DOWN + SET_UP);
  if (features !== "") sh(`for end in a b; do ip netns exec offload-$end ethtool -K v ${features}; done`);
  const self = [process.execPath, import.meta.path];
  const receiver = Bun.spawn(["ip", "netns", "exec", "offload-b", ...self, "receive"], {
    stdout: "pipe",
    stderr: "pipe",
  });
  await receiver.stderr.getReader().read();
  Bun.spawnSync(["ip", "netns", "exec", "offload-a", ...self, "send"]);
  return Number(await new Response(receiver.stdout).text());
}

async function measureAll(): Promise<void> {
  const measured = CASES.map(([name]) => ({ name, rates: [] as number[] }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, features]] of CASES.entries()) measured[index]?.rates.push(await measure(features));
  }
  sh(TEAR_DOWN);
  process.stdout.write("| off at both ends | Gbit/s | spread |\n|---|---|---|\n");
  for (const { name, rates } of measured) {
    const sorted = rates.toSorted((a, b) => a - b).map((rate) => rate.toFixed(1));
    process.stdout.write(`| ${name} | ${sorted[ROUNDS >> 1]} | ${sorted.at(0)} to ${sorted.at(-1)} |\n`);
  }
}

const [role] = process.argv.slice(2);
if (role === "receive") receive();
else if (role === "send") send();
else await measureAll();
