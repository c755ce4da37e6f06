import { parseXml, XmlElement, XmlText } from "@rgrove/parse-xml";
import { type Result, success, usage } from "../offload/result.ts";

/** A call of a plugin's function, as xapi hands it over. */
export interface PluginCall {
  readonly name: string;
  /** The session of the caller. This program opens none and uses none: it is not looked at. */
  readonly session: string;
  readonly args: ReadonlyMap<string, string>;
}

/**
 * Reads the one argument that xapi starts a plugin with: an XML-RPC methodCall of two parameters, the
 * session and a struct of strings (xapi_plugins.ml call_plugin; xMLRPC.ml To.methodCall).
 */
export function parsePluginCall(text: string): Result<PluginCall> {
  try {
    const root = parseXml(text).root;
    if (root === null) throw new Misshapen("it has no element");
    const [methodName, params] = childrenOf(root, "methodCall");
    if (methodName === undefined || params === undefined) throw new Misshapen("methodCall is bare");
    const [session, args] = childrenOf(params, "params").map(valueOfParam);
    if (session === undefined || args === undefined) throw new Misshapen("parameters are missing");
    return success({
      name: textOf(methodName, "methodName"),
      session: stringOf(session),
      args: structOf(args),
    });
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

/** That a document is XML, and no call of a plugin. */
class Misshapen extends Error {
  override readonly name = "Misshapen";
}

function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  if (element.name !== name) throw new Misshapen(`${element.name} where ${name} belongs`);
  return element.children.filter((child) => child instanceof XmlElement);
}

function onlyChildOf(element: XmlElement, name: string): XmlElement {
  const [child, ...others] = childrenOf(element, name);
  if (child === undefined || others.length > 0) throw new Misshapen(`${name} has not one element`);
  return child;
}

function valueOfParam(param: XmlElement): XmlElement {
  return onlyChildOf(param, "param");
}

function textOf(element: XmlElement, name: string): string {
  if (element.name !== name) throw new Misshapen(`${element.name} where ${name} belongs`);
  if (element.children.some((child) => !(child instanceof XmlText))) {
    throw new Misshapen(`${name} holds more than text`);
  }
  return element.text;
}

/** A string goes with and without an element of its own. */
function stringOf(value: XmlElement): string {
  const [child, ...others] = childrenOf(value, "value");
  if (child === undefined) return value.text;
  if (others.length > 0) throw new Misshapen("a value has several elements");
  return textOf(child, "string");
}

function structOf(value: XmlElement): ReadonlyMap<string, string> {
  const members = childrenOf(onlyChildOf(value, "value"), "struct");
  return new Map(
    members.map((one) => {
      const [name, content, ...others] = childrenOf(one, "member");
      if (name === undefined || content === undefined || others.length > 0) {
        throw new Misshapen("a member has not a name and a value");
      }
      return [textOf(name, "name"), stringOf(content)] as const;
    }),
  );
}
