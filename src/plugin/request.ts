import * as v from "valibot";
import { usageError } from "../core/command-error.ts";
import { VERSION } from "../version.ts";

/** The function of the plugin, and the name of its one argument. */
export const PLUGIN_FUNCTION = "run";
/** The name of that argument. */
export const PLUGIN_ARGUMENT = "request";

/** By what code the plugin says that another version is installed; its parameter is that version. */
export const VERSION_MISMATCH_CODE = "OFFLOAD_VERSION_MISMATCH";
/** By what code it refuses a call; its parameters are a code and a sentence. */
export const REFUSED_CODE = "OFFLOAD_REFUSED";

/**
 * xapi hands a whole call over as one word of a command line, and Linux takes none of more than 128 KiB
 * (MAX_ARG_STRLEN, execve(2)); the rest of that is for the XML around it.
 */
const MAX_REQUEST_BYTES = 120 * 1024;

/** The largest answer that real XAPI was seen to pass on. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** The commands that a host runs for another. */
const POOL_COMMANDS = [
  "disable",
  "enable",
  "restore",
  "persist",
  "verify",
  "status",
  "doctor",
  "confirm",
  "revert",
] as const;

/** The name of a command that a host runs for another. */
export type PoolCommand = (typeof POOL_COMMANDS)[number];

const UuidSchema = v.pipe(v.string(), v.uuid());

/** A time as XAPI writes it. */
const DEADLINE_FORMAT = /^(\d{4})(\d{2})(\d{2})T(\d{2}:\d{2}:\d{2})Z$/;

const RequestSchema = v.strictObject({
  version: v.string(),
  host: UuidSchema,
  command: v.picklist(POOL_COMMANDS),
  args: v.pipe(
    v.array(v.string()),
    // A host that is called calls no others.
    v.check((args) => !args.includes("--pool"), "--pool is not passed on"),
  ),
  session: UuidSchema,
  run: UuidSchema,
  deadline: v.pipe(
    v.string(),
    v.regex(DEADLINE_FORMAT),
    v.transform((text) => new Date(text.replace(DEADLINE_FORMAT, "$1-$2-$3T$4Z"))),
    v.check((time) => !Number.isNaN(time.getTime())),
  ),
  halted: v.boolean(),
});

/** What a host is asked to run. */
export type PluginRequest = v.InferOutput<typeof RequestSchema>;

/** The text of a request; fails where it is too long to be passed on. */
export function formatRequest(request: PluginRequest): string {
  const deadline = `${request.deadline.toISOString().slice(0, 19).replaceAll("-", "")}Z`;
  // ASCII alone: XAPI answers a lone surrogate with HTTP 500, and leaves out what XML cannot carry.
  const text = JSON.stringify({ ...request, deadline }).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const bytes = text.replaceAll(/["&<>]/g, "&quot;").length;
  if (bytes > MAX_REQUEST_BYTES) {
    throw usageError(
      "too-many-targets",
      `${bytes} bytes of targets do not fit into one call (${MAX_REQUEST_BYTES}); name fewer`,
    );
  }
  return text;
}

const VersionSchema = v.object({ version: v.string() });

/** Reads a request, strictly. Another version may say the rest of it in another way. */
export function parseRequest(text: string): PluginRequest {
  const document = parseJsonOrNull(text);
  const versioned = v.safeParse(VersionSchema, document, { abortEarly: true });
  if (versioned.success && versioned.output.version !== VERSION) {
    throw usageError(VERSION_MISMATCH_CODE, VERSION);
  }
  const parsed = v.safeParse(RequestSchema, document, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const path = v.getDotPath(parsed.issues[0]) ?? "as a whole";
  throw usageError("invalid-request", `the request is not understood (${path})`);
}

function parseJsonOrNull(text: string): unknown {
  try {
    return text.length > MAX_REQUEST_BYTES ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
