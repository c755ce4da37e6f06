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

  test("is refused if it exceeds one argument", () => {
    const uuids = (count: number) => Array.from({ length: count }, () => `--vm=${REQUEST.host}`);
    expect(() => formatRequest({ ...REQUEST, args: uuids(2000) })).not.toThrow();
    expect(failureOf(() => formatRequest({ ...REQUEST, args: uuids(3000) })).code).toBe("too-many-targets");
  });
});
