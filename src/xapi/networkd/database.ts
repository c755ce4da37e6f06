import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import * as v from "valibot";
import { KEYWORDS } from "../../core/features.ts";
import { type Result, success, unavailable } from "../../core/result.ts";
import type { NetworkdMemory } from "../../core/verify/networkd.ts";

/** Where networkd keeps its configuration (network_config.ml config_file_path). */
export const NETWORKD_DB = "/var/lib/xcp/networkd.db";

/** A host with hundreds of VLANs has some hundred kilobytes. */
const MAX_BYTES = 4 * 1024 * 1024;

// The defaults are those of network_interface.ml interface_config_t.
const InterfaceConfig = v.object({
  persistent_i: v.optional(v.boolean(), false),
  ethtool_offload: v.optional(v.record(v.string(), v.string()), { lro: "off" }),
});
const Document = v.object({
  interface_config: v.optional(v.record(v.string(), InterfaceConfig), {}),
});

/**
 * What networkd will apply when it starts; null where it has never written anything. Interfaces that
 * are not persistent are left out, for networkd does not touch them then.
 */
export function readNetworkdDb(path: string = NETWORKD_DB): Result<NetworkdMemory | null> {
  const text = readText(path);
  if (!text.ok) return text;
  return text.value === null ? success(null) : parseNetworkdDb(text.value, path);
}

/** Reads what networkd wrote. */
export function parseNetworkdDb(text: string, path: string = NETWORKD_DB): Result<NetworkdMemory> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return unreadable(path, "it is not JSON");
  }
  const parsed = v.safeParse(Document, document);
  if (!parsed.success) {
    return unreadable(path, `it is not understood (${v.getDotPath(parsed.issues[0]) ?? "all"})`);
  }
  const interfaces = Object.entries(parsed.output.interface_config);
  const persistent = interfaces.filter(([, { persistent_i }]) => persistent_i);
  return success(
    new Map(persistent.map(([device, config]) => [device, featuresOf(config.ethtool_offload)])),
  );
}

function featuresOf(offload: Readonly<Record<string, string>>) {
  return new Map(
    KEYWORDS.flatMap((feature) => {
      const value = offload[feature];
      return value === "on" || value === "off" ? [[feature, value] as const] : [];
    }),
  );
}

function readText(path: string): Result<string | null> {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "ENOENT") return success(null);
    return unreadable(path, code === "ELOOP" ? "it is a symbolic link" : String(code));
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) return unreadable(path, "it is not a regular file");
    if (status.size > MAX_BYTES) return unreadable(path, "it is too large");
    const bytes = Buffer.alloc(status.size);
    return success(bytes.toString("utf8", 0, readSync(fd, bytes)));
  } finally {
    closeSync(fd);
  }
}

function unreadable(path: string, reason: string): Result<never> {
  return unavailable("networkd-unreadable", `${path} cannot be read: ${reason}`);
}
