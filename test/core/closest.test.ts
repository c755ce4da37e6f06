import { describe, expect, test } from "bun:test";
import { closest } from "../../src/core/closest.ts";

describe("closest", () => {
  test("finds the mistyped, nearest first", () => {
    expect(closest("disabel", ["verify", "disable", "status"])).toEqual(["disable"]);
    expect(closest("web-01", ["web-11", "db", "web-01x", "web-02"])).toEqual([
      "web-01x",
      "web-02",
      "web-11",
    ]);
  });

  test("a difference in case alone is the nearest", () => {
    expect(closest("WEB", ["wet", "web"])[0]).toBe("web");
  });

  test("finds longer names that start alike, from three characters on", () => {
    expect(closest("mail", ["mailserver-production"])).toEqual(["mailserver-production"]);
    expect(closest("ma", ["mailserver-production"])).toEqual([]);
  });

  test("finds words of which two letters changed places", () => {
    expect(closest("pikc", ["pick"])).toEqual(["pick"]);
    expect(closest("jsno", ["json"])).toEqual(["json"]);
    expect(closest("kcip", ["pick"])).toEqual([]);
  });

  test("finds nothing where nothing is near", () => {
    expect(closest("zebra", ["web", "database"])).toEqual([]);
    expect(closest("", ["a", ""])).toEqual([]);
  });

  test("allows one edit in a short word, and a third of a long one", () => {
    expect(closest("eth0", ["eth1"])).toEqual(["eth1"]);
    expect(closest("eth0", ["etc1"])).toEqual([]);
    expect(closest("abcdefghi", ["abcdefxyz"])).toEqual(["abcdefxyz"]);
    expect(closest("abcdefghi", ["abcdewxyz"])).toEqual([]);
  });

  test("names each candidate once, and no more than the limit", () => {
    expect(closest("web", ["web1", "web1", "web2", "web3", "web4"])).toEqual([
      "web1",
      "web2",
      "web3",
    ]);
    expect(closest("web", ["web1", "web2"], 1)).toEqual(["web1"]);
  });

  test("does not compare names that nobody types: the cost would be quadratic", () => {
    const long = "x".repeat(129);
    expect(closest(long, [long])).toEqual([]);
    expect(closest("x".repeat(128), [long, "x".repeat(127)])).toEqual(["x".repeat(127)]);
  });
});
