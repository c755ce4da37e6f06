import { describe, expect, test } from "bun:test";
import { formatFailureResponse, formatSuccessResponse, parsePluginCall } from "../../src/plugin/xml-rpc.ts";
import { failureOf } from "../builders/hosts.ts";

const call = (params: string) => `<methodCall><methodName>observe</methodName><params>${params}</params></methodCall>`;
const SESSION = "<param><value>OpaqueRef:1</value></param>";
const struct = (members: string) => `<param><value><struct>${members}</struct></value></param>`;
const member = (name: string, value: string) => `<member><name>${name}</name><value>${value}</value></member>`;

describe("the call from xapi", () => {
  test("contains function and arguments, as bare or wrapped strings", () => {
    const text = call(SESSION + struct(member("a", "1 &lt; 2 &amp;c") + member("b", "<string>x</string>")));
    expect(parsePluginCall(text)).toEqual({
      name: "observe",
      args: new Map([
        ["a", "1 < 2 &c"],
        ["b", "x"],
      ]),
    });
  });

  test("may have no arguments and empty strings", () => {
    const parsed = parsePluginCall(call(SESSION + struct("<member><name>a</name><value/></member>")));
    expect(parsed).toMatchObject({ args: new Map([["a", ""]]) });
    expect(() => parsePluginCall(call(SESSION + struct("")))).not.toThrow();
  });

  test.each([
    ["nothing", ""],
    ["no XML", "observe"],
    ["half a document", call(SESSION).slice(0, -5)],
    ["another document", "<methodResponse/>"],
    ["no parameters", "<methodCall><methodName>observe</methodName></methodCall>"],
    ["no arguments", call(SESSION)],
    ["arguments that are no struct", call(SESSION + SESSION)],
    ["an argument that is no string", call(SESSION + struct(member("a", "<int>1</int>")))],
    ["a member without a value", call(SESSION + struct("<member><name>a</name></member>"))],
    ["entities of its own", `<!DOCTYPE a [<!ENTITY x "xxxxxxxx">]>${call(SESSION + struct(member("a", "&x;")))}`],
    [
      "a file of the host",
      `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/shadow">]>${call(SESSION + struct(member("a", "&x;")))}`,
    ],
  ])("is refused when it is %s", (_, text) => {
    expect(failureOf(() => parsePluginCall(text)).code).toBe("invalid-call");
  });
});

/** What another XML-RPC library makes of an answer. */
async function decodeWithPython(text: string): Promise<unknown> {
  const script = "import sys, json, xmlrpc.client as x; print(json.dumps(x.loads(sys.stdin.read())[0][0]))";
  const python = Bun.spawn(["python3", "-c", script], { stdin: new Blob([text]), stdout: "pipe" });
  return JSON.parse(await new Response(python.stdout).text());
}

describe.skipIf(Bun.which("python3") === null)("the response, parsed by Python's xmlrpc", () => {
  test("contains the value of a success", async () => {
    expect(await decodeWithPython(formatSuccessResponse("a < b && c > d \"'"))).toEqual({
      Status: "Success",
      Value: "a < b && c > d \"'",
    });
  });

  test("contains code and parameters of a failure without breaking the XML", async () => {
    const hostile = ["</value>", "\u0000\u001b[2J", "\ud800", "\u{1f680}", "]]>"];
    expect(await decodeWithPython(formatFailureResponse("CODE", hostile))).toEqual({
      Status: "Failure",
      ErrorDescription: ["CODE", "</value>", "??[2J", "?", "\u{1f680}", "]]>"],
    });
  });
});
