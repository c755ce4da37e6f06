import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import * as v from "valibot";
import { type CommandError, unavailableError } from "../../core/command-error.ts";
import { FEATURE_NAMES } from "../../core/features.ts";
import type { NetworkdDatabase } from "../../core/verify/networkd.ts";
import { NETWORKD_DB } from "../../paths.ts";
import { isObject } from "../inventory/schemas.ts";

/** A host with hundreds of VLANs has some hundred kilobytes. */
const MAX_BYTES = 4 * 1024 * 1024;

// The defaults are those of network_interface.ml interface_config_t.
const InterfaceConfigSchema = v.object({
  persistent_i: v.optional(v.boolean(), false),
  ethtool_offload: v.optional(v.record(v.string(), v.string()), { lro: "off" }),
});
// A record would lose an interface that is called `__proto__` or `constructor`.
const InterfacesSchema = v.pipe(
  v.custom<Readonly<Record<string, unknown>>>(isObject),
  v.transform((interfaces) => new Map(Object.entries(interfaces))),
  v.map(v.string(), InterfaceConfigSchema),
);
const DocumentSchema = v.object({ interface_config: v.optional(InterfacesSchema, {}) });

/**
 * What networkd will apply when it starts; null where it has never written anything. Interfaces that
 * are not persistent are left out, for networkd does not touch them then.
 */
export function readNetworkdDb(path: string = NETWORKD_DB): NetworkdDatabase | null {
  const text = readRegularFile(path);
  return text === null ? null : parseNetworkdDb(text, path);
}

/** Reads what networkd wrote. */
export function parseNetworkdDb(text: string, path: string = NETWORKD_DB): NetworkdDatabase {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw createUnreadableError(path, "it is not JSON");
  }
  const parsed = v.safeParse(DocumentSchema, document, { abortEarly: true });
  if (!parsed.success) {
    throw createUnreadableError(path, `it is not understood (${v.getDotPath(parsed.issues[0]) ?? "all"})`);
  }
  const persistent = [...parsed.output.interface_config].filter(([, { persistent_i }]) => persistent_i);
  return new Map(persistent.map(([device, config]) => [device, parseOffloads(config.ethtool_offload)]));
}

function parseOffloads(offloads: Readonly<Record<string, string>>) {
  return new Map(
    FEATURE_NAMES.flatMap((feature) => {
      const value = offloads[feature];
      return value === "on" || value === "off" ? [[feature, value] as const] : [];
    }),
  );
}

function readRegularFile(path: string): string | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "ENOENT") return null;
    throw createUnreadableError(path, code === "ELOOP" ? "it is a symbolic link" : String(code));
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw createUnreadableError(path, "it is not a regular file");
    if (status.size > MAX_BYTES) throw createUnreadableError(path, "it is too large");
    const bytes = Buffer.alloc(status.size);
    return bytes.toString("utf8", 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

function createUnreadableError(path: string, reason: string): CommandError {
  return unavailableError("networkd-unreadable", `${path} cannot be read: ${reason}`);
}
