import { readFileSync } from "node:fs";
import * as v from "valibot";
import { attempt, CommandError, unavailableError } from "../core/command-error.ts";
import { FEATURE_NAMES } from "../core/features.ts";
import type { PendingChange } from "../core/pending-change.ts";
import type { Report } from "../core/report.ts";
import { OwnFile } from "../fs/own-file.ts";
import { RUN_DIRECTORY, UPTIME_PATH } from "../paths.ts";
import { readBootId } from "./kernel-bits.ts";
import { StateDocument } from "./state-file.ts";

const file = new StateDocument("pending.json");

const RequestsSchema = v.array(v.tuple([v.pipe(v.string(), v.maxLength(32)), v.boolean()]));

const DocumentSchema = v.object({
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
  features: v.array(v.picklist(FEATURE_NAMES)),
  next: v.variant("command", [
    v.object({ command: v.literal("bisect") }),
    v.object({
      command: v.literal("disable"),
      named: v.boolean(),
      persist: v.nullable(v.picklist(["systemd", "rc.local"])),
    }),
    v.object({
      command: v.literal("enable"),
      named: v.boolean(),
      replug: v.boolean(),
    }),
    v.object({
      command: v.literal("restore"),
      isWhole: v.boolean(),
      force: v.boolean(),
      replug: v.boolean(),
    }),
  ]),
  devices: v.array(v.tuple([v.string(), RequestsSchema])),
  fresh: v.array(v.string()),
});

/** The time since the boot in milliseconds, which nobody can set and which goes on while the host sleeps. */
export function readUptimeMs(): number {
  const [seconds = ""] = readFileSync(UPTIME_PATH, "utf8").split(" ");
  return Math.round(Number(seconds) * 1000);
}

/** The pending change, if there is one. That of another boot is over: nothing of it outlived that. */
export function readPendingChange(): PendingChange | null {
  const change = readPendingFile();
  return change === null || isFromPreviousBoot(change) || isAnswered(change) ? null : change;
}

/** Whether what is on disk was pending when the host was booted. */
export function wasEndedByReboot(): boolean {
  const change = attempt(readPendingFile);
  return change !== null && !(change instanceof CommandError) && isFromPreviousBoot(change);
}

function isFromPreviousBoot({ bootId }: PendingChange): boolean {
  return bootId !== readBootId();
}

function readPendingFile(): PendingChange | null {
  const text = file.read();
  if (text === null) return null;
  try {
    const document = v.parse(DocumentSchema, JSON.parse(text));
    const devices = new Map(document.devices.map(([device, requests]) => [device, new Map(requests)]));
    return { ...document, devices };
  } catch {
    throw unavailableError(
      "pending-damaged",
      `${file.path} is damaged or of a newer version; move it away: offload restore then restores what is kept of this boot`,
    );
  }
}

/**
 * The changes that were confirmed or reverted, an id a line, until the next boot. A missing file alone is no
 * answer: someone may have deleted it.
 */
const answeredFile = new OwnFile({
  path: `${RUN_DIRECTORY}/answered-changes`,
  mode: 0o600,
  isSigned: () => true,
  refuse: (path, reason) => unavailableError("state-file-unsafe", `${path} is left alone: ${reason}; move it away`),
});

function isAnswered({ id }: Pick<PendingChange, "id">): boolean {
  const text = attempt(() => answeredFile.read());
  return typeof text === "string" && text.split("\n").includes(id);
}

/**
 * The state of a change that was pending. `deleted`: its file is gone, and nobody has answered it, so that
 * only a process that knows it can revert it, and nobody can confirm it.
 */
export function getPendingState(change: Pick<PendingChange, "id">): "pending" | "answered" | "deleted" {
  if (isAnswered(change)) return "answered";
  const current = attempt(readPendingChange);
  // Of a file that cannot be read it is not known that it is over.
  if (current instanceof CommandError || current?.id === change.id) return "pending";
  // Another change begins only when this one has been answered.
  return current === null ? "deleted" : "answered";
}

/** Puts a pending change on disk, before its first write. */
export async function writePendingChange(change: PendingChange): Promise<void> {
  const devices = [...change.devices].map(([device, requests]) => [device, [...requests]]);
  return await file.write({ version: 1, ...change, devices });
}

/** Ends the pending change, whichever way it went. */
export async function removePendingChange({ id }: Pick<PendingChange, "id">): Promise<void> {
  await answeredFile.write(`${answeredFile.read() ?? ""}${id}\n`);
  file.remove();
}

/** How many seconds are left to confirm it; 0 when its time is over. */
export function getSecondsLeft({ deadlineMs }: Pick<PendingChange, "deadlineMs">): number {
  return Math.max(0, Math.ceil((deadlineMs - readUptimeMs()) / 1000));
}

/** The pending change as reports have it; null without one, and where its file cannot be read. */
export function toPendingReport(pending: PendingChange | CommandError | null): Report["pending"] {
  if (pending === null || pending instanceof CommandError) return null;
  const secondsLeft = getSecondsLeft(pending);
  return pending.next.command === "bisect" ? { secondsLeft, command: "bisect" } : { secondsLeft };
}
