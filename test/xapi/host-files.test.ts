import { describe, expect, test } from "bun:test";
import { parseInventory } from "../../src/xapi/host-files.ts";

const XCP_NG = `PRIMARY_DISK='/dev/disk/by-id/scsi-1234'
PRODUCT_VERSION='8.3.0'
DOM0_VCPUS='4'
CONTROL_DOMAIN_UUID='5a3d40d5-86fb-4ff7-aba4-1fd0337d059b'
DOM0_MEM='2688'
COMPANY_NAME_SHORT='Open Source'
MANAGEMENT_ADDRESS_TYPE='IPv4'
PARTITION_LAYOUT='ROOT,BACKUP,LOG,BOOT,SWAP,SR'
PRODUCT_VERSION_TEXT='8.3'
INSTALLATION_UUID='c269d904-1d75-474f-a7fb-84dbc48a51d5'
PRODUCT_BRAND='XCP-ng'
COMPANY_NAME=''
MANAGEMENT_INTERFACE='xenbr0'
`;

describe("the inventory of a host", () => {
  test("is parsed from KEY='value'", () => {
    const entries = parseInventory(XCP_NG);
    expect(entries.size).toBe(13);
    expect(entries.get("INSTALLATION_UUID")).toBe("c269d904-1d75-474f-a7fb-84dbc48a51d5");
    expect(entries.get("PRODUCT_BRAND")).toBe("XCP-ng");
    expect(entries.get("COMPANY_NAME_SHORT")).toBe("Open Source");
    expect(entries.get("COMPANY_NAME")).toBe("");
    expect(entries.get("PRIMARY_DISK")).toBe("/dev/disk/by-id/scsi-1234");
  });

  test("accepts CRLF, surrounding blanks and no final newline", () => {
    const expected = [...parseInventory(XCP_NG)];
    expect([...parseInventory(XCP_NG.replaceAll("\n", "\r\n"))]).toEqual(expected);
    expect([...parseInventory(XCP_NG.replace(/^/gm, "  ").replace(/$/gm, "\t"))]).toEqual(expected);
    expect([...parseInventory(XCP_NG.trimEnd())]).toEqual(expected);
  });

  test("accepts double quotes and no quotes", () => {
    const entries = parseInventory('A="one two"\nB=three\nC=\nD=""\r\nE=four\r\n');
    expect([...entries]).toEqual([
      ["A", "one two"],
      ["B", "three"],
      ["C", ""],
      ["D", ""],
      ["E", "four"],
    ]);
  });

  test("keeps an equals sign in a value, and the last of two lines", () => {
    expect(parseInventory("A='x=y'\nA='z=1'").get("A")).toBe("z=1");
  });

  test.each([
    "",
    "\n\n\n",
    "# INSTALLATION_UUID='commented'",
    "INSTALLATION_UUID",
    "INSTALLATION_UUID = 'spaced'",
    "installation_uuid='lower'",
    "='nothing'",
    "<html>",
    "INSTALLATION_UUID='a' 'b'",
    "INSTALLATION_UUID=a b",
    "\0\0\0",
  ])("ignores junk: %p", (text) => {
    expect(parseInventory(text).size).toBe(0);
  });

  test("continues after junk", () => {
    expect([...parseInventory("junk\nA='1'\n???\nB='2'")]).toEqual([
      ["A", "1"],
      ["B", "2"],
    ]);
  });
});
