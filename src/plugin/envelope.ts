import { gunzipSync, gzipSync } from "node:zlib";
import { type Result, success, usage } from "../offload/result.ts";

/**
 * The longest text that a plugin's argument may hold. xapi hands the whole call over as one word of a
 * command line, and Linux takes none of more than 128 KiB (MAX_ARG_STRLEN, execve(2)): what is longer
 * never arrives. The rest of the 128 KiB is for the XML around it.
 */
export const LONGEST_REQUEST = 120 * 1024;

/** The longest answer that is taken: a host's devices are a tenth of it. */
export const LONGEST_ANSWER = 4 * 1024 * 1024;

/** What a packed text may unpack to; beyond it unpacking stops. */
const LARGEST_DOCUMENT = 16 * 1024 * 1024;

/**
 * A document as text that XML, JSON and a command line all carry as it is: JSON, compressed, in
 * base64. UUIDs and quotation marks would fill the 128 KiB six times sooner.
 */
export function pack(document: unknown, longest: number): Result<string> {
  const text = gzipSync(JSON.stringify(document)).toString("base64");
  if (text.length <= longest) return success(text);
  return usage("too-long", `this takes ${text.length} bytes, and ${longest} fit into one call`);
}

/** The document of a packed text; checked for its size before and while it is unpacked. */
export function unpack(text: string, longest: number): Result<unknown> {
  if (text.length > longest) {
    return usage("too-long", `${text.length} bytes, and no more than ${longest} are taken`);
  }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return usage("not-packed", "it is not base64");
  try {
    const json = gunzipSync(Buffer.from(text, "base64"), { maxOutputLength: LARGEST_DOCUMENT });
    return success(JSON.parse(json.toString("utf8")));
  } catch {
    return usage("not-packed", "it is no compressed JSON document, or far too large");
  }
}
