import * as v from "valibot";
import { naturalOrder } from "../offload/natural-order.ts";
import type { HostState } from "../offload/pool.ts";
import { type Result, success } from "../offload/result.ts";
import { LONGEST_ANSWER, LONGEST_REQUEST, pack, unpack } from "../plugin/envelope.ts";
import {
  type AnswerOf,
  FUNCTIONS,
  type FunctionName,
  REFUSALS,
  REQUEST_KEY,
  type RequestOf,
} from "../plugin/messages.ts";
import { PLUGIN_NAME, PLUGIN_PATH } from "../plugin/place.ts";
import { VERSION } from "../version.ts";
import { asFailure, sentenceOf } from "./errors.ts";
import type { CallError } from "./reply.ts";
import type { XapiSession } from "./session.ts";

/** A host of the pool, as XAPI can be asked to call it. */
export interface PoolHost {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  /** False in maintenance mode, and until it has booted to the end. */
  readonly enabled: boolean;
}

/** Why a host gave no answer. */
export interface NoAnswer {
  readonly state: Exclude<HostState, "done" | "partly">;
  readonly message: string;
  /** Commands that would mend that. */
  readonly advice: readonly string[];
}

/** What a host answered, or why it did not. */
export type HostAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: NoAnswer };

/** What a request says beside to whom it goes, and of which version it is. */
export type Asked<F extends FunctionName> = Omit<RequestOf<F>, "version" | "host">;

const Hosts = v.record(
  v.string(),
  v.object({ uuid: v.string(), name_label: v.string(), enabled: v.boolean() }),
);

/** Every host of the pool, by name: one call. */
export async function readHosts(session: XapiSession): Promise<Result<readonly PoolHost[]>> {
  const answer = await session.call("host.get_all_records");
  if (!answer.ok) return asFailure(answer.error, "read");
  const parsed = v.safeParse(Hosts, answer.value);
  if (!parsed.success) {
    const because = "its answer to host.get_all_records is not understood";
    return asFailure({ kind: "broken", status: 200, because }, "read");
  }
  return success(
    Object.entries(parsed.output)
      .map(([ref, { uuid, name_label, enabled }]) => ({ ref, uuid, name: name_label, enabled }))
      .sort((a, b) => naturalOrder(a.name, b.name) || naturalOrder(a.uuid, b.uuid)),
  );
}

/**
 * Has a host carry out a function: `host.call_plugin`, which every member passes on to the coordinator
 * and the coordinator to the host that is meant (message_forwarding.ml Host.call_plugin). XAPI sets it
 * no time limit, so the caller does.
 */
export async function callHost<F extends FunctionName>(
  session: XapiSession,
  { ref, uuid }: PoolHost,
  name: F,
  asked: Asked<F>,
  patience: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<HostAnswer<AnswerOf<F>>> {
  const packed = pack({ ...asked, version: VERSION, host: uuid }, LONGEST_REQUEST);
  if (!packed.ok) {
    const message = `its interfaces are too many for one call (${sentences(packed.failures)}); run offload on that host`;
    return noAnswer("failed", message);
  }
  const answer = await session.callFor(patience, "host.call_plugin", ref, PLUGIN_NAME, name, {
    [REQUEST_KEY]: packed.value,
  });
  if (!answer.ok) return whyNot(answer.error, patience.signal);
  const document =
    typeof answer.value === "string" ? unpack(answer.value, LONGEST_ANSWER) : undefined;
  const schema: (typeof FUNCTIONS)[F]["answer"] = FUNCTIONS[name].answer;
  const parsed = document?.ok === true ? v.safeParse(schema, document.value) : undefined;
  return parsed?.success === true
    ? { ok: true, value: parsed.output }
    : noAnswer("failed", "what its plugin answered makes no sense; is it offload's?");
}

/** Errors by which XAPI says that it cannot get through to a host (message_forwarding.ml, xapi.ml). */
const OUT_OF_REACH: ReadonlySet<string> = new Set([
  "HOST_OFFLINE",
  "CANNOT_CONTACT_HOST",
  "HOST_NOT_LIVE",
  "HOST_STILL_BOOTING",
  "HOST_HAS_NO_MANAGEMENT_IP",
  "HOST_MASTER_CANNOT_TALK_BACK",
  "HOST_UNKNOWN_TO_MASTER",
  "HOST_BROKEN",
  "TLS_CONNECTION_FAILED",
]);

const NOT_INSTALLED = `XAPI finds no ${PLUGIN_PATH} there; install offload on that host, or only the link where offload is there already`;

function whyNot(error: CallError, signal: AbortSignal): HostAnswer<never> {
  if (signal.aborted) {
    return noAnswer("unreachable", "interrupted before it answered; it may still be at work");
  }
  if (error.kind === "silent") {
    const message = `no answer in ${error.seconds} seconds; it may still be at work`;
    return noAnswer("unreachable", message);
  }
  if (error.kind !== "refused") {
    return noAnswer("failed", `${sentenceOf(error)}; it may still be at work`);
  }
  const { code, params } = error;
  if (OUT_OF_REACH.has(code)) {
    return noAnswer("unreachable", `XAPI cannot reach it (${[code, ...params].join(" ")})`);
  }
  switch (code) {
    case "XENAPI_MISSING_PLUGIN":
      return noAnswer("plugin-missing", NOT_INSTALLED, [
        `ln -s /usr/local/bin/offload ${PLUGIN_PATH}`,
      ]);
    case REFUSALS.version: {
      const [theirs = "another version"] = params;
      const message = `offload ${theirs} is installed there, and this is ${VERSION}; install the same on every host`;
      return noAnswer("version-different", message);
    }
    case REFUSALS.failure:
      return noAnswer("failed", params.filter((_, index) => index % 3 === 2).join("; "));
    case "XENAPI_PLUGIN_FAILURE":
      return noAnswer("failed", `its plugin failed: ${excerpts(params).join("; ")}`);
    default:
      return noAnswer("failed", `XAPI refused: ${excerpts([code, ...params]).join(" ")}`);
  }
}

/** How much is repeated of what a program has written, in characters. */
const EXCERPT = 200;

/** What a plugin wrote may be anything, of any length: a line of each part is enough to know it by. */
function excerpts(parts: readonly string[]): readonly string[] {
  return parts.flatMap((part) => {
    const line = part.trim().replaceAll(/\s+/g, " ");
    if (line === "") return [];
    return [line.length > EXCERPT ? `${line.slice(0, EXCERPT)}…` : line];
  });
}

function noAnswer(
  state: NoAnswer["state"],
  message: string,
  advice: readonly string[] = [],
): HostAnswer<never> {
  return { ok: false, why: { state, message, advice } };
}

function sentences(failures: readonly { readonly message: string }[]): string {
  return failures.map(({ message }) => message).join("; ");
}
