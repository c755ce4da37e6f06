import * as v from "valibot";
import { XapiSocket } from "../../src/xapi/rpc/socket.ts";

/**
 * As much of `xe` as the pages use, over XAPI's socket. Its names of fields and its words for what goes
 * wrong are those of real `xe`.
 */
const socket = new XapiSocket();
const session = await call("session.login_with_password", "root", "", "1.0", "xe");

const Records = v.record(v.string(), v.record(v.string(), v.unknown()));
const [command = "", ...words] = process.argv.slice(2);
const given = new Map(
  words
    .filter((word) => word.includes("="))
    .map((word) => {
      const at = word.indexOf("=");
      return [word.slice(0, at), word.slice(at + 1)];
    }),
);

const [, kind = "", verb = ""] = /^(\w+)-(list|plug|param-\w+)$/.exec(command) ?? [];
const CLASSES = new Map([
  ["pif", "PIF"],
  ["vif", "VIF"],
  ["vm", "VM"],
  ["network", "network"],
  ["host", "host"],
]);
const className = CLASSES.get(kind);
if (className === undefined) fail(`Unknown command: ${command}`);

switch (verb) {
  case "list":
    await list();
    break;
  case "plug":
    await call(`${className}.plug`, session, await reference());
    break;
  case "param-get":
    await get();
    break;
  case "param-set":
    await set();
    break;
  case "param-remove":
    await remove();
    break;
  default:
    fail(`Unknown command: ${command}`);
}
await call("session.logout", session);

async function call(method: string, ...params: readonly unknown[]): Promise<unknown> {
  const answer = await socket.call(method, params);
  if (answer.ok) return answer.value;
  return fail(JSON.stringify(answer.error));
}

function fail(words: string): never {
  console.error(words);
  process.exit(1);
}

async function records(name = className): Promise<v.InferOutput<typeof Records>> {
  return v.parse(Records, await call(`${name}.get_all_records`, session));
}

/** A field under the name that xe gives it. */
async function field(record: Record<string, unknown>, name: string): Promise<unknown> {
  if (name === "host-uuid") return (await records("host"))[String(record["host"])]?.["uuid"];
  const vm = (await records("VM"))[String(record["VM"])];
  if (name === "vm-uuid") return vm?.["uuid"];
  if (name === "vm-name-label") return vm?.["name_label"];
  return record[name] ?? record[name.replaceAll("-", "_")];
}

async function list(): Promise<void> {
  const filters = [...given].filter(([name]) => name !== "params");
  const found: string[] = [];
  for (const record of Object.values(await records())) {
    const values = await Promise.all(filters.map(async ([name, value]) => String(await field(record, name)) === value));
    if (values.every(Boolean)) found.push(String(record["uuid"]));
  }
  console.log(words.includes("--minimal") ? found.join(",") : found.join("\n"));
}

async function reference(): Promise<string> {
  return String(await call(`${className}.get_by_uuid`, session, given.get("uuid")));
}

async function otherConfig(): Promise<Record<string, string>> {
  const map = await call(`${className}.get_other_config`, session, await reference());
  return v.parse(v.record(v.string(), v.string()), map);
}

async function get(): Promise<void> {
  const map = await otherConfig();
  const key = given.get("param-key");
  if (key === undefined) {
    console.log(
      Object.entries(map)
        .map(([name, value]) => `${name}: ${value}`)
        .join("; "),
    );
  } else {
    console.log(map[key] ?? fail(`Error: Key ${key} not found in map`));
  }
}

async function set(): Promise<void> {
  for (const [name, value] of given) {
    const [, key] = /^other-config:(.+)$/.exec(name) ?? [];
    if (key === undefined) continue;
    const ref = await reference();
    await call(`${className}.remove_from_other_config`, session, ref, key);
    await call(`${className}.add_to_other_config`, session, ref, key, value);
  }
}

async function remove(): Promise<void> {
  const key = given.get("param-key") ?? fail("Required parameter not found: param-key");
  if ((await otherConfig())[key] === undefined) {
    fail(`Error: Key ${key} is not in map`);
  }
  await call(`${className}.remove_from_other_config`, session, await reference(), key);
}
