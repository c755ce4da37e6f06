import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseNetworkdDb, readNetworkdDb } from "../../../src/xapi/networkd/database.ts";
import { failureOf } from "../../builders/hosts.ts";

const FIXTURES = join(import.meta.dir, "../../fixtures/networkd");
const directory = mkdtempSync(join(tmpdir(), "networkd-"));
afterAll(() => rmSync(directory, { recursive: true }));

function memoryOf(path: string) {
  const memory = readNetworkdDb(path);
  const lines = [...(memory ?? [])].map(
    ([device, features]) => `${device} ${[...features].map(([feature, value]) => `${feature}=${value}`).join(" ")}`,
  );
  return lines.sort();
}

function parsed(document: unknown) {
  return parseNetworkdDb(JSON.stringify(document));
}

describe("networkd's file", () => {
  test("contains what was last plugged", () => {
    expect(memoryOf(join(FIXTURES, "eth1-off-plugged.json"))).toEqual([
      "eth0 gro=on lro=off",
      "eth1 rx=off tx=off sg=off tso=off gso=off gro=off lro=off",
      "eth2 gro=on lro=off",
      "eth3 gro=on lro=off",
      "xapi1 gro=on lro=off",
      "xenbr0 gro=on lro=off",
      "xenbr1 gro=on lro=off",
    ]);
  });

  test("excludes non-persistent interfaces, which a start does not change", () => {
    const memory = readNetworkdDb(join(FIXTURES, "stock.json"));
    expect(memory?.has("xenbr1")).toBe(true);
    expect(memory?.has("xenbr2")).toBe(false);
  });

  test("keeps the old state until it is written again", () => {
    const before = memoryOf(join(FIXTURES, "eth1-off-plugged.json"));
    expect(memoryOf(join(FIXTURES, "eth1-restored-not-written.json"))).toEqual(before);
    expect(memoryOf(join(FIXTURES, "eth1-restored-written.json"))).toContain("eth1 gro=on lro=off");
  });

  test("is null when missing", () => {
    expect(readNetworkdDb(join(directory, "absent"))).toBeNull();
  });

  test("may contain unknown fields, features and values", () => {
    const offload = { gro: "off", rxhash: "on", tso: "maybe", frobnicate: "on" };
    const eth0 = { persistent_i: true, ethtool_offload: offload, more: [1] };
    const memory = parsed({ interface_config: { eth0 }, more: null });
    expect([...(memory.get("eth0") ?? [])]).toEqual([
      ["gro", "off"],
      ["rxhash", "on"],
    ]);
  });

  test.each(["__proto__", "constructor", "prototype"])("may contain an interface called %s", (name) => {
    const eth0 = { persistent_i: true, ethtool_offload: { gro: "on" } };
    const memory = parsed({ interface_config: Object.fromEntries([[name, eth0]]) });
    expect([...memory]).toEqual([[name, new Map([["gro", "on"]])]]);
  });

  test("uses networkd's defaults for missing values", () => {
    expect(parsed({}).size).toBe(0);
    expect(parsed({ interface_config: { eth0: {} } }).size).toBe(0);
    const memory = parsed({ interface_config: { eth0: { persistent_i: true } } });
    expect([...(memory.get("eth0") ?? [])]).toEqual([["lro", "off"]]);
  });

  test.each([
    ["", "it is not JSON"],
    ['{"interface_config":{"eth0":{"persist', "it is not JSON"],
    ["null", "it is not understood (all)"],
    ['{"interface_config":7}', "it is not understood (interface_config)"],
    [
      '{"interface_config":{"eth0":{"persistent_i":"yes"}}}',
      "it is not understood (interface_config.eth0.persistent_i)",
    ],
    ['{"interface_config":{"eth0":{"ethtool_offload":{"gro":1}}}}', "it is not understood"],
  ])("is refused when it is damaged: %p", (text, reason) => {
    const path = join(directory, "damaged");
    writeFileSync(path, text);
    const { code, message } = failureOf(() => readNetworkdDb(path));
    expect(code).toBe("networkd-unreadable");
    expect(message).toStartWith(`${path} cannot be read: ${reason}`);
  });

  test("is read only from a regular file of bounded size, never through a link", () => {
    const link = join(directory, "link");
    symlinkSync(join(FIXTURES, "stock.json"), link);
    const large = join(directory, "large");
    writeFileSync(large, "");
    truncateSync(large, 5 * 1024 * 1024);
    const reasons = [link, directory, large].map((path) => failureOf(() => readNetworkdDb(path)).message);
    expect(reasons).toEqual([
      `${link} cannot be read: it is a symbolic link`,
      `${directory} cannot be read: it is not a regular file`,
      `${large} cannot be read: it is too large`,
    ]);
  });
});
