import { describe, expect, test } from "bun:test";
import { matches, parseFilter } from "./filter.ts";

const RECORD = {
  uuid: "u1",
  name_label: "web 1",
  is_a_template: false,
  domid: -1,
  resident_on: "OpaqueRef:h1",
  tags: ["it's", "b"],
  other_config: { "ethtool-tx": "off" },
};

const holds = (text: string) => matches(parseFilter(text), RECORD);

describe("a comparison", () => {
  test.each([
    ['field "uuid" = "u1"', true],
    ['field "uuid" = "u2"', false],
    ['"u1" = field "uuid"', true],
    ['"a" = "a"', true],
    ['field "is_a_template" = "false"', true],
    ['field "is_a_template" = "true"', false],
    ['field "domid" = "-1"', true],
    ['field "resident_on" = "OpaqueRef:h1"', true],
    ['field "name__label" = "web 1"', true],
    ["field \"tags\" = \"('it\\'s' 'b')\"", true],
    ["field \"other_config\" = \"(('ethtool-tx' 'off'))\"", true],
  ])("%s is %p", (text, expected) => {
    expect(holds(text)).toBe(expected);
  });
});

describe("a connective", () => {
  test.each([
    ["true", true],
    ["false", false],
    ["not false", true],
    ["true and false", false],
    ["false or true", true],
    ["(true)", true],
    ["\ttrue\nand true ", true],
    ['not (field "uuid" = "u2") and field "domid" = "-1"', true],
    ['field"uuid"="u1"and true', true],
  ])("%s is %p", (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  test("`and` and `or` bind equally, from the left", () => {
    expect(holds("true or true and false")).toBe(false);
    expect(holds("true or (true and false)")).toBe(true);
  });

  test("`not` takes everything to its right", () => {
    expect(holds("not false and false")).toBe(true);
    expect(holds("(not false) and false")).toBe(false);
    expect(holds("false or not true or true")).toBe(false);
  });
});

describe("a filter", () => {
  test.each(["bogus", "TRUE", 'field "a', "true & true", "field \"uuid\" == 'u1'"])(
    "is rejected when it cannot be split into tokens: %s",
    (text) => {
      const error = { code: "INVALID_VALUE", params: [text, expect.any(String)] };
      expect(() => parseFilter(text)).toThrow(expect.objectContaining(error));
    },
  );

  test.each(["", "true true", "field", 'field "a"', '"a" =', "(true", "and true", "not"])(
    "is rejected when it is no expression: %p",
    (text) => {
      const error = { code: "INVALID_VALUE", params: [text, "Stdlib.Parsing.Parse_error"] };
      expect(() => parseFilter(text)).toThrow(expect.objectContaining(error));
    },
  );

  test("ends a literal at the next quote, whatever precedes it", () => {
    expect(() => parseFilter('field "name__label" = "a\\"b"')).toThrow("INVALID_VALUE");
  });

  test("is rejected for a field that the records do not have", () => {
    expect(() => holds('field "nosuch" = ""')).toThrow("INTERNAL_ERROR");
  });

  test("is rejected for name_label, whose column is called name__label", () => {
    expect(() => holds('field "name_label" = "web 1"')).toThrow("INTERNAL_ERROR");
  });
});
