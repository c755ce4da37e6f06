import { expect, test } from "bun:test";
import { join } from "node:path";

const MODULE = join(import.meta.dir, "../../src/kernel/addresses.ts");

/** The addresses that are read in a network namespace of its own, after those commands. */
function addressesAfter(...commands: readonly string[]): readonly string[] {
  const program = `const { readAddresses } = await import(${JSON.stringify(MODULE)});
    for (const { device, ip, prefix } of readAddresses()) console.log(device, ip + "/" + prefix);`;
  const script = [...commands, 'exec "$0" -e "$1"'].join("\n");
  const ended = Bun.spawnSync([...["unshare", "--net", "sh", "-ec", script], ...[process.execPath, program]]);
  const errors = ended.stderr.toString();
  if (ended.exitCode !== 0 || errors !== "") throw new Error(errors);
  return ended.stdout.toString().trim().split("\n").filter(Boolean).sort();
}

test("readAddresses returns no address when there is none", () => {
  expect(addressesAfter()).toEqual([]);
});

test("readAddresses returns every address, also without carrier, of an alias and of a device that is down", () => {
  const addresses = addressesAfter(
    "ip link add veth0 type veth peer name veth1",
    "ip link set veth0 up",
    "ip addr add 10.9.9.1/24 dev veth0",
    "ip addr add 10.9.9.7/24 dev veth0",
    "ip addr add 10.8.0.1/16 dev veth0 label veth0:1",
    "ip addr add 10.7.0.1/30 dev veth1",
    "ip -6 addr add fd00::5/48 dev veth0 nodad",
    "ip -6 addr add fe80::5/64 dev veth0 nodad",
  );
  expect(addresses).toEqual([
    "veth0 10.8.0.1/16",
    "veth0 10.9.9.1/24",
    "veth0 10.9.9.7/24",
    "veth0 fd00::5/48",
    "veth1 10.7.0.1/30",
  ]);
});
