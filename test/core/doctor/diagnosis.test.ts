import { describe, expect, test } from "bun:test";
import type { BootLayer } from "../../../src/core/boot-layer.ts";
import { buildAdvice, listCommands } from "../../../src/core/doctor/advice.ts";
import {
  listBootFeatures,
  listIneffectivePifSettings,
  listNetworkSettings,
} from "../../../src/core/doctor/diagnosis.ts";
import type { HookType } from "../../../src/core/doctor/hook-events.ts";
import { collectSoftware } from "../../../src/core/doctor/software.ts";
import { findHooks, type ThirdPartyHook } from "../../../src/core/doctor/third-party-hooks.ts";
import type { Coverage } from "../../../src/core/verify/coverage.ts";
import { BETA, config, inventory, pif, uuidFor } from "../../builders/hosts.ts";

const KEYWORDS = ["rx", "tso", "gro"] as const;
const NO_FINDINGS = { ineffectiveSettings: [], networkSettings: [], hooks: [], software: [] };

const NO_REPORT = { problems: [], notes: [], advice: [] };

const NOTHING_COVERED: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };

function boot(more: Partial<BootLayer> = {}): BootLayer {
  const covers = { ...NOTHING_COVERED, devices: new Map([["eth0", KEYWORDS]]) };
  return { method: "systemd", state: "up-to-date", covers, thirdParty: [], ...more };
}

function bootFeaturesOf(device: string, layer: BootLayer | null) {
  return listBootFeatures({ device, kind: "pif", vm: null }, layer);
}

describe("the features that the boot script turns off", () => {
  test("are those that boot will turn off on this device", () => {
    expect(bootFeaturesOf("eth0", null)).toEqual([]);
    expect(bootFeaturesOf("eth0", boot())).toEqual(KEYWORDS);
    expect(bootFeaturesOf("eth1", boot())).toEqual([]);
    const covers = { ...NOTHING_COVERED, nics: KEYWORDS };
    expect(bootFeaturesOf("eth1", boot({ covers }))).toEqual(KEYWORDS);
  });

  test("are none when the boot layer will not run", () => {
    for (const state of ["disabled", "modified", "not-executable", "incomplete"] as const) {
      expect(bootFeaturesOf("eth0", boot({ state }))).toEqual([]);
    }
  });
});

describe("settings on bonds, VLANs and networks", () => {
  const bond = pif("bond0", {
    role: "bond",
    otherConfig: config({ "ethtool-gso": "off", x: "1" }),
  });
  const vlan = pif("eth0", { role: "vlan", vlan: 7, otherConfig: config({ "ethtool-tx": "off" }) });
  const pool = inventory({ pifs: [bond, vlan, pif("eth0")] });

  test("are ineffective with Open vSwitch or an unknown backend", () => {
    for (const backend of ["openvswitch", "vswitch", null]) {
      expect(listIneffectivePifSettings(pool, backend).map(({ name, key }) => `${name}: ${key}`)).toEqual([
        "bond0: ethtool-gso",
        "eth0, VLAN 7: ethtool-tx",
      ]);
    }
  });

  test("are applied with the Linux bridge", () => {
    expect(listIneffectivePifSettings(pool, "bridge")).toEqual([]);
  });

  test("are ignored when they belong to another host", () => {
    expect(listIneffectivePifSettings(inventory({ pifs: [{ ...bond, host: BETA }] }), null)).toEqual([]);
  });

  test("are applied to the bridge when set on a network", () => {
    const network = { uuid: uuidFor("n"), name: "LAN", bridge: "xenbr0" };
    expect(
      listNetworkSettings([{ ...network, otherConfig: config({ "ethtool-gro": "off", mtu: "9000" }) }]),
    ).toMatchObject([{ name: "LAN", key: "ethtool-gro", reason: expect.stringContaining("xenbr0") }]);
  });
});

