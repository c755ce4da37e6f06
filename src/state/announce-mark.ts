import * as v from "valibot";
import type { AnnounceMark } from "../core/ports.ts";
import { type Result, success } from "../core/result.ts";
import { readStateFile, removeStateFile, writeStateFile } from "./file.ts";

const FILE = "announce.json";

const Document = v.object({ version: v.literal(1), vms: v.array(v.string()) });

/** The mark in a file of its own. */
export const announceMark: AnnounceMark = {
  among(vms: readonly string[]): ReadonlySet<string> {
    const marked = read();
    return new Set(marked === "unknown" ? vms : vms.filter((vm) => marked.has(vm)));
  },
  add(vms: readonly string[]): Promise<Result<void>> {
    const marked = read();
    const before = marked === "unknown" ? new Set<string>() : marked;
    if (marked !== "unknown" && vms.every((vm) => before.has(vm))) {
      return Promise.resolve(success(undefined));
    }
    return writeStateFile(FILE, { version: 1, vms: [...new Set([...before, ...vms])] });
  },
  async remove(vms: readonly string[]): Promise<Result<void>> {
    const marked = read();
    if (marked === "unknown") return removeStateFile(FILE);
    const left = [...marked].filter((vm) => !vms.includes(vm));
    if (left.length === marked.size) return success(undefined);
    return left.length === 0
      ? removeStateFile(FILE)
      : await writeStateFile(FILE, { version: 1, vms: left });
  },
};

/** Where the file cannot be read any VM may be meant: an event more does no harm. */
function read(): ReadonlySet<string> | "unknown" {
  const text = readStateFile(FILE);
  if (!text.ok) return "unknown";
  if (text.value === null) return new Set();
  try {
    return new Set(v.parse(Document, JSON.parse(text.value)).vms);
  } catch {
    return "unknown";
  }
}
