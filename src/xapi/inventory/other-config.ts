import type { OtherConfig } from "../../core/inventory.ts";
import { readInterfaceTexts } from "../../core/policy-text.ts";
import type { InterfaceConfig } from "../../core/ports.ts";

/**
 * Parsed maps of `other_config`. Hosts have hundreds of VIFs with the same settings: those get the very
 * same map, so that what follows from it has to be found out once.
 */
export class OtherConfigs {
  readonly #known = new Map<string, OtherConfig>();

  /** The settings in it, and what this tool has stored there. */
  of(record: Readonly<Record<string, string>>): InterfaceConfig {
    return { otherConfig: this.settings(record), stored: readInterfaceTexts(record) };
  }

  /** The settings in it alone. */
  settings(record: Readonly<Record<string, string>>): OtherConfig {
    const own = Object.entries(record).filter(([key]) => /^ethtool/i.test(key));
    const key = JSON.stringify(own);
    let config = this.#known.get(key);
    if (config === undefined) {
      config = new Map(own);
      this.#known.set(key, config);
    }
    return config;
  }
}
