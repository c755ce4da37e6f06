import { readFileSync } from "node:fs";
import * as v from "valibot";
import { KEYWORDS } from "../core/features.ts";
import type { PendingChange } from "../core/pending-change.ts";
import { type Result, success, unavailable } from "../core/result.ts";
import { readStateFile, removeStateFile, statePath, writeStateFile } from "./file.ts";
import { bootId } from "./kernel-bits.ts";

const FILE = "pending.json";

const Requests = v.array(v.tuple([v.pipe(v.string(), v.maxLength(32)), v.boolean()]));

const Document = v.object({
  version: v.literal(1),
  id: v.string(),
  bootId: v.string(),
  deadlineMs: v.number(),
  targets: v.array(
    v.object({
      text: v.string(),
      kind: v.picklist(["any", "vm", "pif", "host", "nics", "vifs"]),
    }),
  ),
  features: v.array(v.picklist(KEYWORDS)),
  next: v.variant("command", [
    v.object({
      command: v.literal("disable"),
      named: v.boolean(),
      persist: v.nullable(v.picklist(["systemd", "rc.local"])),
    }),
    v.object({
      command: v.literal("restore"),
      isWhole: v.boolean(),
      force: v.boolean(),
      replug: v.boolean(),
    }),
  ]),
  devices: v.array(v.tuple([v.string(), Requests])),
  fresh: v.array(v.string()),
});

/** The time since the boot in milliseconds, which nobody can set and which goes on while the host sleeps. */
export function bootTimeMs(): number {
  const [seconds = ""] = readFileSync("/proc/uptime", "utf8").split(" ");
  return Math.round(Number(seconds) * 1000);
}

/** The pending change, if there is one. That of another boot is over: nothing of it outlived that. */
export function readPendingChange(): Result<PendingChange | null> {
  const text = readStateFile(FILE);
  if (!text.ok) return text;
  if (text.value === null) return success(null);
  try {
    const document = v.parse(Document, JSON.parse(text.value));
    if (document.bootId !== bootId()) return success(null);
    const devices = new Map(
      document.devices.map(([device, requests]) => [device, new Map(requests)]),
    );
    return success({ ...document, devices });
  } catch {
    return unavailable(
      "pending-damaged",
      `${statePath(FILE)} is damaged or of a newer version; move it away: offload restore then restores what is kept of this boot`,
    );
  }
}

/** Puts a pending change on disk, before its first write. */
export async function writePendingChange(change: PendingChange): Promise<Result<void>> {
  const devices = [...change.devices].map(([device, requests]) => [device, [...requests]]);
  return await writeStateFile(FILE, { version: 1, ...change, devices });
}

/** Ends the pending change, whichever way it went. */
export function endPendingChange(): Result<void> {
  return removeStateFile(FILE);
}

/** How many seconds are left to confirm it; 0 when its time is over. */
export function secondsLeft({ deadlineMs }: Pick<PendingChange, "deadlineMs">): number {
  return Math.max(0, Math.ceil((deadlineMs - bootTimeMs()) / 1000));
}

/** The pending change as reports have it; null without one, and where its file cannot be read. */
export function pendingReport(
  pending: Result<PendingChange | null>,
): { readonly secondsLeft: number } | null {
  return pending.ok && pending.value !== null ? { secondsLeft: secondsLeft(pending.value) } : null;
}
