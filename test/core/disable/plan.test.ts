import { describe, expect, test } from "bun:test";
import { findPolicyProblems, previewChanges } from "../../../src/core/disable/plan.ts";
import type { ChangeRequest } from "../../../src/core/disable/request.ts";
import { getUuid, type Interface } from "../../../src/core/interface.ts";
import type { StoredFeature } from "../../../src/core/policy-entries.ts";
import {
  config,
  haltedVm,
  inventory,
  NIC_ON,
  nic,
  pif,
  pifSettings,
  VIF_ON,
  vif,
  vm,
  withSettings,
} from "../../builders/hosts.ts";
import { FakeHost } from "../../fakes/change-host.ts";

const web = vm("web", { domid: 3 });
const db = haltedVm("db");
const eth0 = pif("eth0");
const web0 = vif(web, "0");
const db0 = vif(db, "0");
const POOL = inventory({ pifs: [eth0], vms: [web, db], vifs: [web0, db0] });

function createHost(pool = POOL): FakeHost {
  return new FakeHost(pool, { eth0: NIC_ON, "vif3.0": VIF_ON });
}

/** What the text of an interface is going to say, by the interface's UUID. */
function textsOf(host: FakeHost, request: Partial<ChangeRequest> = {}) {
  return new Map(
    host
      .planChange(request)
      .policySteps.map(({ iface, features }) => [iface.kind === "pif" ? iface.pif.uuid : iface.vif.uuid, features]),
  );
}

function asked(features: ReadonlyMap<string, StoredFeature> | undefined) {
  return [...(features ?? [])].map(([name, stored]) => [name, stored.asked, stored.alone]);
}

describe("planChange", () => {
  test("changes nothing", () => {
    const host = createHost();
    previewChanges(host.planChange({ groups: { nics: true, vifs: true } }));
    expect(host.journal).toEqual([]);
    expect(host.bits.listDevices()).toEqual([]);
  });

  test("contains the settings that the kernel will allow", () => {
    const { settings } = createHost().planChange();
    const keys = settings.flatMap(({ iface, key }) => (iface.kind === "pif" ? [key] : []));
    const { "ethtool-ufo": _ufo, "ethtool-lro": _lro, ...possible } = pifSettings("off");
    expect(keys).toEqual(Object.keys(possible));
  });

  test("writes rx on a VIF only when named, because netback has it fixed on", () => {
    const keys = (hasExplicitFeatures: boolean) =>
      createHost()
        .planChange({ features: ["rx", "tx"], hasExplicitFeatures })
        .settings.flatMap(({ iface, key }) => (iface.kind === "vif" ? [key] : []));
    expect(new Set(keys(false))).toEqual(new Set(["ethtool-tx"]));
    expect(new Set(keys(true))).toEqual(new Set(["ethtool-rx", "ethtool-tx"]));
  });

  test("stores the request and the originals of every interface that it changes", () => {
    const texts = textsOf(createHost(), { features: ["tso", "gro"] });
    expect([...texts.keys()].sort()).toEqual([eth0, web0, db0].map(({ uuid }) => uuid).sort());
    expect(texts.get(web0.uuid)?.get("gro")).toEqual({
      asked: "off",
      alone: false,
      original: { setting: null, live: "on" },
      wrote: undefined,
    });
    expect(texts.get(db0.uuid)?.get("tso")).toEqual({
      asked: "off",
      alone: false,
      original: { setting: null, live: null },
      wrote: "off",
    });
  });

  test("stores a setting that already means off as last written", () => {
    const host = createHost({
      ...POOL,
      vifs: [withSettings(web0, { otherConfig: config({ "ethtool-tso": "false" }) })],
    });
    const text = textsOf(host, { features: ["tso"] }).get(web0.uuid);
    expect(text?.get("tso")).toMatchObject({ original: { setting: "false" }, wrote: "false" });
  });

  test("keeps the stored policy of other features", async () => {
    const host = createHost();
    await host.disableFeatures("gso");
    const text = textsOf(host, { features: ["tso"] }).get(web0.uuid);
    expect(asked(text)).toEqual([
      ["gso", "off", false],
      ["tso", "off", false],
    ]);
  });
});

describe("planChange of a VIF named by itself", () => {
  const individualVifs = new Set([web0.uuid]);

  test("covers this VIF alone, not its VM", () => {
    const text = textsOf(createHost(), { features: ["tso"], individualVifs }).get(web0.uuid);
    expect(asked(text)).toEqual([["tso", "off", true]]);
  });

  test("extends to the VM once the VM is named", async () => {
    const host = createHost();
    await host.disable({ features: ["tso"], individualVifs });
    const text = textsOf(host, { features: ["tso"] }).get(web0.uuid);
    expect(asked(text)).toEqual([["tso", "off", false]]);
  });

  test("keeps the policy of a VM that was named before", async () => {
    const host = createHost();
    await host.disable({ features: ["tso"] });
    const text = textsOf(host, { features: ["tso", "gso"], individualVifs }).get(web0.uuid);
    expect(asked(text)).toEqual([
      ["tso", "off", false],
      ["gso", "off", true],
    ]);
  });
});

describe("planChange of the standing rule", () => {
  test("stores the rule only when it grows", async () => {
    const host = createHost();
    const nics = { nics: true, vifs: false };
    expect(host.planChange({ features: ["tso"], groups: nics }).hostRule?.rule).toEqual({
      nics: ["tso"],
      vifs: [],
    });
    await host.disable({ features: ["tso"], groups: nics });
    expect(host.planChange({ features: ["tso"], groups: nics }).hostRule).toBeNull();
    expect(host.planChange({ features: ["gro"], groups: nics }).hostRule?.rule.nics).toEqual(["tso", "gro"]);
    expect(host.planChange({ features: ["tso"] }).hostRule).toBeNull();
  });

  test("writes no policy entry to an interface without changes", async () => {
    const host = createHost();
    const request = { features: ["lro"], groups: { nics: true, vifs: true } } as const;
    expect([...textsOf(host, request).keys()]).toEqual([]);
    expect([...textsOf(host, { features: ["lro"] }).keys()]).toContain(eth0.uuid);
  });
});

describe("planChange of an interface whose device cannot be read", () => {
  test("stores nothing with it, because its originals would be unknown", () => {
    const host = createHost();
    host.kernel.unreadable.add("vif3.0");
    const { policySteps, settings } = host.planChange();
    const uuids = (steps: readonly { readonly iface: Interface }[]) =>
      new Set(steps.map(({ iface }) => getUuid(iface)));
    expect(uuids(policySteps)).toEqual(new Set([eth0.uuid, db0.uuid]));
    expect(uuids(settings)).toEqual(new Set([eth0.uuid, db0.uuid]));
  });
});

describe("planChange of an interface with an invalid policy entry", () => {
  test("skips it and names the command that shows the entry", () => {
    const host = createHost();
    host.toolstack.database.set(web0.ref, "offload-me", "x");
    const plan = host.planChange();
    expect(plan.interfaces).toHaveLength(2);
    expect(plan.excluded).toMatchObject([
      {
        code: "policy-invalid",
        message: `vif3.0 (web): left alone, because the name of a text is not one of offload's; see its other-config: xe vif-param-get uuid=${web0.uuid} param-name=other-config`,
      },
    ]);
    expect(findPolicyProblems(nic(eth0))).toEqual([]);
  });
});
