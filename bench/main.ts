import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Dom0, OFFLOAD } from "../test/dom0/dom0.ts";
import { compare, type Side } from "./sides.ts";
import { renderTable } from "./table.ts";

const USAGE = `Times offload against the loops of ethtool that it replaces, side by side in a throwaway dom0.

Usage: scripts/bench [--vifs N] [--rounds N] [--json]

  --vifs N    VIFs in the dom0 (default 500)
  --rounds N  rounds that count, after one that does not (default 7)
  --json      print the results as JSON
`;

/** What a veth lets anyone change, and so what every side turns off. */
const FEATURES = ["rx", "tx", "sg", "tso", "gso", "gro"];

const { values } = parseArgs({
  options: {
    vifs: { type: "string", default: "500" },
    rounds: { type: "string", default: "7" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
} else {
  const vifs = Number(values.vifs);
  const rounds = Number(values.rounds);
  const live = await benchLive(vifs, rounds);
  const whole = await benchWhole(vifs, rounds);
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ devices: vifs, live, whole })}\n`
      : `The live half alone, ${vifs} devices\n${renderTable(live)}\n` +
          `With XAPI, ${vifs} VIFs and a NIC\n${renderTable(whole)}`,
  );
}

/**
 * The kernel alone, without XAPI. The links are down: taking receive coalescing from a veth that is
 * up costs the kernel more than all the rest, and no NIC or netback interface has that cost.
 */
async function benchLive(vifs: number, rounds: number) {
  await using dom0 = await Dom0.start({ nics: 1, vms: vifs, vifs: 1, scenarios: ["dead"] });
  const devices = dom0.world.devices.flatMap(({ name }) => (name.startsWith("vif") ? [name] : []));
  await dom0.run(["sh", "-c", eachOf(devices, "ip link set $d down")]);
  return await compare(
    dom0,
    devices,
    [
      {
        name: "offload disable DEVICE... --no-record",
        argv: [OFFLOAD, "disable", "--no-record", ...devices],
        reset: reset(devices),
      },
      {
        name: "its live part, without start and report",
        argv: [resolve(import.meta.dir, "../.cache/live-part"), ...devices],
        reset: reset(devices),
        timesItself: true,
      },
      ...loops(devices),
      {
        name: "the same again, nothing to do",
        argv: [OFFLOAD, "disable", "--no-record", ...devices],
      },
    ],
    rounds,
  );
}

async function benchWhole(vifs: number, rounds: number) {
  await using dom0 = await Dom0.start({ nics: 1, vms: vifs, vifs: 1 });
  const devices = dom0.world.devices.flatMap(({ name, kind }) => (kind === "bridge" ? [] : [name]));
  const read = eachOf(devices, 'ethtool -k "$d"');
  return await compare(
    dom0,
    devices,
    [
      {
        name: "offload disable ALL --yes --no-record",
        argv: [OFFLOAD, "disable", "ALL", "--yes", "--no-record"],
        reset: reset(devices),
      },
      ...loops(devices),
      { name: "offload verify", argv: [OFFLOAD, "verify"] },
      { name: "offload status --json", argv: [OFFLOAD, "status", "--json"] },
      { name: "ethtool -k, once a device", argv: ["sh", "-c", read] },
      { name: "offload --version", argv: [OFFLOAD, "--version"] },
    ],
    rounds,
  );
}

/** What people do today: a process a device, or a process a feature. */
function loops(devices: readonly string[]): readonly Side[] {
  const all = FEATURES.map((feature) => `${feature} off`).join(" ");
  const single = FEATURES.map((feature) => `ethtool -K "$d" ${feature} off`).join("; ");
  return [
    {
      name: "ethtool -K, once a device",
      argv: ["sh", "-c", eachOf(devices, `ethtool -K "$d" ${all}`)],
      reset: reset(devices),
    },
    {
      name: "ethtool -K, once a feature",
      argv: ["sh", "-c", eachOf(devices, single)],
      reset: reset(devices),
    },
  ];
}

function reset(devices: readonly string[]): readonly string[] {
  const on = FEATURES.map((feature) => `${feature} on`).join(" ");
  return ["sh", "-c", eachOf(devices, `ethtool -K "$d" ${on} >/dev/null 2>&1`)];
}

function eachOf(devices: readonly string[], body: string): string {
  return `for d in ${devices.join(" ")}; do ${body}; done`;
}
