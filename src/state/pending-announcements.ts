import * as v from "valibot";
import { attempt, CommandError } from "../core/command-error.ts";
import type { PendingAnnouncements } from "../core/ports.ts";
import { StateDocument } from "./state-file.ts";

const file = new StateDocument("announce.json");

const DocumentSchema = v.object({ version: v.literal(1), vms: v.array(v.string()) });

/** The mark in a file of its own. */
export const announceMark: PendingAnnouncements = {
  filterPending(vms: readonly string[]): ReadonlySet<string> {
    const marked = readMarkedVms();
    return new Set(marked === "unknown" ? vms : vms.filter((vm) => marked.has(vm)));
  },
  async add(vms: readonly string[]): Promise<void> {
    const marked = readMarkedVms();
    const previous = marked === "unknown" ? new Set<string>() : marked;
    if (marked !== "unknown" && vms.every((vm) => previous.has(vm))) return;
    await file.write({ version: 1, vms: [...new Set([...previous, ...vms])] });
  },
  async remove(vms: readonly string[]): Promise<void> {
    const marked = readMarkedVms();
    if (marked === "unknown") return file.remove();
    const remaining = [...marked].filter((vm) => !vms.includes(vm));
    if (remaining.length === marked.size) return;
    if (remaining.length === 0) file.remove();
    else await file.write({ version: 1, vms: remaining });
  },
};

/** Where the file cannot be read any VM may be meant: an event more does no harm. */
function readMarkedVms(): ReadonlySet<string> | "unknown" {
  const text = attempt(() => file.read());
  if (text instanceof CommandError) return "unknown";
  if (text === null) return new Set();
  try {
    return new Set(v.parse(DocumentSchema, JSON.parse(text), { abortEarly: true }).vms);
  } catch {
    return "unknown";
  }
}
