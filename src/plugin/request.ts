import * as v from "valibot";
import { type Result, success, usage } from "../core/result.ts";
import { VERSION } from "../version.ts";

/** The function of the plugin, and the name of its one argument. */
export const FUNCTION = "run";
/** The name of that argument. */
export const ARGUMENT = "request";

/** By what code the plugin says that another version is installed; its parameter is that version. */
export const VERSION_MISMATCH = "OFFLOAD_VERSION_MISMATCH";
/** By what code it refuses a call; its parameters are a code and a sentence. */
export const REFUSED = "OFFLOAD_REFUSED";

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

const Uuid = v.pipe(v.string(), v.uuid());

/** A time as XAPI writes it. */
const DEADLINE = /^(\d{4})(\d{2})(\d{2})T(\d{2}:\d{2}:\d{2})Z$/;

const Request = v.strictObject({
  version: v.string(),
  host: Uuid,
  command: v.picklist(POOL_COMMANDS),
  args: v.pipe(
    v.array(v.string()),
    // A host that is called calls no others.
    v.check((args) => !args.includes("--pool"), "--pool is not passed on"),
  ),
  session: Uuid,
  run: Uuid,
  deadline: v.pipe(
    v.string(),
    v.regex(DEADLINE),
    v.transform((text) => new Date(text.replace(DEADLINE, "$1-$2-$3T$4Z"))),
    v.check((time) => !Number.isNaN(time.getTime())),
  ),
  halted: v.boolean(),
});

/** What a host is asked to run. */
export type PluginRequest = v.InferOutput<typeof Request>;

/** The text of a request; fails where it is too long to be passed on. */
export function formatRequest(request: PluginRequest): Result<string> {
  const deadline = `${request.deadline.toISOString().slice(0, 19).replaceAll("-", "")}Z`;
  // ASCII alone: XAPI answers a lone surrogate with HTTP 500, and leaves out what XML cannot carry.
  const text = JSON.stringify({ ...request, deadline }).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const bytes = text.replaceAll(/["&<>]/g, "&quot;").length;
  return bytes <= MAX_REQUEST_BYTES
    ? success(text)
    : usage(
        "too-many-targets",
        `${bytes} bytes of targets do not fit into one call (${MAX_REQUEST_BYTES}); name fewer`,
      );
}

const Versioned = v.object({ version: v.string() });

/** Reads a request, strictly. Another version may say the rest of it in another way. */
export function parseRequest(text: string): Result<PluginRequest> {
  const document = parseJson(text);
  const other = v.safeParse(Versioned, document);
  if (other.success && other.output.version !== VERSION) {
    return usage(VERSION_MISMATCH, VERSION);
  }
  const parsed = v.safeParse(Request, document);
  if (parsed.success) return success(parsed.output);
  const where = v.getDotPath(parsed.issues[0]) ?? "as a whole";
  return usage("bad-request", `the request is not understood (${where})`);
}

function parseJson(text: string): unknown {
  try {
    return text.length > MAX_REQUEST_BYTES ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
