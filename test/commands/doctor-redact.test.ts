import { describe, expect, test } from "bun:test";
import { Dom0 } from "../dom0/dom0.ts";
import { HOSTILE_NAMES } from "../dom0/fixture/vm-fixtures.ts";

/** Writes a file inside, with its permissions. */
async function put(dom0: Dom0, path: string, text: string, mode = "644"): Promise<void> {
  const script = 'mkdir -p "$(dirname "$1")" && printf "%s" "$2" > "$1" && chmod "$3" "$1"';
  await dom0.text(["sh", "-c", script, "put", path, text, mode]);
}

async function document(dom0: Dom0, ...flags: readonly string[]) {
  const { stdout, exitCode } = await dom0.offload("doctor", "--json", ...flags);
  const report = JSON.parse(stdout);
  expect(report.exitCode).toBe(exitCode);
  return report;
}

describe("doctor --redact", () => {
  test("prints no name of a VM, host or network, and no address", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["hostile", "coordinator", "duplicates"] });
    const [pif] = dom0.fixture.pifs;
    await put(
      dom0,
      "/etc/cron.d/acme-offload",
      'MAILTO=it@acme.example\n* * * * * root ethtool -K eth0 tx off # pfSense of acme at 192.0.2.7\n* * * * * root [ "$(cat /sys/class/net/eth0/address)" = 02:aa:bb:cc:dd:ee ] || ethtool -K pfSense tx off\n',
    );
    const database = await dom0.simulator.database();
    const [network = ""] = Object.keys(database["network"] ?? {});
    const values = { "ethtool-gro": "not for pfSense, 192.0.2.8" };
    await dom0.simulator.set(["network", network, "other_config", values]);
    await dom0.simulator.set(["VIF", dom0.fixture.vif("db").ref, "other_config", values]);
    const labels = ["VM", "host", "network"].flatMap((kind) =>
      Object.values(database[kind] ?? {}).map((record) => String(record["name_label"])),
    );
    const plain = await dom0.offload("doctor", "--json");
    const redacted = await dom0.offload("doctor", "--json", "--redact");
    const page = await dom0.offload("doctor", "--redact");
    expect(plain.stdout).toContain("pfSense");
    for (const { stdout } of [redacted, page]) {
      for (const secret of [
        "acme",
        "192.0.2",
        "02:aa:bb:cc:dd:ee",
        "pfSense",
        "web 1",
        "xcp-1",
        "xcp-2",
        "mail é",
        "remote web",
        String(pif?.record.MAC),
      ]) {
        expect(stdout).not.toContain(secret);
      }
    }
    const shown = JSON.stringify(JSON.parse(redacted.stdout));
    // A VM is called by the UUID of another: UUIDs stay.
    const uuids = Object.values(database["VM"] ?? {}).map((record) => record["uuid"]);
    const names = [...labels, ...HOSTILE_NAMES].filter((label) => !uuids.includes(label));
    for (const name of names.filter((label) => label.length > 6)) {
      expect(shown).not.toContain(JSON.stringify(name).slice(1, -1));
    }
  });

  test("uses the same placeholder for the same thing, so that lines can be related", async () => {
    await using dom0 = await Dom0.start();
    const { devices } = await document(dom0, "--redact");
    const { uuid } = dom0.fixture.vm("web 1").record;
    const web = devices.filter((one: { vm: { uuid: string } | null }) => one.vm?.uuid === uuid);
    const placeholder = `VM-${uuid.slice(0, 8)}`;
    expect(web.map((one: { vm: { name: string } }) => one.vm.name)).toEqual([placeholder, placeholder]);
    expect((await dom0.offload("doctor", "--redact")).stdout).toContain(placeholder);
  });
});
