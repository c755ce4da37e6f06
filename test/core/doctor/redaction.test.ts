import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Redaction } from "../../../src/core/doctor/redaction.ts";
import { ALPHA, BETA, inventory, pif, uuidFor, vif, vm } from "../../builders/hosts.ts";

const ACME = { kind: "VM", uuid: uuidFor("acme"), name: "ACME mail" } as const;
const SHORT = { kind: "VM", uuid: uuidFor("db"), name: "db" } as const;

function redaction() {
  return new Redaction([ACME, SHORT, { kind: "host", ...ALPHA }]);
}

describe("redacting an inventory", () => {
  test("replaces every VM and host with a placeholder made from its UUID", () => {
    const mail = vm("ACME mail", { residentOn: BETA });
    const pool = inventory({ pifs: [pif("eth0")], vms: [mail], vifs: [vif(mail, "0")] });
    const shown = redaction().redactInventory(pool);
    const name = `VM-${mail.uuid.slice(0, 8)}`;
    expect(shown.vms[0]).toMatchObject({ uuid: mail.uuid, name });
    expect(shown.vifs[0]?.vm.name).toBe(name);
    expect(shown.vifs[0]?.vm.residentOn?.name).toBe(`host-${BETA.uuid.slice(0, 8)}`);
    expect(JSON.stringify(shown)).not.toMatch(/ACME|alpha|beta/);
  });
});

describe("redacting text", () => {
  test("removes known names, but not inside words", () => {
    const text = redaction().redactText("mailto 'ACME mail' about db, adb and db2 on alpha");
    expect(text).toBe(
      `mailto 'VM-${ACME.uuid.slice(0, 8)}' about VM-${SHORT.uuid.slice(0, 8)}, adb and db2 on host-${ALPHA.uuid.slice(0, 8)}`,
    );
  });

  test("replaces each MAC, IP and mail address with one placeholder", () => {
    const one = redaction();
    expect(one.redactText("02:AA:bb:cc:dd:ee 02-aa-bb-cc-dd-ee 02:aa:bb:cc:dd:ef")).toBe("MAC-1 MAC-1 MAC-2");
    expect(one.redactText("192.0.2.7 2001:db8::7 fe80::1 192.0.2.7 root@acme.example")).toBe(
      "IP-1 IP-2 IP-3 IP-1 mail-1",
    );
  });

  test("keeps versions, PCI slots, devices and UUIDs", () => {
    const one = redaction();
    for (const text of ["4.19.0", "vif3.0", "eth0", "1.713.36.0", uuidFor("x")]) {
      expect(one.redactText(text)).toBe(text);
    }
  });

  test("leaves no known name anywhere as a word", () => {
    const name = fc.string({ minLength: 3, unit: "grapheme" }).filter((one) => one.trim() !== "");
    fc.assert(
      fc.property(name, fc.string(), fc.string(), (secret, before, after) => {
        fc.pre(!`${before}${after}VM-`.includes(secret) && !uuidFor("s").includes(secret));
        const one = new Redaction([{ kind: "VM", uuid: uuidFor("s"), name: secret }]);
        expect(one.redactText(`${before} ${secret} ${after}`)).not.toContain(` ${secret} `);
      }),
    );
  });
});

test("replaces a device name that contains a MAC address consistently", () => {
  const one = redaction();
  expect(one.redactAddresses("enx0011aabbccdd: tso on")).toBe("enx-NIC-1: tso on");
  expect(one.redactAddresses("ethtool -k enx0011aabbccdd")).toBe("ethtool -k enx-NIC-1");
});

test("keeps the fixed parts of paths and removes chosen names", () => {
  const one = redaction();
  expect(one.redactPath("/etc/rc.d/rc.local")).toBe("/etc/rc.d/rc.local");
  expect(one.redactPath("/etc/xapi.d/vif-hotplug")).toBe("/etc/xapi.d/vif-hotplug");
  expect(one.redactPath("/etc/cron.d/acme")).toBe("/etc/cron.d/file-1");
  expect(one.redactPath("/etc/systemd/system/acme.service")).toBe("/etc/systemd/system/file-2.service");
  expect(one.redactPath("/root/acme/fix.sh")).toBe("/file-3.sh");
  expect(one.redactPath("/etc/cron.d/acme")).toBe("/etc/cron.d/file-1");
});
