import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatRequest, type PluginRequest, parseRequest } from "../../src/plugin/request.ts";
import { VERSION } from "../../src/version.ts";
import { failureOf } from "../builders/hosts.ts";

const REQUEST: PluginRequest = {
  version: VERSION,
  host: "4cb1f95f-977c-4f74-ad20-bfd22d7b8bfc",
  command: "disable",
  args: [],
  session: "5cac5c01-3d66-c53d-b88c-3bc38c5b3bb6",
  run: "302bc09f-1ba4-a57b-8eff-ef60d5870ab9",
  deadline: new Date("2026-11-27T23:18:56Z"),
  halted: false,
};

const keysOfLength = (count: number) => Array.from({ length: count }, (_, at) => [`k${at}`, 1] as const);

describe("a request", () => {
  test("round-trips as XML-safe ASCII, whatever the arguments", () => {
    const texts = fc.array(fc.string({ unit: "binary" }).filter((text) => text !== "--pool"));
    fc.assert(
      fc.property(texts, (args) => {
        const text = formatRequest({ ...REQUEST, args });
        expect(text).toMatch(/^[\x20-\x7e]*$/);
        expect(parseRequest(text)).toEqual({ ...REQUEST, args });
      }),
    );
  });

  test.each([
    ["arguments that are no texts", `{"version":"${VERSION}","args":[${"1,".repeat(60_000)}1]}`],
    ["unknown members", JSON.stringify({ ...REQUEST, ...Object.fromEntries(keysOfLength(12_000)) })],
    ["brackets in brackets", `{"version":"${VERSION}","args":${"[".repeat(60_000)}${"]".repeat(60_000)}}`],
    ["more than one argument holds", JSON.stringify({ ...REQUEST, args: ["x".repeat(2 ** 20)] })],
  ])("is refused at its first fault in time, however many it has: %s", (_, text) => {
    const started = performance.now();
    expect(failureOf(() => parseRequest(text)).code).toBe("invalid-request");
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test("is refused if it exceeds one argument", () => {
    const uuids = (count: number) => Array.from({ length: count }, () => `--vm=${REQUEST.host}`);
    expect(() => formatRequest({ ...REQUEST, args: uuids(2000) })).not.toThrow();
    expect(failureOf(() => formatRequest({ ...REQUEST, args: uuids(3000) })).code).toBe("too-many-targets");
  });
});
