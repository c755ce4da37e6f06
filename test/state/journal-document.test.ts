import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import type { FormerFeatures, Journal, JournalEntry } from "../../src/offload/journal.ts";
import { fromDocument, JournalDocument, toDocument } from "../../src/state/journal-document.ts";

const ON: FormerFeatures = new Map([["rx-gro", { requested: true, active: true }]]);
const LATENT: FormerFeatures = new Map([["rx-gro", { requested: true, active: false }]]);

function entry(more: Partial<JournalEntry> = {}): JournalEntry {
  const nothing = { main: new Map(), tap: new Map(), records: new Map(), unplugged: new Set("") };
  return { name: "VIF 0 of web", kind: "vif", ...nothing, ...more };
}

/** The journal as the next run finds it. */
function again(journal: Journal): Journal {
  const text = JSON.stringify(toDocument(journal));
  return fromDocument(v.parse(JournalDocument, JSON.parse(text)));
}

describe("the journal in a file", () => {
  test("tells the next run everything that this one knew", () => {
    const journal: Journal = new Map([
      ["uuid-1", entry({ main: ON, tap: LATENT })],
      ["uuid-2", entry({ records: new Map([["ethtool-tso", null]]), unplugged: new Set(["x"]) })],
      ["device:eth0", entry({ name: "eth0", kind: "pif", main: LATENT })],
    ]);
    expect(again(journal)).toEqual(journal);
  });

  test("describes features of devices that are alike once, whoever has noted them", () => {
    const twin: FormerFeatures = new Map(ON);
    const journal: Journal = new Map([
      ["uuid-1", entry({ main: ON, tap: ON })],
      ["uuid-2", entry({ main: twin, tap: LATENT })],
    ]);
    expect(toDocument(journal).features).toHaveLength(2);
    expect(again(journal)).toEqual(journal);
  });

  test.each([-1, 1, 0.5])(
    "is damaged where a device tells of features in place %p of one",
    (main) => {
      const document = toDocument(new Map([["uuid-1", entry({ main: ON })]]));
      const [first] = Object.values(document.interfaces);
      const damaged = { ...document, interfaces: { "uuid-1": { ...first, main } } };
      expect(v.safeParse(JournalDocument, damaged).success).toBe(false);
    },
  );
});
