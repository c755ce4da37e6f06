import { join } from "node:path";
import type { Dom0 } from "./dom0.ts";
import type { Running } from "./running.ts";

/** What is wrong behind a device: see relay.ts. */
export type Mistake = "none" | "drops-long" | "keeps-checksums" | "drops-all";

const BUN = process.execPath;
const RELAY = join(import.meta.dir, "relay.ts");
const TRANSFER = join(import.meta.dir, "transfer.ts");

/** Ways from a throwaway dom0 through its devices to a server, with real packets. */
export class Paths {
  readonly #running: Running[] = [];
  readonly #addresses: string[] = [];

  private constructor(private readonly dom0: Dom0) {}

  /** Makes a path through each device, with something wrong behind it or not. */
  static async open(dom0: Dom0, mistakes: Readonly<Record<string, Mistake>>): Promise<Paths> {
    const paths = new Paths(dom0);
    for (const [device, mistake] of Object.entries(mistakes)) await paths.#add(device, mistake);
    await paths.#start(BUN, TRANSFER, "serve");
    return paths;
  }

  /** The command that transfers something through every device, and exits 0 when all of it arrives. */
  get check(): string {
    return [BUN, TRANSFER, ...this.#addresses].join(" ");
  }

  async #add(device: string, mistake: Mistake): Promise<void> {
    const number = this.#addresses.length + 1;
    const peer = await this.#findPeer(device);
    const address = `10.77.${number}.2`;
    await this.dom0.text(["ip", "address", "add", `10.77.${number}.1/24`, "dev", device]);
    let end = peer;
    if (mistake !== "none") {
      const near = `near${number}`;
      end = `far${number}`;
      await this.#beyond("ip", "link", "add", near, "type", "veth", "peer", "name", end);
      for (const name of [near, end, peer]) await this.#beyond("ip", "link", "set", name, "up");
      // The server's own packets are whole: what is wrong is on the way to it.
      await this.#beyond("ethtool", "-K", end, "tx", "off", "tso", "off", "gso", "off");
      await this.#start(BUN, RELAY, peer, near, mistake);
    }
    await this.#beyond("ip", "address", "add", `${address}/24`, "dev", end);
    this.#addresses.push(address);
  }

  /** The other end of a device, which the dom0 does not show. */
  async #findPeer(device: string): Promise<string> {
    const index = /@if(\d+):/.exec(await this.dom0.text(["ip", "-o", "link", "show", "dev", device]))?.[1];
    const links = await this.#beyond("ip", "-o", "link");
    const name = new RegExp(`^${index}: ([^@:]+)`, "m").exec(links)?.[1];
    if (name === undefined) throw new Error(`${device} has no other end`);
    return name;
  }

  #beyond(...argv: readonly string[]): Promise<string> {
    return this.dom0.text([...this.#enter(), ...argv]);
  }

  async #start(...argv: readonly string[]): Promise<void> {
    const running = this.dom0.spawn([...this.#enter(), ...argv], { timeoutMs: 600_000 });
    // It ends with the dom0.
    running.exited.catch(() => {});
    await running.waitFor("ready");
    this.#running.push(running);
  }

  #enter(): readonly string[] {
    return ["nsenter", "--target", String(this.dom0.namespace.peers), "--net"];
  }
}
