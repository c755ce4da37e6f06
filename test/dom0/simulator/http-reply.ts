import type { HttpRequest } from "./http-request.ts";

/** An answer as bytes, and whether the connection ends with it. */
export interface HttpReply {
  bytes: Uint8Array;
  close: boolean;
}

type Header = readonly [name: string, value: string];

const CACHE: Header = ["cache-control", "no-cache, no-store"];
const CLOSE: Header = ["connection", "close"];
const HTML: Header = ["content-type", "text/html"];
/** Headers of a dispatched call and of OPTIONS (recorded 337, 346). */
const CROSS_ORIGIN: readonly Header[] = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Allow-Headers", "X-Requested-With"],
];

/** The reply to a dispatched JSON call (recorded 337-340). */
export function jsonReply(request: HttpRequest, body: string): HttpReply {
  return ok(request, body, [["content-type", "application/json"], ...CROSS_ORIGIN]);
}

/** The reply to a call that failed before dispatch, which lacks the cross-origin headers (api_server.ml). */
export function earlyJsonReply(request: HttpRequest, body: string): HttpReply {
  return ok(request, body, [["content-type", "application/json"]]);
}

/** A page where JSON belongs, as something else on the socket would send. */
export function htmlPage(request: HttpRequest): HttpReply {
  return ok(request, "<html><body><h1>It works!</h1></body></html>", [HTML]);
}

/** The answer to OPTIONS (recorded 346). */
export function optionsReply(request: HttpRequest): HttpReply {
  return ok(request, "", [...CROSS_ORIGIN, ["Access-Control-Allow-Methods", "PUT"]]);
}

/** HTTP 500 with the exception in the page (recorded 109-143, 341, 342). */
export function internalError(request: HttpRequest | undefined, printed: string): HttpReply {
  return unparsableReply(escapeHtml(printed), request?.version);
}

/** HTTP 500 with a text of its own, for a head that cannot be read. */
export function unparsableReply(text: string, version: HttpRequest["version"] = "1.1"): HttpReply {
  const body =
    "<html><body><h1>HTTP 500 internal server error</h1>An unexpected error occurred; please wait " +
    "a while and try again. If the problem persists, please contact your support representative." +
    `<h1> Additional information </h1>${text}</body></html>`;
  const bytes = format(version, "500 Internal Error", [HTML, CLOSE, CACHE], body);
  return { bytes, close: true };
}

/** HTTP 403, the answer to PUT (recorded 345). */
export function forbidden(): HttpReply {
  const body = "<html><body><h1>HTTP 403 forbidden</h1>Access to the requested resource is forbidden.</body></html>";
  return { bytes: format("1.1", "403 Forbidden", [HTML, CLOSE, CACHE], body), close: true };
}

/** HTTP 404, the answer to GET (recorded 343, 344). */
export function notFound(request: HttpRequest): HttpReply {
  const body =
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN"> <html><head> <title>404 Not Found</title> ' +
    `</head><body> <h1>Not Found</h1> <p>The requested URL ${request.path} was not found on this ` +
    "server.</p> <hr><address>Xapi Server</address></body></html>";
  return { bytes: format("1.1", "404 Not Found", [CLOSE, CACHE], body), close: request.close };
}

/** HTTP 501, the answer to other methods; not recorded, from http_svr.ml. */
export function notImplemented(request: HttpRequest): HttpReply {
  const body =
    "<html><body><h1>HTTP 501 Method Not Implemented</h1>" +
    `<p>${request.method} not supported.<br /></p></body></html>`;
  const status = "501 Method not implemented";
  return { bytes: format(request.version, status, [HTML, CLOSE, CACHE], body), close: true };
}

/** The first half of a reply, after which the connection ends. */
export function halfOf(reply: HttpReply): HttpReply {
  return { bytes: reply.bytes.subarray(0, Math.floor(reply.bytes.length / 2)), close: true };
}

function ok(request: HttpRequest, body: string, headers: readonly Header[]): HttpReply {
  const connection: Header = ["connection", request.close ? "close" : "keep-alive"];
  const bytes = format(request.version, "200 OK", [connection, CACHE, ...headers], body);
  return { bytes, close: request.close };
}

function format(version: HttpRequest["version"], status: string, headers: readonly Header[], body: string): Uint8Array {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  const length = `content-length: ${Buffer.byteLength(body)}`;
  return Buffer.from([`HTTP/${version} ${status}`, length, ...lines, "", body].join("\r\n"));
}

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("'", "&apos;")
    .replaceAll('"', "&quot;");
}
