import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseFeatures } from "./ethtool.ts";

test("the text of ethtool -k is understood, line by line", () => {
  const lines = [
    "Features for vif1.0:",
    "rx-checksumming: on [fixed]",
    "tx-checksumming: on",
    "\ttx-checksum-ipv4: off [requested on]",
    "\ttx-checksum-ipv6: on",
    "large-receive-offload: on [requested off]",
    "",
  ];
  expect(Object.fromEntries(parseFeatures(lines.join("\n")))).toEqual({
    "rx-checksumming": { active: true, fixed: true, requested: null },
    "tx-checksumming": { active: true, fixed: null, requested: null },
    "tx-checksum-ipv4": { active: false, fixed: false, requested: true },
    "tx-checksum-ipv6": { active: true, fixed: false, requested: true },
    "large-receive-offload": { active: true, fixed: false, requested: false },
  });
});

test("a line of ethtool -k that is not understood is an error", () => {
  expect(() => parseFeatures("Cannot get device feature names: No such device\n")).toThrow("not understood");
  expect(() => parseFeatures("Features for eth0:\nrx-checksumming: maybe\n")).toThrow("not understood");
});

test("the text of ethtool -k is understood as the kernels from 4.4 to 6.12 give it", () => {
  const directory = join(import.meta.dir, "../fixtures/netback");
  const files = readdirSync(directory).filter((file) => file.endsWith(".txt"));
  expect(files.some((file) => file.includes("-4.4."))).toBe(true);
  for (const file of files) {
    const text = readFileSync(join(directory, file), "utf8");
    const captures = text.match(/^Features for \S+:\n(?:\t?[\w-]+: .*\n)+/gm) ?? [];
    expect(captures.length).toBeGreaterThan(0);
    for (const capture of captures) {
      expect(parseFeatures(capture).get("rx-checksumming")).toEqual({ active: true, fixed: true, requested: null });
    }
  }
});
