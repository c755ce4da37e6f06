import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PifMethods } from "../toolstack/pif-methods.ts";
import { isObject } from "./json.ts";
import { HOSTS, RecordedSessions, recordedPool } from "./pool-replay.ts";
import { postForHeaders } from "./raw-client.ts";
import { bodyBytes, type CallRecording, loadPoolRecordings, requestOf } from "./recordings.ts";
import { compareBodies } from "./reply-comparison.ts";
import { Simulator } from "./simulator.ts";

const POOL = await loadPoolRecordings("pool");
const DESIGN = await loadPoolRecordings("design");
const directory = mkdtempSync(join(tmpdir(), "pool-replay-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Recorded methods that the simulator does not have. */
const UNSERVED = [
  "Async.host.call_plugin",
  "VM.clone",
  "VM.copy",
  "VM.revert",
  "VM.snapshot",
  "task.cancel",
  "task.create",
  "task.destroy",
  "task.get_record",
  "task.get_status",
  "task.set_status",
];

/** Calls whose reply is more than the simulator can know, and where that is held to reality instead. */
const ELSEWHERE: readonly RegExp[] = [
  // The recorded plugins' own answers; their arguments are compared below.
  /probe2|observe|"env"/,
  // The pool's tests.
  /^coordinator-host\.call_plugin-member-xapi-down/,
  // The reply was cut when it was written down.
  /^(coordinator|member)-(vm-where-not|pifs)"/,
];

const unserved = new Set<string>();
let compared = 0;

interface Section {
  readonly title: string;
  readonly calls: readonly CallRecording[];
  readonly host: string;
  readonly master: string;
}

const { first, second, third } = HOSTS;
const SECTIONS: readonly Section[] = [
  section("the coordinator that starts plugins", POOL, /^coordinator-plugin/, first, first),
  section("a coordinator that starts", POOL, /^coordinator-starting/, first, first),
  section("a member that starts", POOL, /^member-starting/, third, first),
  section("what a member passes on", POOL, /^member-forwarded/, first, second),
  section("the same on the coordinator", POOL, /^coordinator-(?!plugin|starting)/, second, second),
  section("the design on the coordinator", DESIGN, /^coordinator-(?!q\d|guard)/, second, second),
  section("the design on a member", DESIGN, /^member-(?!q\d|guard)/, first, second),
  section("questions to the coordinator", DESIGN, /^coordinator-(q\d|guard)/, second, second),
  section("questions to a member", DESIGN, /^member-(q\d|guard)/, first, second),
];

function section(title: string, from: readonly CallRecording[], names: RegExp, host: string, master: string): Section {
  return { title, calls: from.filter(({ name }) => names.test(name)), host, master };
}

for (const [at, part] of SECTIONS.entries()) {
  describe(part.title, () => replay(part, join(directory, String(at))));
}

describe("the extent of the replay", () => {
  test("leaves out these recorded methods, which the simulator does not serve", () => {
    expect([...unserved].sort()).toEqual(UNSERVED);
  });

  test("does not shrink", () => {
    expect(compared).toBeGreaterThanOrEqual(203);
  });
});

test("a plugin gets the recorded arguments, and on another host a session of its own", async () => {
  const coordinator = recordedPool(POOL, first);
  const [own, other] = POOL.filter(({ request }) => JSON.stringify(request).includes('"env"'));
  for (const [call, isOwn] of [
    [own, true],
    [other, false],
  ] as const) {
    const params = requestOf(call ?? recordingMissing())?.params ?? [];
    const session = coordinator.sessions.open(first, "root");
    const [, host, plugin, fn, args] = params.map((param) => param);
    const started = await coordinator.hostMethods
      .get("host.call_plugin")
      ?.run(session, [String(host), String(plugin), String(fn), toDict(args)]);
    const recorded = JSON.stringify(call?.response.body);
    const [, head = ""] = /call_head\\": \\"(.*?<\/methodCall>)\\"/.exec(recorded) ?? [];
    expect(String(started).replace(/OpaqueRef:[-0-9a-f]+/, "S")).toBe(
      head.replaceAll("\\\\u00fc", "ü").replace(/OpaqueRef:[-0-9a-f]+/, "S"),
    );
    expect(String(started).includes(session)).toBe(isOwn);
    expect(recorded.includes(String(params[0]))).toBe(isOwn);
  }
});

function recordingMissing(): never {
  throw new Error("the recording of the plugin's arguments is missing");
}

function toDict(value: unknown): Record<string, string> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
}

function replay({ calls, host, master }: Section, socket: string): void {
  const coordinator = recordedPool(calls, master);
  new PifMethods(coordinator, async () => undefined).install();
  const simulator = new Simulator({ coordinator, socket, host });
  const sessions = new RecordedSessions(coordinator, host);
  const rename = (text: string) => sessions.rename(text);
  const unknown = new Set(calls.filter(saysUnknown).map((call) => requestOf(call)?.method));
  simulator.start();
  afterAll(() => simulator.stop());

  for (const call of calls) {
    const method = requestOf(call)?.method ?? "";
    const serves = simulator.api.serves(method) || coordinator.hostMethods.has(method);
    if (!serves && !unknown.has(method)) {
      unserved.add(method);
      continue;
    }
    if (ELSEWHERE.some((pattern) => pattern.test(`${call.name}"${JSON.stringify(call.request.body)}`))) {
      continue;
    }
    compared += 1;
    test(`${call.name} ${compared}`, async () => {
      if (call.name.includes("-starting-")) start(simulator, call);
      sessions.prepare(call);
      const { line, connection } = call.request;
      const reply = await postForHeaders(socket, bodyBytes(call, rename), line, connection);
      sessions.recordReply(call, tryJson(reply.body));
      expect(reply.headers[0]).toBe(call.response.status);
      if (call.response.headers !== undefined) {
        const others = (lines: readonly string[]) => lines.filter((text) => !/^content-l/.test(text));
        expect(others(reply.headers).sort()).toEqual(others(call.response.headers).sort());
      }
      compareBodies(call, reply.body, rename);
    });
  }
}

/** Has a xapi start as the recorded one did at this call. */
function start(simulator: Simulator, { response: { body } }: CallRecording): void {
  const error = isObject(body) ? body["error"] : undefined;
  simulator.setFault(Array.isArray(error) ? { fault: "starting", code: String(error[0]) } : { fault: "loading" });
}

function saysUnknown({ response }: CallRecording): boolean {
  return JSON.stringify(response.body).includes("MESSAGE_METHOD_UNKNOWN");
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
