import { readFileSync } from "node:fs";
import { release } from "node:os";
import { CommandError } from "../core/command-error.ts";
import type { LocalSoftware } from "../core/doctor/software.ts";
import { runProgram } from "../fs/process.ts";
import {
  HYPERVISOR_VERSION_PATH,
  NETWORK_CONF_PATH,
  OS_RELEASE_PATH,
  REDHAT_RELEASE_PATH,
  SYS_CLASS_NET,
} from "../paths.ts";

/** What the host says of its software without XAPI. */
export async function readLocalSoftware(): Promise<Omit<LocalSoftware, "product" | "offload">> {
  return {
    distribution: readDistribution(),
    kernel: release(),
    xen: readXenVersion(),
    backend: readNetworkBackend(),
    ethtool: await readEthtoolVersion(),
  };
}

/** It asks nobody, and is through in milliseconds. */
const ETHTOOL_TIMEOUT_MS = 5_000;

/** Null where ethtool is not installed, or does not run. */
async function readEthtoolVersion(): Promise<string | null> {
  try {
    const result = await runProgram("ethtool", ["--version"], { timeoutMs: ETHTOOL_TIMEOUT_MS });
    if (result.exitCode !== 0) return null;
    return result.stdout.trim().replace(/^ethtool version /, "");
  } catch (error) {
    // What is no program cannot be started at all.
    if (error instanceof CommandError || (error instanceof Error && "code" in error)) return null;
    throw error;
  }
}

/** The version of Xen as the kernel knows it, such as `4.17.5`; null where no Xen is under it. */
function readXenVersion(): string | null {
  const [major, minor, extra] = ["major", "minor", "extra"].map((part) =>
    readFirstLine(`${HYPERVISOR_VERSION_PATH}/${part}`),
  );
  return typeof major === "string" && typeof minor === "string" ? `${major}.${minor}${extra ?? ""}` : null;
}

/** How the distribution calls itself (os-release(5)); null where it does not. */
function readDistribution(): string | null {
  const text = readTextOrNull(OS_RELEASE_PATH) ?? "";
  const [, name] = /^PRETTY_NAME=["']?([^"'\n]*)["']?$/m.exec(text) ?? [];
  return name ?? readFirstLine(REDHAT_RELEASE_PATH);
}

/** `openvswitch` or `bridge`, as networkd reads it; null where the file is not there. */
export function readNetworkBackend(): string | null {
  return readFirstLine(NETWORK_CONF_PATH);
}

/** Vendor and device of a NIC on PCI, such as `8086:15bc`; empty for anything else. */
export function readPciId(device: string): string {
  const directory = `${SYS_CLASS_NET}/${device}/device`;
  const [vendor, id] = ["vendor", "device"].map((part) => readFirstLine(`${directory}/${part}`));
  return typeof vendor === "string" && typeof id === "string" ? `${vendor}:${id}`.replaceAll("0x", "") : "";
}

function readFirstLine(path: string): string | null {
  const line = readTextOrNull(path)?.split("\n")[0]?.trim();
  return line === undefined || line === "" ? null : line;
}

/** Null for what cannot be read: these are details that many hosts do not have. */
function readTextOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}
