import { join } from "node:path";
import { creationBatch, pairs, peerBatch } from "./devices.ts";
import type { Device, DeviceKind } from "./fixture/database.ts";
import type { Namespace } from "./namespace.ts";
import type { Result } from "./running.ts";
import type { RunOptions } from "./spawn.ts";

type Run = (argv: readonly string[], options?: RunOptions) => Promise<Result>;

/** What happens to the network devices of a dom0 while it runs. */
export class Link {
  private added = 0;

  constructor(
    private readonly namespace: Namespace,
    private readonly run: Run,
    private readonly bun: string,
  ) {}

  /** Makes a device, as the toolstack does when a VIF is plugged. */
  async add(name: string, kind: DeviceKind = "vif", mac = "fe:ff:ff:ff:ff:ff"): Promise<void> {
    // Far above the numbers that the devices of any fixture have.
    const number = 1_000_000 + this.added++;
    const device = { name, kind, mac };
    const batch = creationBatch([device], this.namespace.peers, number);
    await this.must(["ip", "-batch", "-"], `${batch}\n`);
    const peers = peerBatch([device], number);
    const enter = ["nsenter", "--target", String(this.namespace.peers), "--net"];
    await this.must([...enter, "ip", "-batch", "-"], `${peers}\n`);
    for (const pair of pairs([device])) await this.must(["ethtool", "-K", pair.name, "gro", "on"]);
  }

  /** Takes a device away, as a VM does that shuts down. */
  async remove(name: string): Promise<void> {
    await this.must(["ip", "link", "delete", name]);
  }

  /** Makes a NIC anew, as the driver that is loaded at boot: another device, everything on. */
  async replace(nic: Device): Promise<void> {
    await this.remove(nic.name);
    await this.add(nic.name, nic.kind, nic.mac);
  }

  /** Gives a device another name, as happens when NICs are moved between slots. */
  async rename(name: string, to: string): Promise<void> {
    await this.must(["ip", "link", "set", name, "down"]);
    await this.must(["ip", "link", "set", name, "name", to]);
    await this.must(["ip", "link", "set", to, "up"]);
  }

  /** The guest behind a tap or a requested-on vif connects: what was "off, requested on" comes on. */
  async connect(name: string): Promise<void> {
    await this.must([this.bun, join(import.meta.dir, "frontend.ts"), name]);
  }

  private async must(argv: readonly string[], stdin = ""): Promise<void> {
    const { exitCode, stderr } = await this.run(argv, { stdin });
    if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.trim()}`);
  }
}
