import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PifMethods } from "../toolstack/pif-methods.ts";
import { Coordinator } from "./coordinator.ts";
import { Database } from "./database.ts";
import { isObject } from "./json.ts";
import { exchange, post } from "./raw-client.ts";
import { bodyBytes, type CallRecording, isXmlRpc, loadRecordings, type RecordingSet, requestOf } from "./recordings.ts";
import { compareBodies } from "./reply-comparison.ts";
import { Simulator } from "./simulator.ts";
import { Timeline } from "./timeline.ts";

const recordings = await loadRecordings();
const directory = mkdtempSync(join(tmpdir(), "xapi-replay-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** How many recordings are compared today. Raise it when more are; it never goes down. */
const COMPARED = 216;

/** Recorded methods that the simulator has. */
const SERVED: Record<string, string[]> = {
  Bond: ["get_all_records"],
  PIF: ["add_to_other_config", "get_all_records", "get_record", "plug", "remove_from_other_config"],
  PIF_metrics: ["get_all_records"],
  VIF: [
    "add_to_other_config",
    "get_all",
    "get_all_records",
    "get_all_records_where",
    "get_all_where",
    "get_other_config",
    "get_record",
    "remove_from_other_config",
    "set_other_config",
  ],
  VIF_metrics: ["get_all_records"],
  VLAN: ["get_all_records"],
  VM: [
    "add_to_other_config",
    "get_all_records",
    "get_by_name_label",
    "get_by_uuid",
    "get_domid",
    "get_power_state",
    "get_record",
    "get_uuid",
    "remove_from_other_config",
  ],
  VM_guest_metrics: ["get_all_records"],
  VM_metrics: ["get_all_records"],
  host: [
    "add_to_other_config",
    "get_API_version_vendor",
    "get_all",
    "get_all_records",
    "get_record",
    "get_software_version",
    "remove_from_other_config",
  ],
  message: ["get_all_records"],
  network: ["add_to_other_config", "get_all_records", "get_record", "remove_from_other_config"],
  pool: ["add_to_other_config", "get_all", "get_all_records", "get_other_config", "remove_from_other_config"],
  session: ["get_record", "get_this_host", "login_with_password", "logout"],
  task: ["get_record"],
};

/** Recorded methods that it does not have. */
const UNSERVED: Record<string, string[]> = {
  "Async.VM": ["start"],
  Bond: ["create"],
  PIF: ["reconfigure_ip", "scan", "unplug"],
  VIF: ["create", "destroy", "plug", "unplug", "unplug_force"],
  VLAN: ["create"],
  VM: [
    "clean_reboot",
    "clone",
    "create",
    "destroy",
    "hard_reboot",
    "hard_shutdown",
    "pause",
    "provision",
    "snapshot",
    "start",
    "suspend",
    "unpause",
  ],
  event: ["from"],
  host: ["management_reconfigure"],
  network: ["create", "destroy"],
};

const served = new Set<string>();
const unserved = new Set<string>();
let compared = 0;
let xmlRpc = 0;

describe.each([
  ["001-227", recordings.first],
  ["301-354", recordings.second],
])("the simulator answers like the recorded xapi, recordings %s", (name, set) => {
  replay(join(directory, name), set);
});

describe("the extent of the replay", () => {
  test("includes these recorded methods, which the simulator serves", () => {
    expect(byClass(served)).toEqual(SERVED);
  });

  test("includes these as MESSAGE_METHOD_UNKNOWN, which it does not serve", () => {
    expect(byClass(unserved)).toEqual(UNSERVED);
  });

  test("does not shrink", () => {
    expect(compared).toBeGreaterThanOrEqual(COMPARED);
  });

  test("leaves out the recordings of XML-RPC", () => {
    expect(xmlRpc).toBe(6);
  });
});

function replay(socketPath: string, set: RecordingSet): void {
  const database = Database.from(Timeline.emptyClasses());
  const coordinator = new Coordinator(database);
  new PifMethods(coordinator, async () => undefined).install();
  const simulator = new Simulator({ coordinator, socket: socketPath });
  const serves = (method: string) => simulator.api.serves(method) || coordinator.hostMethods.has(method);
  const timeline = new Timeline(set.calls, database, serves);
  const unknownToAll = new Set(set.calls.filter(saysUnknownMethod).map((recording) => requestOf(recording)?.method));
  const sessions = new Map<string, string>();
  const rename = (text: string) =>
    [...sessions].reduce((renamed, [recorded, ours]) => renamed.replaceAll(recorded, ours), text);

  beforeAll(() => {
    simulator.start();
    timeline.apply(-1);
  });
  afterAll(() => simulator.stop());

  for (const [index, recording] of set.calls.entries()) {
    if (isXmlRpc(recording)) {
      xmlRpc += 1;
      continue;
    }
    const method = requestOf(recording)?.method;
    // A method that the recorded xapi did not know either is served by not knowing it.
    if (method === undefined || serves(method) || unknownToAll.has(method)) {
      compared += 1;
      if (method !== undefined && serves(method)) served.add(method);
      test(recording.name, async () => {
        const reply = await send(socketPath, recording, rename);
        noteSession(recording, reply.body, sessions);
        expect(reply.status).toBe(recording.response.status);
        compareBodies(recording, reply.body, rename);
      });
    } else {
      unserved.add(method);
      test(`${recording.name} is not served`, async () => {
        const reply = await send(socketPath, recording, rename);
        const error: unknown = JSON.parse(reply.body);
        expect(error).toMatchObject({ error: { message: "MESSAGE_METHOD_UNKNOWN" } });
        timeline.apply(index);
      });
    }
  }

  for (const recording of set.raw) {
    compared += 1;
    test(recording.name, async () => {
      const request = rename(recording.request_raw);
      const cut = recording.name.endsWith("body-split") ? request.length - 40 : request.length;
      const reply = await exchange(socketPath, request.slice(0, cut), request.slice(cut));
      expect(reply.text).toBe(recording.response_raw);
      expect(reply.closed).toBe(!recording.end.startsWith("timeout"));
    });
  }
}

/** The methods, by class, as the lists above have them. */
function byClass(methods: ReadonlySet<string>): Record<string, string[]> {
  const lists: Record<string, string[]> = {};
  for (const method of [...methods].sort()) {
    const dot = method.lastIndexOf(".");
    const list = lists[method.slice(0, dot)] ?? [];
    lists[method.slice(0, dot)] = [...list, method.slice(dot + 1)];
  }
  return lists;
}

function send(socketPath: string, recording: CallRecording, rename: (text: string) => string) {
  return post(socketPath, bodyBytes(recording, rename), recording.request.line);
}

function saysUnknownMethod(recording: CallRecording): boolean {
  return JSON.stringify(recording.response.body).includes("MESSAGE_METHOD_UNKNOWN");
}

/** A login gives another session than the recorded one: later requests and replies name ours. */
function noteSession(recording: CallRecording, body: string, sessions: Map<string, string>): void {
  if (requestOf(recording)?.method !== "session.login_with_password") return;
  const reply: unknown = JSON.parse(body);
  const recorded = recording.response.body;
  if (!isObject(reply) || !isObject(recorded)) return;
  if (typeof recorded["result"] !== "string" || typeof reply["result"] !== "string") return;
  sessions.set(recorded["result"], reply["result"]);
}
