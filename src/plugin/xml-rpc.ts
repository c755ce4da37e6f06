import { parseXml, XmlElement } from "@rgrove/parse-xml";
import { usageError } from "../core/command-error.ts";

/** A call of a plugin's function, as xapi hands it over. */
export interface PluginCall {
  readonly name: string;
  readonly args: ReadonlyMap<string, string>;
}

/**
 * Reads the one argument that xapi starts a plugin with: an XML-RPC methodCall of two parameters, the
 * session, which is not used, and a struct of strings (xapi_plugins.ml call_plugin; xMLRPC.ml
 * To.methodCall).
 */
export function parsePluginCall(text: string): PluginCall {
  try {
    const [methodName, params] = getChildren(parseXml(text).root, "methodCall", 2);
    const [, param] = getChildren(params, "params", 2);
    const [value] = getChildren(param, "param", 1);
    const [struct] = getChildren(value, "value", 1);
    const args = getChildren(struct, "struct").map((member) => {
      const [key, content] = getChildren(member, "member", 2);
      return [getText(key, "name"), getString(content)] as const;
    });
    return { name: getText(methodName, "methodName"), args: new Map(args) };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw usageError("invalid-call", `the argument is no XML-RPC call of a plugin: ${reason}`);
  }
}

/** The answer of a function that went well. */
export function formatSuccessResponse(value: string): string {
  return formatResponse(`${formatMember("Status", "Success")}${formatMember("Value", value)}`);
}

/**
 * The answer of one that did not: xapi raises it as an error of its own with that code and those
 * parameters (xapi_plugins.ml, `XMLRPC.Failure`).
 */
export function formatFailureResponse(code: string, params: readonly string[]): string {
  const values = [code, ...params].map((param) => `<value>${escapeXml(param)}</value>`).join("");
  const description = `<member><name>ErrorDescription</name><value><array><data>${values}</data></array></value></member>`;
  return formatResponse(`${formatMember("Status", "Failure")}${description}`);
}

function formatResponse(members: string): string {
  return `<methodResponse><params><param><value><struct>${members}</struct></value></param></params></methodResponse>`;
}

function formatMember(name: string, value: string): string {
  return `<member><name>${name}</name><value>${escapeXml(value)}</value></member>`;
}

/** What XML 1.0 cannot carry at all becomes a question mark, as in the messages of errors. */
function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "?")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

/** An element that may be missing where one has to be. */
type OptionalElement = XmlElement | null | undefined;

/** The elements within one of that name; as many as there have to be, where that is known. */
function getChildren(element: OptionalElement, name: string, expectedCount?: number): readonly XmlElement[] {
  if (element?.name !== name) throw new Error(`${element?.name ?? "nothing"} where ${name} belongs`);
  const children = element.children.filter((child) => child instanceof XmlElement);
  if (expectedCount !== undefined && children.length !== expectedCount) {
    throw new Error(`${name} has ${children.length} elements, not ${expectedCount}`);
  }
  return children;
}

function getText(element: OptionalElement, name: string): string {
  getChildren(element, name, 0);
  return element?.text ?? "";
}

/** A string goes with and without an element of its own. */
function getString(value: OptionalElement): string {
  const [child] = getChildren(value, "value");
  return child === undefined ? getText(value, "value") : getText(child, "string");
}
