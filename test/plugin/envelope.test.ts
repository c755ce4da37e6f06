import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { LONGEST_REQUEST, pack, unpack } from "../../src/plugin/envelope.ts";

describe("a packed document", () => {
  test("is what it was, whatever it holds", () => {
    const document = { name: "é\u0000\u202e\ud83d\ude80 </value>", list: [1, null, { a: "b" }] };
    const packed = pack(document, LONGEST_REQUEST);
    if (!packed.ok) throw new Error("not packed");
    expect(packed.value).toMatch(/^[A-Za-z0-9+/]+=*$/);
    expect(unpack(packed.value, LONGEST_REQUEST)).toEqual({ ok: true, value: document });
  });

  test("of a host with a thousand VMs fits into one word of a command line", () => {
    const vms = Array.from({ length: 1000 }, (_, domid) => ({
      uuid: randomUUID(),
      domid,
      vifs: [
        { uuid: randomUUID(), device: "0", records: { "ethtool-tx": "off", "ethtool-sg": "off" } },
      ],
    }));
    expect(pack({ vms }, LONGEST_REQUEST)).toMatchObject({ ok: true });
    // The XML around it is a few hundred bytes; Linux takes 131,072 with the zero at the end.
    expect(LONGEST_REQUEST + 1024).toBeLessThan(131_072);
  });

  test("that is too long is refused before it goes", () => {
    const noise = Array.from({ length: 5000 }, () => randomUUID());
    expect(pack(noise, LONGEST_REQUEST)).toMatchObject({
      ok: false,
      failures: [{ code: "too-long" }],
    });
  });

  test.each([
    ["too long", "A".repeat(LONGEST_REQUEST + 1), "too-long"],
    ["no base64", "{}", "not-packed"],
    ["not compressed", btoa('{"a":1}'), "not-packed"],
    ["no JSON", gzipSync("offload").toString("base64"), "not-packed"],
    [
      "a thousand times larger than it looks",
      gzipSync(Buffer.alloc(64 << 20)).toString("base64"),
      "not-packed",
    ],
  ])("is refused where it is %s", (_, text, code) => {
    expect(unpack(text, LONGEST_REQUEST)).toMatchObject({ ok: false, failures: [{ code }] });
  });
});
