import { hostname } from "node:os";
import * as v from "valibot";
import type { Host } from "../../offload/inventory.ts";
import { EXIT, type ExitCode } from "../../offload/problem.ts";
import { type Failure, type Result, success, usage } from "../../offload/result.ts";
import { refuseOthers } from "../../plugin/caller.ts";
import { LONGEST_ANSWER, LONGEST_REQUEST, pack, unpack } from "../../plugin/envelope.ts";
import {
  FUNCTIONS,
  type FunctionName,
  Preamble,
  REFUSALS,
  REQUEST_KEY,
} from "../../plugin/messages.ts";
import {
  failureResponse,
  type PluginCall,
  parsePluginCall,
  successResponse,
} from "../../plugin/xml-rpc.ts";
import { messages } from "../../terminal/output.ts";
import { writeOut } from "../../terminal/streams.ts";
import { viewOn } from "../../terminal/view.ts";
import { VERSION } from "../../version.ts";
import { readHostFiles } from "../../xapi/host-files.ts";
import { disable, revert, strike } from "./disable.ts";
import { observe } from "./observe.ts";
import { persist } from "./persist.ts";
import { journal, restore } from "./restore.ts";

/**
 * This program as XAPI's plugin: answers the one call that it was started with. A refusal is an answer
 * too; only who is not XAPI gets none.
 */
export async function answerPlugin(args: readonly string[]): Promise<ExitCode> {
  const allowed = refuseOthers();
  if (!allowed.ok) {
    const { error } = messages(viewOn("stderr", false));
    for (const { message } of allowed.failures) error(message);
    return EXIT.unavailable;
  }
  await writeOut("stdout", await responseTo(args));
  return EXIT.done;
}

async function responseTo([argument, ...more]: readonly string[]): Promise<string> {
  if (argument === undefined || more.length > 0) {
    return refusal([refused("bad-call", "a plugin is started with one argument")]);
  }
  const call = parsePluginCall(argument);
  if (!call.ok) return refusal(call.failures);
  const { name } = call.value;
  // What XenAPIPlugin.py answers, too.
  if (!isFunction(name)) return failureResponse("UNKNOWN_XENAPI_PLUGIN_FUNCTION", [name]);
  const document = documentOf(call.value);
  if (!document.ok) return refusal(document.failures);
  const preamble = v.safeParse(Preamble, document.value);
  if (!preamble.success) return refusal([refused("bad-request", "the request names no version")]);
  if (preamble.output.version !== VERSION) return failureResponse(REFUSALS.version, [VERSION]);
  const host = hostOf(preamble.output.host);
  if (!host.ok) return refusal(host.failures);
  const answer = await carryOut(name, document.value, host.value);
  if (!answer.ok) return refusal(answer.failures);
  const packed = pack(answer.value, LONGEST_ANSWER);
  return packed.ok ? successResponse(packed.value) : refusal(packed.failures);
}

function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTIONS, name);
}

function documentOf({ args }: PluginCall): Result<unknown> {
  const request = args.get(REQUEST_KEY);
  return request === undefined || args.size > 1
    ? usage("bad-request", `the one argument of a function is ${REQUEST_KEY}`)
    : unpack(request, LONGEST_REQUEST);
}

/** This host, which the caller must mean: its interfaces are nobody else's. */
function hostOf(uuid: string): Result<Host> {
  const files = readHostFiles();
  if (!files.ok) return files;
  return files.value.uuid === uuid
    ? success({ uuid, name: hostname() })
    : usage("another-host", `this is the host ${files.value.uuid}, and ${uuid} was meant`);
}

function carryOut(name: FunctionName, document: unknown, host: Host): Promise<Result<unknown>> {
  switch (name) {
    case "observe":
      return withRequest("observe", document, (request) => observe(request, host));
    case "disable":
      return withRequest("disable", document, (request) => disable(request, host));
    case "revert":
      return withRequest("revert", document, (request) => revert(request, host));
    case "strike":
      return withRequest("strike", document, (request) => strike(request, host));
    case "journal":
      return withRequest("journal", document, journal);
    case "restore":
      return withRequest("restore", document, (request) => restore(request, host));
    case "persist":
      return withRequest("persist", document, (request) => persist(request, host));
  }
}

async function withRequest<F extends FunctionName>(
  name: F,
  document: unknown,
  work: (request: v.InferOutput<(typeof FUNCTIONS)[F]["request"]>) => Promise<Result<unknown>>,
): Promise<Result<unknown>> {
  const schema: (typeof FUNCTIONS)[F]["request"] = FUNCTIONS[name].request;
  const parsed = v.safeParse(schema, document);
  if (parsed.success) return await work(parsed.output);
  const where = v.getDotPath(parsed.issues[0]) ?? "as a whole";
  return usage("bad-request", `the request is not one for ${name}: ${where}`);
}

function refused(code: string, message: string): Failure {
  return { kind: "usage", code, message };
}

function refusal(failures: readonly Failure[]): string {
  const words = failures.flatMap(({ kind, code, message }) => [kind, code, message]);
  return failureResponse(REFUSALS.failure, words);
}
