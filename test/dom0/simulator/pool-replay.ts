import { Coordinator } from "./coordinator.ts";
import { Database } from "./database.ts";
import { isObject, type JsonObject } from "./json.ts";
import { callPlugin, type PluginResult } from "./plugins.ts";
import { type CallRecording, requestOf } from "./recordings.ts";
import { extractRecords } from "./timeline.ts";

/** The three hosts of the recorded pool; in two of its recordings the first was the coordinator. */
export const HOSTS = {
  first: "OpaqueRef:f33c4e0f-2757-e081-898f-f4466043b9f9",
  second: "OpaqueRef:2babe178-597a-8910-366e-bb1f2a182bf1",
  third: "OpaqueRef:46f9f528-f01f-134d-4a75-52d0a78dbdba",
} as const;

/** The pool and the records that the recordings name and do not show. */
const UNSEEN: Readonly<Record<string, Readonly<Record<string, JsonObject>>>> = {
  VIF: {
    "OpaqueRef:fe8fd7a0-d3db-0bbe-bbf4-ec431561d901": { uuid: "a", other_config: {} },
    "OpaqueRef:3045157c-c494-26c9-0376-44e1d827d6a2": { uuid: "b", other_config: {} },
    "OpaqueRef:12d2ba66-c7cd-3757-97d5-7f65e153af75": {
      uuid: "c",
      other_config: { offload: "first" },
    },
  },
  VM: {
    "OpaqueRef:c911e87e-4d6b-3a53-3ac9-78df1b7e5d61": { uuid: "d" },
  },
  network: { "OpaqueRef:network": { uuid: "n", bridge: "xenbr1", other_config: {} } },
  PIF: {
    "OpaqueRef:e9630d23-57bb-f361-3ea0-b038a5579c2a": nic("OpaqueRef:NULL"),
    "OpaqueRef:21a1af9b-b258-016c-6cc7-c19f1fe769b4": nic("OpaqueRef:NULL"),
    "OpaqueRef:c0f4fc40-c558-7d00-58b4-ba00cb04e698": nic("OpaqueRef:bond"),
    "OpaqueRef:2b97530e-b5a0-71ea-103a-699a9f98165c": nic("OpaqueRef:bond"),
  },
};

function nic(bond: string): JsonObject {
  return {
    uuid: bond,
    device: "eth1",
    network: "OpaqueRef:network",
    physical: true,
    managed: true,
    VLAN: -1,
    MTU: 1500,
    bond_slave_of: bond,
    currently_attached: true,
    other_config: {},
    properties: { gro: "on" },
  };
}

/** A coordinator with the records of the recorded pool, as they were before these calls. */
export function recordedPool(calls: readonly CallRecording[], master: string): Coordinator {
  const database = new Database();
  for (const [n, ref] of Object.values(HOSTS).entries()) {
    database.put("host", ref, { uuid: `0000000${n + 1}-1111-4222-8333-444444444444` });
  }
  database.put("pool", "OpaqueRef:ec07d975-6cae-df35-e80e-3585f6d6ef9d", { uuid: "p", master });
  const text = JSON.stringify(calls);
  for (const [className, records] of Object.entries(UNSEEN)) {
    for (const [ref, record] of Object.entries(records)) {
      if (text.includes(ref) || className === "network") database.put(className, ref, { ...record });
    }
  }
  for (const { className, ref, record } of calls.flatMap(extractRecords)) {
    // The simulator has no tasks.
    if (className === "task") continue;
    const existing = database.records(className).get(ref);
    // What is seen first is what was there before; and a field alone makes no record.
    if (existing !== undefined || "uuid" in record) {
      database.put(className, ref, { ...record, ...existing });
    }
  }
  // A filter fails at a field that is not there when there is a record to look at.
  if (database.records("VM").size === 0) database.put("VM", "OpaqueRef:any", { uuid: "v" });
  const coordinator = new Coordinator(database);
  coordinator.hostMethods.set("host.call_plugin", callPlugin(coordinator, { start: startProbe }));
  return coordinator;
}

/** The script `probe`, which was the plugin of the recorded pool, and the offload of that time. */
async function startProbe(_host: string, plugin: string, argument: string): Promise<PluginResult> {
  const [, fn = ""] = /<methodName>(.*?)</.exec(argument) ?? [];
  const words = { stdout: "words on stdout\n", stderr: "words on stderr\n" };
  if (plugin === "nosuch") return null;
  if (fn === "fail") return { exitCode: 1, signal: null, ...words };
  const value = fn === "utf" ? "ü → 😀" : fn === "stderr" ? "ok" : argument;
  const stdout =
    plugin === "offload"
      ? reply("Failure", "ErrorDescription", array("UNKNOWN_XENAPI_PLUGIN_FUNCTION", fn))
      : reply("Success", "Value", `<value>${escapeXml(value)}</value>`);
  return { exitCode: 0, signal: null, stdout, stderr: "" };
}

function reply(status: string, name: string, value: string): string {
  const members = [
    `<member><name>Status</name><value>${status}</value></member>`,
    `<member><name>${name}</name>${value}</member>`,
  ];
  return `<methodResponse><params><param><value><struct>${members.join("")}</struct></value></param></params></methodResponse>`;
}

function array(...texts: string[]): string {
  const data = texts.map((text) => `<value>${text}</value>`).join("");
  return `<value><array><data>${data}</data></array></value>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** The sessions of the recordings, each with one of ours. */
export class RecordedSessions {
  readonly #ours = new Map<string, string>();

  constructor(
    private readonly coordinator: Coordinator,
    private readonly host: string,
  ) {}

  /** The text with our sessions in the place of the recorded ones. */
  rename(text: string): string {
    return [...this.#ours].reduce((renamed, [recorded, ours]) => renamed.replaceAll(recorded, ours), text);
  }

  /** Opens sessions for those of a call that were opened where nobody recorded it, and closes likewise. */
  prepare(call: CallRecording): void {
    const { method = "", params = [] } = requestOf(call) ?? {};
    if (method === "session.login_with_password") return;
    const recorded = [String(params[0])];
    const answer = resultOf(call);
    if (method === "session.get_by_uuid" && answer !== undefined) recorded.push(answer);
    if (method === "session.get_uuid") recorded.push(String(params[1]));
    for (const ref of recorded) {
      if (!this.#ours.has(ref)) this.#ours.set(ref, this.coordinator.sessions.open(this.host));
    }
    if (method === "session.get_by_uuid") this.#prepareUuid(String(params[1]), answer);
    if (method === "session.get_uuid" && answer !== undefined) {
      this.#prepareUuid(answer, String(params[1]));
    }
  }

  /** Takes a login's session in. */
  recordReply(call: CallRecording, ours: unknown): void {
    const recorded = resultOf(call);
    if (requestOf(call)?.method !== "session.login_with_password" || recorded === undefined) return;
    if (isObject(ours)) this.#ours.set(recorded, String(ours["result"]));
  }

  #prepareUuid(uuid: string, ref: string | undefined): void {
    const { sessions } = this.coordinator;
    const ours = this.#ours.get(uuid);
    if (ref !== undefined) {
      const record = sessions.record(this.#ours.get(ref) ?? "");
      this.#ours.set(uuid, String(record["uuid"]));
    } else if (ours !== undefined && sessions.has(ours)) {
      sessions.close(sessions.byUuid(ours));
    }
  }
}

function resultOf({ response: { body } }: CallRecording): string | undefined {
  return isObject(body) && typeof body["result"] === "string" ? body["result"] : undefined;
}
