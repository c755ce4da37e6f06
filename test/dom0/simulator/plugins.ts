import { parseXml, XmlElement } from "@rgrove/parse-xml";
import type { Coordinator } from "./coordinator.ts";
import { ApiError } from "./errors.ts";
import { expectCount, type HostMethod } from "./method.ts";
import { expectString, expectStringMap } from "./rpc-value.ts";

/** How a plugin ended; null where the host has none of that name. */
export type PluginResult = {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
} | null;

/** The hosts of a pool, as the coordinator sees them. */
export interface PluginHosts {
  /** Starts a plugin of a host with one argument, as its xapi does, or throws the ApiError of one that cannot. */
  start(hostRef: string, plugin: string, argument: string): Promise<PluginResult>;
}

/** `host.call_plugin` for every host of a pool, by xapi_plugins.ml and message_forwarding.ml. */
export function callPlugin(coordinator: Coordinator, hosts: PluginHosts): HostMethod {
  return {
    write: false,
    async run(session, params) {
      expectCount("host.call_plugin", params, 4);
      const [host, plugin, fn] = [0, 1, 2].map((at) => expectString(params[at]));
      const args = expectStringMap(params[3]);
      if (host === undefined || plugin === undefined || fn === undefined) throw new Error("no host");
      // A host that is not there is one that does not answer (recordings-pool).
      if (!coordinator.database.records("host").has(host)) throw new ApiError("HOST_OFFLINE", host);
      // Another host's plugin gets a session of its own, for as long as the call lasts (recordings-pool).
      const own = host === coordinator.host ? session : coordinator.sessions.open(host);
      try {
        return endOf(plugin, await hosts.start(host, plugin, methodCall(own, fn, args)));
      } finally {
        if (own !== session) coordinator.sessions.close(own);
      }
    },
  };
}

function endOf(plugin: string, ended: PluginResult): string {
  if (ended === null) throw new ApiError("XENAPI_MISSING_PLUGIN", plugin);
  const { exitCode, signal, stdout, stderr } = ended;
  if (signal !== null) {
    throw new ApiError("XENAPI_PLUGIN_FAILURE", `signal: ${signal}`, stdout, stderr);
  }
  if (exitCode !== 0) {
    throw new ApiError("XENAPI_PLUGIN_FAILURE", "non-zero exit", stdout, stderr);
  }
  return resultOf(stdout);
}

function methodCall(session: string, fn: string, args: ReadonlyMap<string, string>): string {
  const members = [...args]
    .map(([key, value]) => `<member><name>${pcdata(key)}</name>${valueElement(value)}</member>`)
    .join("");
  const params = `<param>${valueElement(session)}</param><param><value><struct>${members}</struct></value></param>`;
  return `<methodCall><methodName>${pcdata(fn)}</methodName><params>${params}</params></methodCall>`;
}

/** An empty string is an empty element (xMLRPC.ml To.string). */
function valueElement(text: string): string {
  return text === "" ? "<value/>" : `<value>${pcdata(text)}</value>`;
}

/** What XML cannot carry is left out (xml.ml esc_pcdata). */
function pcdata(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uffff]/g, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A shape that xMLRPC.ml does not know. */
class MalformedReplyError extends Error {}

function resultOf(output: string): string {
  let root: XmlElement | null;
  try {
    ({ root } = parseXml(output));
  } catch (error) {
    const words = `${String(error).split("\n")[0]} line 1`;
    throw new ApiError("XENAPI_PLUGIN_FAILURE", "failed to parse plugin output", output, words);
  }
  try {
    if (root === null) throw new MalformedReplyError();
    const param = only(only(only(root, "methodResponse"), "params"), "param");
    const members = new Map(
      children(only(param, "value"), "struct").map((member) => {
        const [name, value] = children(member, "member");
        if (name === undefined || value === undefined) throw new MalformedReplyError();
        return [name.text, value] as const;
      }),
    );
    const [status, value] = [members.get("Status"), members.get("Value")];
    if (status?.text === "Success" && value !== undefined) return stringOf(value);
    const description = members.get("ErrorDescription");
    if (status?.text !== "Failure" || description === undefined) throw new MalformedReplyError();
    const [code = "", ...params] = children(only(only(description, "value"), "array"), "data").map(stringOf);
    throw new ApiError(code, ...params);
  } catch (error) {
    if (!(error instanceof MalformedReplyError)) throw error;
    throw new ApiError("INTERNAL_ERROR", "XMLRPC.RunTimeTypeError");
  }
}

function children(element: XmlElement, name: string): readonly XmlElement[] {
  if (element.name !== name) throw new MalformedReplyError();
  return element.children.filter((child) => child instanceof XmlElement);
}

function only(element: XmlElement, name: string): XmlElement {
  const [child, ...others] = children(element, name);
  if (child === undefined || others.length > 0) throw new MalformedReplyError();
  return child;
}

function stringOf(value: XmlElement): string {
  const [child] = children(value, "value");
  if (child === undefined) return value.text;
  if (child.name !== "string") throw new MalformedReplyError();
  return child.text;
}
