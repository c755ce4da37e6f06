import { describe, expect, test } from "bun:test";
import { findClosest } from "../../src/core/find-closest.ts";

describe("closest", () => {
  test("finds mistyped words, nearest first", () => {
    expect(findClosest("disabel", ["verify", "disable", "status"])).toEqual(["disable"]);
    expect(findClosest("web-01", ["web-11", "db", "web-01x", "web-02"])).toEqual(["web-01x", "web-02", "web-11"]);
  });

  test("ranks a difference in case alone as nearest", () => {
    expect(findClosest("WEB", ["wet", "web"])[0]).toBe("web");
  });

  test("finds longer names that start alike, from three characters on", () => {
    expect(findClosest("mail", ["mailserver-production"])).toEqual(["mailserver-production"]);
    expect(findClosest("ma", ["mailserver-production"])).toEqual([]);
  });

  test("finds words with two letters swapped", () => {
    expect(findClosest("pikc", ["pick"])).toEqual(["pick"]);
    expect(findClosest("jsno", ["json"])).toEqual(["json"]);
    expect(findClosest("kcip", ["pick"])).toEqual([]);
  });

  test("finds nothing when nothing is near", () => {
    expect(findClosest("zebra", ["web", "database"])).toEqual([]);
    expect(findClosest("", ["a", ""])).toEqual([]);
  });

  test("allows one edit in a short word, and a third of a long one", () => {
    expect(findClosest("eth0", ["eth1"])).toEqual(["eth1"]);
    expect(findClosest("eth0", ["etc1"])).toEqual([]);
    expect(findClosest("abcdefghi", ["abcdefxyz"])).toEqual(["abcdefxyz"]);
    expect(findClosest("abcdefghi", ["abcdewxyz"])).toEqual([]);
  });

  test("names each candidate once, and no more than the limit", () => {
    expect(findClosest("web", ["web1", "web1", "web2", "web3", "web4"])).toEqual(["web1", "web2", "web3"]);
    expect(findClosest("web", ["web1", "web2"], 1)).toEqual(["web1"]);
  });

  test("does not compare overlong names, because the cost is quadratic", () => {
    const long = "x".repeat(129);
    expect(findClosest(long, [long])).toEqual([]);
    expect(findClosest("x".repeat(128), [long, "x".repeat(127)])).toEqual(["x".repeat(127)]);
  });
});
