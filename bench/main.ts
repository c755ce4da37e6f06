import { parseArgs } from "node:util";
import { Dom0, OFFLOAD } from "../test/dom0/dom0.ts";
import { compare, type Side } from "./sides.ts";
import { renderTable } from "./table.ts";

const USAGE = `Times offload against the loops of ethtool that it replaces, side by side in a throwaway dom0.

Usage: scripts/bench [--vifs N] [--rounds N] [--json]

  --vifs N    VIFs in the dom0 (default 500)
  --rounds N  rounds that count, after one that does not (default 7)
  --json      print the result as JSON
`;

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
  await bench(Number(values.vifs), Number(values.rounds), values.json);
}

async function bench(vifs: number, rounds: number, json: boolean): Promise<void> {
  await using dom0 = await Dom0.start({ nics: 1, vms: vifs, vifs: 1 });
  const devices = dom0.world.devices.flatMap(({ name, kind }) => (kind === "bridge" ? [] : [name]));
  const loop = (body: string) => ["sh", "-c", `for d in ${devices.join(" ")}; do ${body}; done`];
  const features = ["rx", "tx", "sg", "tso", "gso", "gro"];
  const all = features.map((feature) => `${feature} off`).join(" ");
  const one = features.map((feature) => `ethtool -K "$d" ${feature} off`).join("; ");
  const reset = loop("ethtool -K $d rx on tx on sg on tso on gso on gro on >/dev/null 2>&1");
  const sides: readonly Side[] = [
    {
      name: "offload disable ALL --yes --no-record",
      argv: [OFFLOAD, "disable", "ALL", "--yes", "--no-record"],
      reset,
    },
    { name: "ethtool -K, once a device", argv: loop(`ethtool -K "$d" ${all}`), reset },
    { name: "ethtool -K, once a feature", argv: loop(one), reset },
    { name: "offload verify", argv: [OFFLOAD, "verify"] },
    { name: "ethtool -k, once a device", argv: loop('ethtool -k "$d"') },
    { name: "offload --version", argv: [OFFLOAD, "--version"] },
  ];
  const results = await compare(dom0, devices, sides, rounds);
  process.stdout.write(
    json ? `${JSON.stringify(results)}\n` : renderTable(devices.length, results),
  );
}
