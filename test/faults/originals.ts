import { join } from "node:path";
import * as v from "valibot";
import { readOtherConfig } from "../assertions/ethtool.ts";
import type { Dom0 } from "../dom0/dom0.ts";
import { readFeaturesText } from "./expected-findings.ts";
import { planDeviceSettings } from "./host.ts";

interface Reference {
  readonly ref: string;
}

/** What a VIF was in the beginning. */
interface OriginalVif {
  readonly settings: Record<string, unknown>;
  /** What ethtool says of a device that is plugged with these settings; empty where none was there. */
  readonly vif: string;
  readonly tap: string;
}

const Vm = v.object({ domid: v.number(), resident_on: v.string(), VIFs: v.array(v.string()) });

/** What was there in the beginning, and how what is there now differs. */
export class Originals {
  readonly #nics = new Map<string, string>();
  readonly #settings = new Map<string, Record<string, unknown>>();
  /** By VM and the place of the VIF: a VM that was reverted has other VIFs. */
  readonly #vifs = new Map<string, readonly OriginalVif[]>();
  /** Settings of NICs that another client has written, and that may stay or give way to the original. */
  readonly #changedByOthers = new Map<string, Map<string, string>>();
  private constructor(readonly dom0: Dom0) {}

  static async read(dom0: Dom0, nics: readonly string[], targets: readonly string[]): Promise<Originals> {
    const originals = new Originals(dom0);
    await originals.updateXenstore();
    for (const nic of nics) {
      originals.#nics.set(nic, await readFeaturesText(dom0, nic));
      originals.#settings.set(nic, await readOtherConfig(dom0, "PIF", dom0.fixture.pif(nic).ref));
    }
    for (const name of targets.filter((target) => !nics.includes(target))) {
      const { ref, vifs } = dom0.fixture.vm(name);
      const text = (device: string | undefined) => (device === undefined ? "" : readFeaturesText(dom0, device));
      const all: OriginalVif[] = [];
      for (const { ref, device, tap } of vifs) {
        const settings = await readOtherConfig(dom0, "VIF", ref);
        all.push({ settings, vif: await text(device), tap: await text(tap) });
      }
      originals.#vifs.set(ref, all);
    }
    return originals;
  }

  /** The host that a VM runs on. */
  async readHostRef(vm: Reference): Promise<string | null> {
    const { resident_on: ref } = await this.#readVm(vm);
    return ref === "OpaqueRef:NULL" ? null : ref;
  }

  /** Has xenstore say whose each domain of this host is. */
  async updateXenstore(): Promise<void> {
    const { VM = {} } = await this.dom0.simulator.database();
    const directory = join(this.dom0.namespace.directory, "domains");
    await Promise.all(
      Object.values(VM)
        .filter(({ resident_on: ref }) => ref === this.dom0.fixture.host.ref)
        .map(({ domid, uuid }) => Bun.write(join(directory, String(domid)), `/vm/${uuid}\n`)),
    );
  }

  /** A key that is not ours is to stay; one of ours may be a conflict. */
  recordExternalWrite(nic: string, key: string, value: string): void {
    if (key === "note") {
      this.#settings.set(nic, { ...this.#settings.get(nic), note: value });
      return;
    }
    const changes = this.#changedByOthers.get(nic) ?? new Map<string, string>();
    this.#changedByOthers.set(nic, changes.set(key, value));
  }

  /** What differs now, in words; put right at once, so that the same is not reported again. */
  async findDifferences(clones: readonly Reference[]): Promise<readonly string[]> {
    const found: string[] = [];
    const { fixture } = this.dom0;
    for (const [nic, text] of this.#nics) {
      found.push(...(await this.#checkLive(nic, text)));
      found.push(...(await this.#checkNicSettings(nic)));
    }
    for (const [ref, originals] of this.#vifs) {
      found.push(
        ...(await this.#checkVm(
          fixture.vms.find((vm) => vm.ref === ref)?.record.name_label ?? ref,
          { ref },
          originals,
        )),
      );
    }
    for (const clone of clones) {
      const database = await this.dom0.simulator.database();
      const name = String(database["VM"]?.[clone.ref]?.["name_label"]);
      const source = name.replace(/ copy \d+$/, "");
      found.push(...(await this.#checkVm(name, clone, this.#vifs.get(fixture.vm(source).ref) ?? [])));
    }
    this.#changedByOthers.clear();
    return found;
  }

  async #checkVm(name: string, vm: Reference, originals: readonly OriginalVif[]): Promise<readonly string[]> {
    const found: string[] = [];
    const { VIFs: vifs, domid, resident_on: at } = await this.#readVm(vm);
    for (const [place, original] of originals.entries()) {
      const ref = vifs[place];
      if (ref === undefined) {
        found.push(`${name} has no VIF ${place}`);
        continue;
      }
      found.push(...(await this.#checkSettings(`VIF of ${name}`, "VIF", ref, original.settings)));
      if (at !== this.dom0.fixture.host.ref) continue;
      const database = await this.dom0.simulator.database();
      const device = `${domid}.${database["VIF"]?.[ref]?.["device"]}`;
      if (original.vif !== "") found.push(...(await this.#checkLive(`vif${device}`, original.vif)));
      if (original.tap !== "") found.push(...(await this.#checkLive(`tap${device}`, original.tap)));
    }
    return found;
  }

  async #checkNicSettings(nic: string): Promise<readonly string[]> {
    const { ref } = this.dom0.fixture.pif(nic);
    const expected = this.#settings.get(nic) ?? {};
    const got = await readOtherConfig(this.dom0, "PIF", ref);
    const changes = this.#changedByOthers.get(nic) ?? new Map<string, string>();
    const ownSettings = Object.fromEntries(Object.entries(got).filter(([key, value]) => changes.get(key) !== value));
    if (changes.size > 0) {
      await this.dom0.simulator.set(["PIF", ref, "other_config", ownSettings]);
    }
    return await this.#checkSettings(nic, "PIF", ref, expected);
  }

  async #checkSettings(
    what: string,
    kind: "PIF" | "VIF",
    ref: string,
    expected: Record<string, unknown>,
  ): Promise<readonly string[]> {
    const got = await readOtherConfig(this.dom0, kind, ref);
    const text = (config: Record<string, unknown>) =>
      JSON.stringify(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (text(got) === text(expected)) return [];
    await this.dom0.simulator.set([kind, ref, "other_config", expected]);
    return [`${what}: other_config ${text(expected)} is now ${text(got)}`];
  }

  async #checkLive(device: string, expected: string): Promise<readonly string[]> {
    const got = await readFeaturesText(this.dom0, device);
    if (expected === got) return [];
    const before = expected.split("\n");
    const changed = got.split("\n").filter((line, n) => line !== before[n]);
    await this.dom0.run(["ethtool", "-K", device, ...planDeviceSettings(before, got.split("\n"))]);
    return [`${device} is not as it was: ${changed.map((line) => line.trim()).join(", ")}`];
  }

  async #readVm({ ref }: Reference): Promise<v.InferOutput<typeof Vm>> {
    return v.parse(Vm, (await this.dom0.simulator.database())["VM"]?.[ref]);
  }
}
