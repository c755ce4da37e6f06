import { chmod, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { HostFixture } from "./fixture/host-fixture.ts";
import { Database } from "./simulator/database.ts";
import { documentOf, NETWORKD_DB } from "./toolstack/networkd-document.ts";

/** Where XAPI listens on a dom0 (xapi_globs.ml, `unix_domain_socket`). */
export const XAPI_SOCKET = "/var/lib/xcp/xapi";

/** Where xenstored listens on a dom0. */
export const XENSTORE_SOCKET = "/run/xenstored/socket";

const RC_LOCAL = "/etc/rc.d/rc.local";

/** The files that make a dom0 a dom0, by path. */
export function dom0Files(fixture: HostFixture): Map<string, string> {
  const files = new Map<string, string>();
  if (fixture.scenarios.has("not-dom0")) return files;
  files.set("/etc/xensource-inventory", inventory(fixture));
  files.set("/etc/xensource/pool.conf", poolConf(fixture));
  files.set("/etc/xensource/network.conf", "openvswitch");
  files.set("/etc/redhat-release", "XCP-ng release 8.3.0 (xenserver)\n");
  // Not executable, as the systemd package of XCP-ng installs it.
  files.set(RC_LOCAL, "#!/bin/bash\n# Commands of your own, run at boot.\n\ntouch /var/lock/subsys/local\n");
  files.set(NETWORKD_DB, JSON.stringify(networkdDocument(fixture)));
  files.set("/etc/hostname", `${fixture.host.record.hostname}\n`);
  // xapi touches these when it starts, and again when it is ready (xapi-wait-init-complete reads the second).
  if (fixture.scenarios.xapi) files.set("/run/xapi_startup.cookie", "");
  if (fixture.scenarios.xapi && !fixture.scenarios.has("starting")) {
    files.set("/run/xapi_init_complete.cookie", "");
  }
  return files;
}

/** Writes the files of a fixture under a directory, to be copied over the root of its mount namespace. */
export async function writeFiles(fixture: HostFixture, root: string): Promise<void> {
  await Promise.all([...dom0Files(fixture)].map(([path, text]) => Bun.write(join(root, path), text)));
  if (fixture.scenarios.has("not-dom0")) return;
  await symlink("rc.d/rc.local", join(root, "etc/rc.local"));
  await chmod(join(root, RC_LOCAL), 0o644);
  await mkdir(join(root, "etc/udev/rules.d"), { recursive: true });
  const parent = join(root, dirname(XAPI_SOCKET));
  await mkdir(parent, { recursive: true });
  await chmod(parent, 0o700);
}

/** What networkd remembers of the last plugs. */
function networkdDocument({ database, host }: HostFixture): unknown {
  const { PIF, Bond, VLAN, network } = database;
  return documentOf(Database.from({ PIF, Bond, VLAN, network }), host.ref);
}

function inventory(fixture: HostFixture): string {
  const control = fixture.database.VM[fixture.host.record.control_domain];
  const management = fixture.pifs.find(({ record }) => record.management && record.host === fixture.host.ref);
  const bridge = management === undefined ? "" : fixture.database.network[management.record.network];
  const values = {
    PRODUCT_BRAND: "XCP-ng",
    PRODUCT_NAME: "xenenterprise",
    PRODUCT_VERSION: fixture.scenarios.has("old-member") ? "8.1.0" : "8.3.0",
    PRODUCT_VERSION_TEXT: "8.3",
    PRODUCT_VERSION_TEXT_SHORT: "8.3",
    COMPANY_NAME: "Open Source",
    COMPANY_NAME_SHORT: "Open Source",
    BRAND_CONSOLE: "XCP-ng Center",
    PLATFORM_NAME: "XCP",
    PLATFORM_VERSION: fixture.scenarios.has("old-member") ? "3.1.0" : "3.4.0",
    BUILD_NUMBER: "cloud",
    INSTALLATION_UUID: fixture.host.record.uuid,
    CONTROL_DOMAIN_UUID: control?.uuid ?? "",
    PRIMARY_DISK: "/dev/sda",
    DOM0_VCPUS: "4",
    DOM0_MEM: "2656",
    MANAGEMENT_INTERFACE: bridge === "" ? "" : (bridge?.bridge ?? ""),
    MANAGEMENT_ADDRESS_TYPE: "IPv4",
  };
  const lines = Object.entries(values).map(([key, value]) => `${key}='${value}'`);
  return `${lines.join("\n")}\n`;
}

/** xapi writes one word and no newline here (pool_role.ml). */
function poolConf(fixture: HostFixture): string {
  const coordinator = fixture.other?.record.address;
  return fixture.scenarios.member && coordinator !== undefined ? `slave:${coordinator}` : "master";
}
