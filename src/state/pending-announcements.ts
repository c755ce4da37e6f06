import * as v from "valibot";
import type { PendingAnnouncements } from "../core/ports.ts";
import { type Result, success } from "../core/result.ts";
import { readStateFile, removeStateFile, writeStateFile } from "./file.ts";

const FILE_NAME = "announce.json";

const DocumentSchema = v.object({ version: v.literal(1), vms: v.array(v.string()) });

/** The mark in a file of its own. */
export const announceMark: PendingAnnouncements = {
  filterPending(vms: readonly string[]): ReadonlySet<string> {
    const marked = readMarkedVms();
    return new Set(marked === "unknown" ? vms : vms.filter((vm) => marked.has(vm)));
  },
  add(vms: readonly string[]): Promise<Result<void>> {
    const marked = readMarkedVms();
    const previous = marked === "unknown" ? new Set<string>() : marked;
    if (marked !== "unknown" && vms.every((vm) => previous.has(vm))) {
      return Promise.resolve(success(undefined));
    }
    return writeStateFile(FILE_NAME, { version: 1, vms: [...new Set([...previous, ...vms])] });
  },
  async remove(vms: readonly string[]): Promise<Result<void>> {
    const marked = readMarkedVms();
    if (marked === "unknown") return removeStateFile(FILE_NAME);
    const remaining = [...marked].filter((vm) => !vms.includes(vm));
    if (remaining.length === marked.size) return success(undefined);
    return remaining.length === 0
      ? removeStateFile(FILE_NAME)
      : await writeStateFile(FILE_NAME, { version: 1, vms: remaining });
  },
};

/** Where the file cannot be read any VM may be meant: an event more does no harm. */
function readMarkedVms(): ReadonlySet<string> | "unknown" {
  const text = readStateFile(FILE_NAME);
  if (!text.ok) return "unknown";
  if (text.value === null) return new Set();
  try {
    return new Set(v.parse(DocumentSchema, JSON.parse(text.value)).vms);
  } catch {
    return "unknown";
  }
}
