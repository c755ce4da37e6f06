import { expect } from "bun:test";
import { isObject } from "./json.ts";
import { type CallRecording, requestOf } from "./recordings.ts";

/** Replies that hold a moment or a count of events: only their shape can be the same. */
const TIMED = new Set(["session.get_record", "host.get_servertime", "event.inject"]);

/**
 * Expects a reply to be the recorded one: the same members in the same order, the same error, the
 * same values down to the last field. `rename` turns recorded sessions into ours.
 */
export function compareBodies(recording: CallRecording, body: string, rename: (text: string) => string): void {
  const recorded = recording.response.body;
  if (typeof recorded === "string") {
    expect(pageOf(body)).toBe(pageOf(recorded));
    return;
  }
  const actual: unknown = JSON.parse(body);
  const expected: unknown = JSON.parse(rename(JSON.stringify(recorded)));
  expect(membersOf(actual)).toEqual(membersOf(expected));
  if (TIMED.has(requestOf(recording)?.method ?? "")) {
    expect(shapeOf(actual)).toEqual(shapeOf(expected));
  } else {
    expect(withoutOrder(actual)).toEqual(withoutOrder(expected));
  }
}

/** The page of an HTTP 500 without what the JSON parser says of positions. */
function pageOf(page: string): string {
  return page.replace(/Json_error\(&quot;(?!Blank).*$/, "Json_error");
}

function membersOf(reply: unknown): string[] {
  return isObject(reply) ? Object.keys(reply) : [];
}

/** The types of a value, all the way down; of a moment or a token, which characters are digits. */
function shapeOf(value: unknown): unknown {
  if (typeof value === "string" && /^\d{8}T|^\d+,\d+$/.test(value)) return value.replaceAll(/\d/g, "9");
  if (Array.isArray(value)) return value.map(shapeOf);
  if (!isObject(value)) return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shapeOf(member)]));
}

/** Sets come in no particular order; the parameters of an error do, and start with the code. */
function withoutOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOrder).sort();
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => (key === "error" ? [key, member] : [key, withoutOrder(member)])),
  );
}
