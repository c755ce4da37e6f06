import { describe, expect, test } from "bun:test";
import { byHand, shellQuoted } from "../../../src/core/disable/manual-commands.ts";
import { planLive, planRecords } from "../../../src/core/disable/steps.ts";
import { DEFAULT_KEYWORDS } from "../../../src/core/features.ts";
import {
  guest,
  haltedVm,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  VIF_ON,
  viewOf,
  vif,
  vm,
} from "../../builders/hosts.ts";

const NASTY = [
  "",
  " ",
  "web 1",
  "it's",
  "''",
  "'\\''",
  '"double"',
  "$(reboot)",
  "`reboot`",
  "$HOME",
  "a;b",
  "a&b",
  "a|b",
  "a>b<c",
  "*",
  "?",
  "[a-z]",
  "{a,b}",
  "~",
  "~root",
  "#comment",
  "!history",
  "back\\slash",
  "\\",
  "line\nbreak",
  "tab\there",
  "\u001b[31mred",
  "é日本 😀",
  "a=b",
  "=",
  "%s",
  "-n",
  "--",
  "(sub)",
];

describe("shellQuoted", () => {
  test("makes of every word what sh takes literally", () => {
    const script = `printf '%s\\0' ${NASTY.map(shellQuoted).join(" ")}`;
    const { stdout, exitCode } = Bun.spawnSync(["sh", "-c", script]);
    expect(exitCode).toBe(0);
    expect(stdout.toString().split("\0")).toEqual([...NASTY, ""]);
  });

  test("leaves alone what needs no quotes", () => {
    for (const word of ["eth0", "uuid=1-2", "other-config:ethtool-tso=off", "/sbin/ethtool"]) {
      expect(shellQuoted(word)).toBe(word);
    }
  });

  test("quotes every character that sh might act upon, wherever it stands", () => {
    for (const character of " \t\n'\"`$;&|<>()*?[]{}~#!\\^") {
      for (const word of [`${character}a`, `a${character}`, `a${character}b`]) {
        expect(shellQuoted(word)).toStartWith("'");
      }
    }
  });
});

describe("the commands that would do the same by hand", () => {
  const web0 = vif(vm("web", { domid: 3 }), "0");
  const eth0 = pif("eth0");

  test("one ethtool a device, then the records, in the order of doing", () => {
    const subjects = [nic(eth0), guest(web0)];
    const live = planLive(subjects, ["tso", "gro"], viewOf({ eth0: NIC_ON, "vif3.0": VIF_ON }));
    const records = planRecords(subjects, ["tso", "gro"], viewOf({ eth0: NIC_OFF }), false);
    expect(byHand(live, records)).toEqual([
      "ethtool -K eth0 tso off gro off",
      "ethtool -K vif3.0 tso off gro off",
      `xe pif-param-set uuid=${eth0.uuid} other-config:ethtool-tso=off`,
      `xe pif-param-set uuid=${eth0.uuid} other-config:ethtool-gro=off`,
      `xe vif-param-set uuid=${web0.uuid} other-config:ethtool-tso=off`,
      "# and an event for each running VM above, for which xe has no command",
    ]);
  });

  test("no event is spoken of where no running VM's VIF is recorded", () => {
    const halted = planRecords([guest(vif(haltedVm("db"), "0"))], ["tso"], viewOf({}), false);
    expect(byHand([], halted)).toHaveLength(1);
    const nics = planRecords([nic(eth0)], ["tso"], viewOf({ eth0: NIC_OFF }), false);
    expect(byHand([], nics)).toHaveLength(1);
    expect(byHand([], [])).toEqual([]);
  });

  test("no name reaches the shell unquoted", () => {
    const odd = pif("eth0;reboot", { uuid: "$(reboot)" });
    const live = planLive([nic(odd)], DEFAULT_KEYWORDS, viewOf({ "eth0;reboot": NIC_ON }));
    const records = planRecords([nic(odd)], ["tso"], viewOf({ "eth0;reboot": NIC_OFF }), false);
    const [first, second] = byHand(live, records);
    expect(first).toStartWith("ethtool -K 'eth0;reboot' rx off");
    expect(second).toBe("xe pif-param-set 'uuid=$(reboot)' other-config:ethtool-tso=off");
  });

  test("the names of VMs are in none of them: tenants write them", () => {
    const hostile = vm("'; reboot; '", { domid: 3 });
    const subjects = [guest(vif(hostile, "0"))];
    const live = planLive(subjects, DEFAULT_KEYWORDS, viewOf({ "vif3.0": VIF_ON }));
    const records = planRecords(subjects, DEFAULT_KEYWORDS, viewOf({ "vif3.0": VIF_ON }), false);
    expect(byHand(live, records).join("\n")).not.toContain("reboot");
  });
});
