import { parseXml, XmlElement } from "@rgrove/parse-xml";
import { type Result, success, usage } from "../core/result.ts";

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
export function parsePluginCall(text: string): Result<PluginCall> {
  try {
    const [methodName, params] = childrenOf(parseXml(text).root, "methodCall", 2);
    const [, param] = childrenOf(params, "params", 2);
    const [value] = childrenOf(param, "param", 1);
    const [struct] = childrenOf(value, "value", 1);
    const args = childrenOf(struct, "struct").map((member) => {
      const [key, content] = childrenOf(member, "member", 2);
      return [textOf(key, "name"), stringOf(content)] as const;
    });
    return success({ name: textOf(methodName, "methodName"), args: new Map(args) });
  } catch (error) {
    const words = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return usage("bad-call", `the argument is no XML-RPC call of a plugin: ${words}`);
  }
}

/** The answer of a function that went well. */
export function successResponse(value: string): string {
  return response(`${member("Status", "Success")}${member("Value", value)}`);
}

/**
 * The answer of one that did not: xapi raises it as an error of its own with that code and those
 * parameters (xapi_plugins.ml, `XMLRPC.Failure`).
 */
export function failureResponse(code: string, params: readonly string[]): string {
  const values = [code, ...params].map((one) => `<value>${escaped(one)}</value>`).join("");
  const description = `<member><name>ErrorDescription</name><value><array><data>${values}</data></array></value></member>`;
  return response(`${member("Status", "Failure")}${description}`);
}

function response(members: string): string {
  return `<methodResponse><params><param><value><struct>${members}</struct></value></param></params></methodResponse>`;
}

function member(name: string, value: string): string {
  return `<member><name>${name}</name><value>${escaped(value)}</value></member>`;
}

/** What XML 1.0 cannot carry at all becomes a question mark, as in the messages of errors. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "?")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

/** An element that may be missing where one has to be. */
type Maybe = XmlElement | null | undefined;

/** The elements within one of that name; as many as there have to be, where that is known. */
function childrenOf(element: Maybe, name: string, count?: number): readonly XmlElement[] {
  if (element?.name !== name)
    throw new Error(`${element?.name ?? "nothing"} where ${name} belongs`);
  const children = element.children.filter((child) => child instanceof XmlElement);
  if (count !== undefined && children.length !== count) {
    throw new Error(`${name} has ${children.length} elements, not ${count}`);
  }
  return children;
}

function textOf(element: Maybe, name: string): string {
  childrenOf(element, name, 0);
  return element?.text ?? "";
}

/** A string goes with and without an element of its own. */
function stringOf(value: Maybe): string {
  const [child] = childrenOf(value, "value");
  return child === undefined ? textOf(value, "value") : textOf(child, "string");
}
