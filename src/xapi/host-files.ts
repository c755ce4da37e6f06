import { readFileSync } from "node:fs";
import { type Result, success, unavailable } from "../core/result.ts";

const INVENTORY = "/etc/xensource-inventory";
const POOL_CONF = "/etc/xensource/pool.conf";

/** What the host's own files say of it. */
export interface HostFiles {
  readonly uuid: string;
  /** Brand and version, such as `XCP-ng 8.3.0`; empty when the file does not tell. */
  readonly product: string;
}

/** Reads the inventory that every XenServer and XCP-ng dom0 has, and nothing else. */
export function readHostFiles(): Result<HostFiles> {
  const text = textOf(INVENTORY);
  const entries = text === null ? new Map<string, string>() : parseInventory(text);
  const uuid = entries.get("INSTALLATION_UUID");
  if (uuid === undefined || uuid === "") {
    return unavailable(
      "not-a-dom0",
      `this is no XenServer or XCP-ng dom0 (${INVENTORY} names no host); run offload on the host itself`,
    );
  }
  const product = [entries.get("PRODUCT_BRAND"), entries.get("PRODUCT_VERSION")];
  return success({ uuid, product: product.filter((part) => part).join(" ") });
}

/** Lines of `KEY='value'` (inventory.ml), or with other quotation marks or none; the rest is passed over. */
export function parseInventory(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, single, double, bare] =
      /^\s*([A-Z0-9_]+)=(?:'([^']*)'|"([^"]*)"|(\S*))\s*$/.exec(line) ?? [];
    if (key !== undefined) entries.set(key, single ?? double ?? bare ?? "");
  }
  return entries;
}

/**
 * Whether this release is older than 8.2, by the version of its platform: 3.2 is that of 8.2
 * (xcp-ng-release). False where the file does not tell.
 */
export function isOlderThan82(): boolean {
  const version = parseInventory(textOf(INVENTORY) ?? "").get("PLATFORM_VERSION") ?? "";
  const [, major = "", minor = ""] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return major !== "" && (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 2));
}

/** The coordinator's address when this host is a pool member, as pool.conf has it; else null. */
export function readCoordinator(): string | null {
  const [, address] = /^slave:(\S+)/.exec(textOf(POOL_CONF) ?? "") ?? [];
  return address ?? null;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
