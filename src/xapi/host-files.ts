import { readFileSync } from "node:fs";
import { unavailableError } from "../core/command-error.ts";
import { INVENTORY_PATH, POOL_CONF_PATH } from "../paths.ts";

/** What the host's own files say of it. */
export interface HostIdentity {
  readonly uuid: string;
  /** Brand and version, such as `XCP-ng 8.3.0`; empty when the file does not say. */
  readonly product: string;
}

/** Reads the inventory that every XenServer and XCP-ng dom0 has, and nothing else. */
export function readHostIdentity(): HostIdentity {
  const text = readTextOrNull(INVENTORY_PATH);
  const entries = text === null ? new Map<string, string>() : parseInventory(text);
  const uuid = entries.get("INSTALLATION_UUID");
  if (uuid === undefined || uuid === "") {
    throw unavailableError(
      "not-a-dom0",
      `this is no XenServer or XCP-ng dom0 (${INVENTORY_PATH} names no host); run offload on the host itself`,
    );
  }
  const product = [entries.get("PRODUCT_BRAND"), entries.get("PRODUCT_VERSION")];
  return { uuid, product: product.filter((part) => part).join(" ") };
}

/** Lines of `KEY='value'` (inventory.ml), or with other quotation marks or none; the rest is passed over. */
export function parseInventory(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, singleQuoted, doubleQuoted, unquoted] =
      /^\s*([A-Z0-9_]+)=(?:'([^']*)'|"([^"]*)"|(\S*))\s*$/.exec(line) ?? [];
    if (key !== undefined) entries.set(key, singleQuoted ?? doubleQuoted ?? unquoted ?? "");
  }
  return entries;
}

/**
 * Whether this release is older than 8.2, by the version of its platform: 3.2 is that of 8.2
 * (xcp-ng-release). False where the file does not say.
 */
export function isOlderThan82(): boolean {
  const version = parseInventory(readTextOrNull(INVENTORY_PATH) ?? "").get("PLATFORM_VERSION") ?? "";
  const [, major = "", minor = ""] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return major !== "" && (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 2));
}

/** The coordinator's address when this host is a pool member, as pool.conf has it; else null. */
export function readCoordinatorAddress(): string | null {
  const [, address] = /^slave:(\S+)/.exec(readTextOrNull(POOL_CONF_PATH) ?? "") ?? [];
  return address ?? null;
}

function readTextOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
