import type { Coordinator } from "../simulator/coordinator.ts";
import { ApiError } from "../simulator/errors.ts";
import { isObject, type JsonObject, toJsonObject } from "../simulator/json.ts";
import { expectCount, type HostMethod } from "../simulator/method.ts";
import { expectString } from "../simulator/rpc-value.ts";
import { isSlave, networkConfig, slavesOf, startOfDayPifs } from "./network-config.ts";
import { type Networkd, ScriptError } from "./networkd.ts";

/** The networkd of a host, or the ApiError of a host that cannot be reached; none where it is not simulated. */
export type FindNetworkd = (hostRef: string) => Promise<Networkd | undefined>;

/** The methods of PIF that networkd carries out. */
export class PifMethods {
  constructor(
    private readonly coordinator: Coordinator,
    private readonly networkdOf: FindNetworkd,
  ) {}

  /** Gives the API these methods. */
  install(): void {
    const { hostMethods } = this.coordinator;
    hostMethods.set(
      "PIF.plug",
      this.#method("PIF.plug", 1, ([ref = ""]) => this.#plugOne(ref)),
    );
    hostMethods.set(
      "PIF.set_property",
      this.#method("PIF.set_property", 3, ([ref = "", name = "", value = ""]) => this.#setProperty(ref, name, value)),
    );
  }

  /** What xapi does when it starts: networkd forgets, plugs, and writes its file. */
  async startOfDay(host: string): Promise<void> {
    const networkd = await this.networkdOf(host);
    networkd?.clear();
    for (const ref of startOfDayPifs(this.coordinator.database, host)) {
      // xapi logs a PIF that cannot be plugged, and goes on.
      await this.#plug(ref).catch(() => undefined);
    }
    await networkd?.sync();
  }

  #method(name: string, count: number, work: (params: string[]) => Promise<void>): HostMethod {
    return {
      write: true,
      async run(_session, parameters) {
        expectCount(name, parameters, count);
        await work(parameters.map(expectString));
        return "";
      },
    };
  }

  async #plugOne(ref: string): Promise<void> {
    const pif = this.#pif(ref);
    if (pif["managed"] === false) throw new ApiError("PIF_UNMANAGED", ref);
    if (isSlave(pif)) throw new ApiError("CANNOT_PLUG_BOND_SLAVE", ref);
    await this.#plug(ref);
  }

  async #plug(ref: string): Promise<void> {
    const { database } = this.coordinator;
    const networkd = await this.networkdOf(String(this.#pif(ref)["host"]));
    const config = networkConfig(database, ref);
    try {
      await networkd?.configure(config);
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      throw new ApiError("PIF_CONFIGURATION_ERROR", ref, error.message);
    }
    for (const attached of config.attached) {
      database.set("PIF", attached, "currently_attached", true);
    }
  }

  /** Holds for the VLANs on it and the slaves of it as well (xapi_pif.ml `set_property`). */
  async #setProperty(ref: string, name: string, value: string): Promise<void> {
    const { database } = this.coordinator;
    const pif = this.#pif(ref);
    if (name !== "gro" || (value !== "on" && value !== "off")) {
      throw new ApiError("INVALID_VALUE", "properties", `${name} = ${value}`);
    }
    if (isSlave(pif) || Number(pif["VLAN"]) >= 0 || pif["tunnel_access_PIF_of"]?.toString()) {
      throw new ApiError("CANNOT_CHANGE_PIF_PROPERTIES", ref);
    }
    const vlans = [...database.records("VLAN").values()]
      .filter((vlan) => vlan["tagged_PIF"] === ref)
      .map((vlan) => String(vlan["untagged_PIF"]));
    for (const one of [ref, ...slavesOf(database, pif), ...vlans]) {
      const { properties } = database.record("PIF", one);
      const previous = isObject(properties) ? toJsonObject(properties) : {};
      database.set("PIF", one, "properties", { ...previous, [name]: value });
    }
    if (pif["currently_attached"] === true) await this.#plug(ref);
  }

  #pif(ref: string): JsonObject {
    return this.coordinator.database.record("PIF", ref);
  }
}
