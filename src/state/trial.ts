import { readFileSync } from "node:fs";
import * as v from "valibot";
import { KEYWORDS } from "../offload/features.ts";
import type { Kernel } from "../offload/ports.ts";
import type { Problem } from "../offload/problem.ts";
import { type Result, success, unavailable } from "../offload/result.ts";
import { revertDevices, type Trial } from "../offload/trial.ts";
import { readStateFile, removeStateFile, statePath, writeStateFile } from "./file.ts";
import { writeJournal } from "./journal.ts";
import { fromDocument, JournalDocument, toDocument } from "./journal-document.ts";

const TRIAL = "trial.json";
const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

const TrialDocument = v.object({
  version: v.literal(1),
  deadline: v.number(),
  bootId: v.string(),
  targets: v.array(v.object({ text: v.string(), kind: v.picklist(["any", "vm", "pif", "host"]) })),
  keywords: v.array(v.picklist(KEYWORDS)),
  devices: v.record(v.string(), v.record(v.string(), v.boolean())),
  journal: JournalDocument,
});

/** The boot that this is, by the kernel's own random name for it. */
export function bootId(): string {
  return readFileSync(BOOT_ID_PATH, "utf8").trim();
}

/** The trial that is on, if one is; to be asked with the lock held by whoever means to answer it. */
export function readTrial(): Result<Trial | null> {
  const text = readStateFile(TRIAL);
  if (!text.ok) return text;
  if (text.value === null) return success(null);
  try {
    const document = v.parse(TrialDocument, JSON.parse(text.value));
    const devices = Object.entries(document.devices).map(
      ([device, former]) => [device, new Map(Object.entries(former))] as const,
    );
    return success({
      ...document,
      devices: new Map(devices),
      journal: fromDocument(document.journal),
    });
  } catch {
    return unavailable(
      "trial-damaged",
      `${statePath(TRIAL)} is damaged or of a newer version; move it away: offload restore then puts back what the journal tells of`,
    );
  }
}

/** Puts a trial on disk, before its first change. */
export async function writeTrial(trial: Trial): Promise<Result<void>> {
  const devices = Object.fromEntries(
    [...trial.devices].map(([device, former]) => [device, Object.fromEntries(former)]),
  );
  const journal = toDocument(trial.journal);
  return await writeStateFile(TRIAL, { version: 1, ...trial, devices, journal });
}

/** Ends a trial, whichever way it went. */
export function endTrial(): Result<void> {
  return removeStateFile(TRIAL);
}

/**
 * Puts back what is on trial, and the journal with it. After a reboot there is nothing to put back.
 * To be called with the lock held.
 */
export async function revertTrial(
  trial: Trial,
  kernel: Kernel,
): Promise<Result<readonly Problem[]>> {
  const reverted =
    trial.bootId === bootId() ? revertDevices(trial, kernel) : success<readonly Problem[]>([]);
  if (!reverted.ok) return reverted;
  // What is not as it was stays in the journal, for restore to put back later.
  if (reverted.value.length === 0) {
    const written = await writeJournal(trial.journal);
    if (!written.ok) return written;
  }
  const ended = endTrial();
  return ended.ok ? reverted : ended;
}

/**
 * Makes way for another change: a trial whose time is over, or whose boot is, is put back; one that
 * still runs has to be answered first. Says whether there was one: devices are then not as they were.
 */
export async function settleTrial(kernel: Kernel): Promise<Result<boolean>> {
  const trial = readTrial();
  if (!trial.ok) return trial;
  if (trial.value === null) return success(false);
  if (trial.value.bootId === bootId() && Date.now() < trial.value.deadline) {
    return unavailable(
      "trial-running",
      "a change is on trial; keep it with offload confirm, or put it back with offload restore",
    );
  }
  const reverted = await revertTrial(trial.value, kernel);
  return reverted.ok ? success(true) : reverted;
}
