import type { OtherConfig } from "../../core/inventory.ts";
import { parseInterfaceEntries } from "../../core/policy-entries.ts";
import type { InterfaceConfig } from "../../core/ports.ts";

/**
 * Parsed maps of `other_config`. Hosts have hundreds of VIFs with the same settings: those get the very
 * same map, so that what follows from it has to be found out once.
 */
export class OtherConfigParser {
  readonly #cached = new Map<string, OtherConfig>();

  /** The settings in it, and what this tool has stored there. */
  parse(otherConfig: Readonly<Record<string, string>>): InterfaceConfig {
    return {
      otherConfig: this.parseSettings(otherConfig),
      stored: parseInterfaceEntries(otherConfig),
    };
  }

  /** The settings in it alone. */
  parseSettings(otherConfig: Readonly<Record<string, string>>): OtherConfig {
    const settings = Object.entries(otherConfig).filter(([key]) => /^ethtool/i.test(key));
    const key = JSON.stringify(settings);
    let cached = this.#cached.get(key);
    if (cached === undefined) {
      cached = new Map(settings);
      this.#cached.set(key, cached);
    }
    return cached;
  }
}
