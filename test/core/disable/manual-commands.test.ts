import { describe, expect, test } from "bun:test";
import {
  formatChangeCommands,
  formatRestoreCommands,
  quoteShellWord,
} from "../../../src/core/disable/manual-commands.ts";
import { planLiveSteps, planSettings } from "../../../src/core/disable/steps.ts";
import { DEFAULT_FEATURES } from "../../../src/core/features.ts";
import {
  createSnapshot,
  guest,
  haltedVm,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  VIF_ON,
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

describe("quoteShellWord", () => {
  test("quotes every word so that sh takes it literally", () => {
    const script = `printf '%s\\0' ${NASTY.map(quoteShellWord).join(" ")}`;
    const { stdout, exitCode } = Bun.spawnSync(["sh", "-c", script]);
    expect(exitCode).toBe(0);
    expect(stdout.toString().split("\0")).toEqual([...NASTY, ""]);
  });

  test("shows nothing that a terminal would act on, and nothing is lost", () => {
    for (const word of ["\u001b]0;x\u0007", "a\u202eb\u2066c", "it's \u009b31m", "\u200b", "end\r", "%\u001b%"]) {
      const quoted = quoteShellWord(word);
      expect(quoted).toMatch(/^[\x20-\x7e]+$/);
      for (const shell of [["dash"], ["bash"], ["busybox", "sh"]]) {
        const { stdout } = Bun.spawnSync([...shell, "-c", `printf %s ${quoted}`]);
        expect(stdout.toString()).toBe(word);
      }
    }
  });

  test("leaves words that need no quotes unchanged", () => {
    for (const word of ["eth0", "uuid=1-2", "other-config:ethtool-tso=off", "/sbin/ethtool"]) {
      expect(quoteShellWord(word)).toBe(word);
    }
  });

  test("quotes every special character of sh at any position", () => {
    for (const character of " \t\n'\"`$;&|<>()*?[]{}~#!\\^") {
      for (const word of [`${character}a`, `a${character}`, `a${character}b`]) {
        expect(quoteShellWord(word)).toStartWith("'");
      }
    }
  });
});

describe("formatChangeCommands", () => {
  const web0 = vif(vm("web", { domid: 3 }), "0");
  const eth0 = pif("eth0");

  test("prints one line per device, then one per object with all its settings", () => {
    const interfaces = [nic(eth0), guest(web0)];
    const live = planLiveSteps(interfaces, ["tso", "gro"], createSnapshot({ eth0: NIC_ON, "vif3.0": VIF_ON }));
    const settings = planSettings(interfaces, ["tso", "gro"], createSnapshot({ eth0: NIC_OFF }), false);
    expect(formatChangeCommands("off", live, settings)).toEqual([
      "ethtool -K eth0 tso off gro off",
      'ethtool -K vif3.0 tso off gro off  # VIF 0 of "web"',
      `xe pif-param-set uuid=${eth0.uuid} other-config:ethtool-tso=off other-config:ethtool-gro=off  # eth0`,
      `xe vif-param-set uuid=${web0.uuid} other-config:ethtool-tso=off  # VIF 0 of "web"`,
      "# and an event for each running VM above, for which xe has no command",
    ]);
  });

  test("omits the event without settings on a running VM's VIF", () => {
    const halted = planSettings([guest(vif(haltedVm("db"), "0"))], ["tso"], createSnapshot({}), false);
    expect(formatChangeCommands("off", [], halted)).toHaveLength(1);
    const nics = planSettings([nic(eth0)], ["tso"], createSnapshot({ eth0: NIC_OFF }), false);
    expect(formatChangeCommands("off", [], nics)).toHaveLength(1);
    expect(formatChangeCommands("off", [], [])).toEqual([]);
  });

  test("quotes every name", () => {
    const odd = pif("eth0;reboot", { uuid: "$(reboot)" });
    const live = planLiveSteps([nic(odd)], DEFAULT_FEATURES, createSnapshot({ "eth0;reboot": NIC_ON }));
    const settings = planSettings([nic(odd)], ["tso"], createSnapshot({ "eth0;reboot": NIC_OFF }), false);
    const [first, second] = formatChangeCommands("off", live, settings);
    expect(first).toStartWith("ethtool -K 'eth0;reboot' rx off");
    expect(second).toBe("xe pif-param-set 'uuid=$(reboot)' other-config:ethtool-tso=off  # eth0;reboot");
  });

  test("keeps names of VMs, which tenants choose, inside a comment", () => {
    const hostile = vm("';\n touch /tmp/owned \r\u2028$(touch /tmp/owned)\u202e", { domid: 3 });
    const interfaces = [guest(vif(hostile, "0"))];
    const live = planLiveSteps(interfaces, DEFAULT_FEATURES, createSnapshot({ "vif3.0": VIF_ON }));
    const settings = planSettings(interfaces, DEFAULT_FEATURES, createSnapshot({ "vif3.0": VIF_ON }), false);
    const lines = formatChangeCommands("off", live, settings);
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(line.slice(0, line.indexOf("#"))).not.toContain("owned");
    }
  });
});

describe("formatRestoreCommands", () => {
  test("removes the keys of an object in one line that sh understands", () => {
    const eth0 = nic(pif("eth0", { uuid: "u" }));
    const remove = (feature: "tso" | "gro") =>
      ({ iface: eth0, feature, key: `ethtool-${feature}`, from: "off", to: null }) as const;
    expect(formatRestoreCommands([], [remove("tso")], KERNEL)).toEqual([
      "xe pif-param-remove uuid=u param-name=other-config param-key=ethtool-tso  # eth0",
    ]);
    const [line = ""] = formatRestoreCommands([], [remove("tso"), remove("gro")], KERNEL);
    const { stdout } = Bun.spawnSync(["sh", "-c", `xe() { echo "$@"; }; ${line}`]);
    expect(stdout.toString().split("\n")).toEqual([
      "pif-param-remove uuid=u param-name=other-config param-key=ethtool-tso",
      "pif-param-remove uuid=u param-name=other-config param-key=ethtool-gro",
      "",
    ]);
  });
});
