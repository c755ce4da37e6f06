import { describe, expect, test } from "bun:test";
import { planLiveSteps, planSettings, previewSnapshot } from "../../../src/core/disable/steps.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES } from "../../../src/core/features.ts";
import { createSnapshot, guest, namesOf, vif, vifSettings, vm } from "../../builders/hosts.ts";
import { netbackCaptures, parseEthtool } from "../../fakes/ethtool-text.ts";

const captures = netbackCaptures();

test("captures exist for five kernels, two of them also as XCP-ng patches them", () => {
  expect(captures.map(({ name }) => name)).toEqual([
    "xen-4.17-dom0-4.19.40-xcpng-8.3-patches",
    "xen-4.17-dom0-4.19.40",
    "xen-4.17-dom0-4.4.155-xcpng-7.6-netback",
    "xen-4.17-dom0-4.4.155",
    "xen-4.17-dom0-5.10.0-46",
    "xen-4.17-dom0-6.1.0-51",
    "xen-4.17-dom0-6.12.107",
  ]);
});

test("parseEthtool refuses a line that it does not understand", () => {
  expect(() => parseEthtool("Features for eth0:\nrx-checksumming: perhaps\n")).toThrow();
});

describe.each(captures.map((capture) => [capture.name, capture] as const))(
  "netback of %s",
  (name, { unconnected, connected, turnedOff }) => {
    const web = vm("web", { domid: 1 });
    const iface = guest(vif(web, "0"));
    const { kernel } = connected;
    const view = createSnapshot({ "vif1.0": connected.features }, kernel);
    const stateIn = (features: typeof connected.features) =>
      Object.fromEntries(FEATURE_NAMES.map((keyword) => [keyword, features.state(keyword)]));

    test("has rx fixed on and its other features on while connected", () => {
      expect(connected.device).toBe("vif1.0");
      expect(stateIn(connected.features)).toEqual({
        rx: "on, fixed",
        tx: "on",
        sg: "on",
        tso: "on",
        ufo: name.includes("dom0-4.4.") ? "off, fixed" : "absent",
        gso: "on",
        gro: "on",
        lro: "off, fixed",
        rxvlan: "off, fixed",
        txvlan: "off, fixed",
        rxhash: "off, fixed",
        ntuple: "off, fixed",
      });
    });

    test("has tso off but requested on while not connected", () => {
      expect(unconnected.device).toBe("vif7.0");
      expect(unconnected.features.state("tso")).toBe("off, requested on");
      expect(unconnected.features.state("tx")).toBe("on");
    });

    test("gets no kernel write for rx, which is fixed", () => {
      expect(planLiveSteps([iface], ["rx"], view)).toEqual([]);
      const [step] = planLiveSteps([iface], DEFAULT_FEATURES, view);
      expect(step?.features).toEqual(["tx", "sg", "tso", "gso", "gro"]);
      expect(namesOf(kernel, step?.request.valid ?? [])).not.toContain("rx-checksum");
    });

    test("gets a setting for rx when rx is named", () => {
      const steps = planSettings([iface], DEFAULT_FEATURES, view, true);
      expect(steps.map(({ key }) => key)).toEqual(Object.keys(vifSettings("off")));
    });

    test("has its requested bits cleared too while not connected", () => {
      const waiting = createSnapshot({ "vif1.0": unconnected.features }, unconnected.kernel);
      const steps = planLiveSteps([iface], DEFAULT_FEATURES, waiting);
      const names = namesOf(kernel, steps[0]?.request.valid ?? []);
      for (const name of ["tx-checksum-ipv6", "tx-tcp-segmentation", "tx-tcp6-segmentation"]) {
        expect(names).toContain(name);
      }
      const left = previewSnapshot(waiting, steps).readings.get("vif1.0");
      if (left?.state !== "read") throw new Error("not read");
      expect(left.features.state("tso")).toBe("off");
      expect(left.features.state("tx")).toBe("off");
      expect(left.features).toEqual(turnedOff.features);
    });

    test("has a preview that equals what ethtool shows after turning everything off", () => {
      const steps = planLiveSteps([iface], DEFAULT_FEATURES, view);
      const preview = previewSnapshot(view, steps).readings.get("vif1.0");
      expect(preview).toEqual({ state: "read", features: turnedOff.features });
      expect(stateIn(turnedOff.features)).toMatchObject({
        rx: "on, fixed",
        tx: "off",
        sg: "off",
        tso: "off",
        gso: "off",
        gro: "off",
        lro: "off, fixed",
      });
    });

    test("needs no further write after that", () => {
      const after = createSnapshot({ "vif1.0": turnedOff.features }, turnedOff.kernel);
      expect(planLiveSteps([iface], DEFAULT_FEATURES, after)).toEqual([]);
    });
  },
);
