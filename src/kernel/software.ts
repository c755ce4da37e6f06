import { readFileSync } from "node:fs";
import { release } from "node:os";
import type { OwnSoftware } from "../core/doctor/software.ts";
import { runProgram } from "../fs/process.ts";

const HYPERVISOR = "/sys/hypervisor/version";

/** What the host says of its software without XAPI. */
export function readOwnSoftware(): Omit<OwnSoftware, "product" | "offload"> {
  return {
    distribution: distribution(),
    kernel: release(),
    xen: xenVersion(),
    backend: networkBackend(),
    ethtool: ethtoolVersion(),
  };
}

/** Null where ethtool is not installed, or does not run. */
function ethtoolVersion(): string | null {
  try {
    const ended = runProgram("ethtool", ["--version"]);
    if (!ended.ok || ended.value.exitCode !== 0) return null;
    return ended.value.stdout.trim().replace(/^ethtool version /, "");
  } catch (error) {
    // What is no program cannot be started at all.
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}

/** The version of Xen as the kernel knows it, such as `4.17.5`; null where no Xen is under it. */
function xenVersion(): string | null {
  const [major, minor, extra] = ["major", "minor", "extra"].map((part) =>
    firstLine(`${HYPERVISOR}/${part}`),
  );
  return typeof major === "string" && typeof minor === "string"
    ? `${major}.${minor}${extra ?? ""}`
    : null;
}

/** How the distribution calls itself (os-release(5)); null where it does not. */
function distribution(): string | null {
  const text = textOf("/etc/os-release") ?? "";
  const [, name] = /^PRETTY_NAME=["']?([^"'\n]*)["']?$/m.exec(text) ?? [];
  return name ?? firstLine("/etc/redhat-release");
}

/** `openvswitch` or `bridge`, as networkd reads it; null where the file is not there. */
function networkBackend(): string | null {
  return firstLine("/etc/xensource/network.conf");
}

/** Vendor and device of a NIC on PCI, such as `8086:15bc`; empty for anything else. */
export function pciIdOf(device: string): string {
  const directory = `/sys/class/net/${device}/device`;
  const [vendor, id] = ["vendor", "device"].map((part) => firstLine(`${directory}/${part}`));
  return typeof vendor === "string" && typeof id === "string"
    ? `${vendor}:${id}`.replaceAll("0x", "")
    : "";
}

function firstLine(path: string): string | null {
  const line = textOf(path)?.split("\n")[0]?.trim();
  return line === undefined || line === "" ? null : line;
}

/** Null for what cannot be read: these are details that many hosts do not have. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}