describe("advice", () => {
  test("is empty when nothing is wrong", () => {
    expect(buildAdvice({ problems: [], notes: [], advice: [] }, NO_FINDINGS)).toEqual([]);
  });

  test("names one command per problem, the toolstack first", () => {
    const problems = [
      { code: "live-on", message: "eth0: tso on", interface: "eth0" },
      { code: "gro-not-persistent", message: "eth1: no setting keeps gro off", interface: "eth1" },
      { code: "xapi-unavailable", message: "XAPI does not answer" },
    ] as const;
    const fix = "offload disable eth0 eth1 --features tso,gro";
    const advice = buildAdvice({ problems, notes: [], advice: [fix] }, NO_FINDINGS);
    expect(listCommands(advice)).toEqual(["xe-toolstack-restart", fix]);
    expect(advice[1]?.reason).toBe("on, and could be off: eth0");
  });

  test("names the command for a boot layer finding with its reason", () => {
    const note = {
      code: "not-persisted",
      message: "nothing is installed for boot; install it with: offload persist",
    } as const;
    const wrong = {
      code: "boot-drift",
      message: "the boot layer keeps off what no policy asks for; remove it with: offload persist --remove",
    } as const;
    const advise = (problems: readonly (typeof wrong)[]) =>
      buildAdvice({ problems, notes: [note], advice: [] }, NO_FINDINGS);
    expect(advise([])).toEqual([{ reason: "nothing is installed for boot", command: "offload persist" }]);
    expect(advise([wrong])).toEqual([
      {
        reason: "the boot layer keeps off what no policy asks for",
        command: "offload persist --remove",
      },
    ]);
  });

  test("quotes foreign values for the shell", () => {
    const record = {
      ...({ of: "vif", uuid: uuidFor("v"), name: "vif1.0", key: "ethtool tx;reboot" } as const),
      ...{ value: "off", reason: "" },
    };
    const hook: ThirdPartyHook = {
      ...{ path: "/etc/cron.d/a b;reboot", line: 2, type: "cron", event: "by the clock", text: "", requests: [] },
      ...{ turnsOn: true, inactiveReason: null },
    };
    expect(
      listCommands(
        buildAdvice(
          { problems: [], notes: [], advice: [] },
          { ...NO_FINDINGS, ineffectiveSettings: [record], hooks: [hook] },
        ),
      ),
    ).toEqual([
      "vi +2 '/etc/cron.d/a b;reboot'",
      `xe vif-param-remove uuid=${uuidFor("v")} param-name=other-config param-key='ethtool tx;reboot'`,
    ]);
  });

  test("is one step for 82 ineffective settings", () => {
    const ineffectiveSettings = Array.from({ length: 41 }, (_, n) => `${n}`).flatMap((n) =>
      ["ethtool-lro", "ethtool-gro"].map((key) => ({
        ...({ of: "vif", uuid: uuidFor(n), name: `vif${n}.0` } as const),
        ...{ key, value: "off", reason: "" },
      })),
    );
    const advice = buildAdvice(NO_REPORT, { ...NO_FINDINGS, ineffectiveSettings });
    expect(advice).toHaveLength(1);
    expect(advice[0]?.reason).toBe("82 settings without effect, such as ethtool-lro=off of vif0.0");
    const command = advice[0]?.command ?? "";
    for (const { uuid } of ineffectiveSettings) expect(command).toContain(uuid);
    // The shell itself says which commands the loop runs.
    const { stdout } = Bun.spawnSync(["sh", "-c", `xe() { echo "$@"; }; ${command}`]);
    const lines = stdout.toString().trim().split("\n");
    expect(lines).toHaveLength(82);
    expect(lines[0]).toBe(`vif-param-remove uuid=${uuidFor("0")} param-name=other-config param-key=ethtool-gro`);
  });

  test("names the one line that undoes everything first", () => {
    const hook = (line: string, type: HookType, path: string) =>
      findHooks({ path, type, event: "", text: line, inactiveReason: null });
    const hooks = [
      ...hook("ethtool -K eth0 tso off", "cron", "/etc/cron.d/off"),
      ...hook("options bnx2x disable_tpa=1", "module options", "/etc/modprobe.d/bnx2x.conf"),
      ...hook("ethtool -K eth0 tso on", "rc.local", "/etc/rc.d/rc.local"),
      ...hook("xe vif-param-clear uuid=u param-name=other-config", "script", "/opt/clear.sh"),
    ];
    const problems = [{ code: "live-on", message: "eth0: tso on", interface: "eth0" }] as const;
    const advice = buildAdvice({ ...NO_REPORT, problems, advice: ["offload disable eth0"] }, { ...NO_FINDINGS, hooks });
    expect(advice.map(({ command, reason }) => `${command}: ${reason}`)).toEqual([
      "vi +1 /etc/rc.d/rc.local: /etc/rc.d/rc.local, line 1, turns features on that offload turns off",
      "vi +1 /opt/clear.sh: /opt/clear.sh, line 1, removes settings from XAPI; see that they are not those of offload",
      "offload disable eth0: on, and could be off: eth0",
      "vi +1 /etc/cron.d/off: /etc/cron.d/off, line 1, touches offloads by itself; offload persist does without that",
    ]);
  });
});

describe("versions", () => {
  const own = {
    ...{ product: "XCP-ng 8.3.0", distribution: "Some Linux 1", kernel: "4.19.0+1", xen: "4.17" },
    ...{ backend: "bridge", ethtool: null, offload: "1.0.0" },
  };
  const versions = (shown: Readonly<Record<string, string>>, more: Partial<typeof own> = {}) =>
    new Map(collectSoftware(config(shown), { ...own, ...more }).map((one) => [one.part, one]));

  test("come from XAPI when it knows them", () => {
    const shown = versions({
      ...{ product_brand: "XenServer", product_version: "8.4.0", build_number: "b1" },
      ...{ xen: "4.17.5-13", xapi: "26.1", xapi_build: "26.1.4", network_backend: "openvswitch" },
    });
    expect(shown.get("product")).toMatchObject({
      version: "XenServer 8.4.0, build b1",
      from: "XAPI",
    });
    expect(shown.get("xapi")?.version).toBe("26.1.4");
    expect(shown.get("xen")?.version).toBe("4.17.5-13");
    expect(shown.get("network backend")?.version).toBe("openvswitch");
    expect(shown.get("ethtool")?.version).toBeNull();
  });

  test("come from the host itself when XAPI does not know them", () => {
    const shown = versions({});
    expect(shown.get("product")).toMatchObject({ version: "XCP-ng 8.3.0" });
    expect(shown.get("xapi")?.version).toBeNull();
    expect(shown.get("xen")?.version).toBe("4.17");
    expect(versions({}, { product: "" }).get("product")?.version).toBe("Some Linux 1");
  });
});
