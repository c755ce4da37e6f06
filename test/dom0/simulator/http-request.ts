/** A request as the real server sees it. */
export interface HttpRequest {
  method: string;
  path: string;
  version: "1.0" | "1.1";
  /** Whether the connection is closed after the answer. */
  close: boolean;
  /** The announced length of the body, if there was one. */
  contentLength: number | undefined;
  body: Uint8Array;
}

/** What the bytes received so far amount to. */
export type Parsed =
  | { kind: "incomplete" }
  | { kind: "unparsable"; reason: string }
  | { kind: "request"; request: HttpRequest };

/** Bodies beyond this are refused unread (`http_limit_max_rpc_size`). */
export const BODY_LIMIT = 300 * 1024;

/**
 * The real server reads that many bytes before it looks at anything, the length of
 * `GET / HTTP/1.0\r\n\r\n`: shorter nonsense is waited on for ever (recorded 352).
 */
const SMALLEST_REQUEST = 18;
const END_OF_HEAD = "\r\n\r\n";

/** Collects the bytes of one connection and cuts requests out of them. */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** Takes bytes in. */
  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  /** The next request, once all of it is there. Only the body of a POST is read. */
  next(): Parsed {
    // A bare line feed does not end a head (recorded 349).
    const end = this.#bytes.indexOf(END_OF_HEAD);
    if (this.#bytes.length < SMALLEST_REQUEST || end < 0) return { kind: "incomplete" };
    const head = parseHead(this.#bytes.subarray(0, end).toString("latin1"));
    if (typeof head === "string") return { kind: "unparsable", reason: head };
    const bodyStart = end + END_OF_HEAD.length;
    const bodyLength = lengthToRead(head);
    if (this.#bytes.length < bodyStart + bodyLength) return { kind: "incomplete" };
    const body = this.#bytes.subarray(bodyStart, bodyStart + bodyLength);
    this.#bytes = this.#bytes.subarray(bodyStart + bodyLength);
    return { kind: "request", request: { ...head, body } };
  }
}

type Head = Omit<HttpRequest, "body">;

function lengthToRead(head: Head): number {
  const length = head.contentLength ?? 0;
  return head.method === "POST" && length <= BODY_LIMIT ? length : 0;
}

/** The head, or why it cannot be read, in the words of the real server (http_svr.ml). */
function parseHead(text: string): Head | string {
  const [requestLine = "", ...lines] = text.split("\r\n");
  const parts = requestLine.split(" ").filter((part) => part !== "");
  const [method, target, protocol] = parts;
  if (parts.length !== 3 || method === undefined || target === undefined) return UNPARSABLE;
  const version = protocol === "HTTP/1.0" ? "1.0" : "1.1";
  const head: Head = {
    method,
    path: pathOf(target),
    version,
    close: version === "1.0",
    contentLength: undefined,
  };
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon).toLowerCase()) {
      case "content-length":
        if (!/^\d+$/.test(value)) return "Failure(&quot;Int64.of_string&quot;)";
        head.contentLength = Number(value);
        break;
      case "connection":
        if (value.toLowerCase() === "close") head.close = true;
        if (value.toLowerCase() === "keep-alive") head.close = false;
        break;
    }
  }
  return head;
}

const UNPARSABLE = "The HTTP headers could not be parsed.";

/** The path alone: a query and the host of an absolute URI are left out (recorded 353, 354). */
function pathOf(target: string): string {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "").replace(/[?#].*$/, "");
  return path === "" ? "/" : path;
}
