import * as v from "valibot";
import type { Machine } from "./machine.ts";
import type { NetworkConfig } from "./network-config.ts";
import {
  DocumentSchema,
  emptyDocument,
  type InterfaceConfig,
  NETWORKD_DB,
  type NetworkdDocument,
} from "./networkd-document.ts";

/** A program that failed, in networkd's words. */
export class ScriptError extends Error {}

/** The file is written this often, and at the end of networkd. */
const WRITTEN_EVERY_MS = 300_000;

/** What ethtool -k calls otherwise than ethtool -K does. */
const SUMMARY: Readonly<Record<string, string>> = {
  rx: "rx-checksumming",
  tx: "tx-checksumming",
  sg: "scatter-gather",
  tso: "tcp-segmentation-offload",
  ufo: "udp-fragmentation-offload",
  gso: "generic-segmentation-offload",
  gro: "generic-receive-offload",
  lro: "large-receive-offload",
};

const NO_DEVICE = 200;

/** Address, then ethtool: the order of network_server.ml. An address set by hand goes. */
const CONFIGURE = `
device=$1 address=$2 settings=$3
shift 3
[ -e "/sys/class/net/$device" ] || exit ${NO_DEVICE}
if ! ip -4 address show dev "$device" | grep -qF "inet \${address:-/} "; then
  ip -4 address flush dev "$device"
  [ -z "$address" ] || ip -4 address add "$address" dev "$device"
fi
[ -z "$settings" ] || /sbin/ethtool -s "$device" $settings || exit
ethtool -k "$device"
echo ======
/sbin/ethtool -K "$device" "$@" > /dev/null || exit
ethtool -k "$device"`;

const WRITE = 'cat > "$1.tmp" && mv "$1.tmp" "$1"';

/** A host's networkd: what it remembers, and what it runs. */
export class Networkd {
  /** The ethtool commands that it has run. */
  readonly commands: string[] = [];
  #document: NetworkdDocument = emptyDocument();
  #timer: Timer | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(private readonly machine: Machine) {}

  /** Reads its file, as one that has been running since then. */
  async load(): Promise<void> {
    const { exitCode, stdout } = await this.machine(["cat", NETWORKD_DB]);
    const parsed = exitCode === 0 ? v.safeParse(DocumentSchema, json(stdout)) : undefined;
    this.#document = parsed?.success === true ? parsed.output : emptyDocument();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.sync(), WRITTEN_EVERY_MS);
    this.#timer.unref();
  }

  /** Starts: its file is applied to the devices, whatever fails. */
  async start(): Promise<void> {
    await this.load();
    for (const [name, config] of Object.entries(this.#document.interface_config)) {
      if (config.persistent_i) await this.#apply(name, config).catch(swallow);
    }
  }

  /** Ends by SIGTERM, which writes the file; without writing, as at a power loss. */
  async stop({ written }: { readonly written: boolean }): Promise<void> {
    if (written) await this.sync();
    clearInterval(this.#timer);
  }

  /** Writes its file. */
  async sync(): Promise<void> {
    const text = JSON.stringify(this.#document);
    const { exitCode, stderr } = await this.machine(["sh", "-c", WRITE, "sh", NETWORKD_DB], text);
    if (exitCode !== 0) throw new Error(`networkd.db was not written: ${stderr}`);
  }

  /** Forgets everything, as xapi has it do before it plugs. */
  clear(): void {
    this.#document = emptyDocument();
  }

  /** Configures interfaces, one request at a time; throws the ScriptError of the first that fails. */
  configure({ interfaces, bridges }: NetworkConfig): Promise<void> {
    const turn = this.#last.then(async () => {
      Object.assign(this.#document.bridge_config, Object.fromEntries(bridges));
      for (const [name, config] of interfaces) {
        this.#document.interface_config[name] = config;
        await this.#apply(name, config);
      }
    });
    this.#last = turn.catch(swallow);
    return turn;
  }

  async #apply(name: string, config: InterfaceConfig): Promise<void> {
    const settings = words(config.ethtool_settings);
    const offloads = words(config.ethtool_offload);
    const { ipv4_conf: ipv4 } = config;
    const [address, length] = (typeof ipv4 === "string" ? undefined : ipv4[1][0]) ?? [];
    const argument = address === undefined ? "" : `${address}/${length}`;
    const argv = ["sh", "-c", CONFIGURE, "sh", name, argument, settings.join(" "), ...offloads];
    const { exitCode, stdout, stderr } = await this.machine(argv);
    if (exitCode === NO_DEVICE) return;
    const reached = stdout.includes("======");
    if (settings.length > 0) this.#ran(["-s", name, ...settings], reached ? 0 : exitCode, stderr);
    const status = exitCode === 0 ? parseOldStatus(stdout, config.ethtool_offload) : exitCode;
    const complaint = status === 1 && exitCode === 0 ? "Could not change any device features\n" : "";
    this.#ran(["-K", name, ...offloads], status, stderr + complaint);
  }

  #ran(args: readonly string[], exitCode: number, stderr: string): void {
    this.commands.push(["/sbin/ethtool", ...args].join(" "));
    if (exitCode === 0) return;
    throw new ScriptError(
      `script error [script = /sbin/ethtool, args = ${args.join(" ")}, code = Exit code ${exitCode}, ` +
        `stdout = , stderr = ${stderr}]`,
    );
  }
}

/**
 * How the ethtool of a dom0 ends, 3.15 to 4.19: with 1 where a request stays unmet and nothing changed
 * (do_sfeatures in ethtool.c). The one of this machine, which speaks netlink, ends with 0.
 */
function parseOldStatus(output: string, offloads: Readonly<Record<string, string>>): number {
  const [before = "", after = ""] = output.split("======\n");
  const isMet = ([name, value]: [string, string]) => {
    const [, now] = new RegExp(`^${SUMMARY[name] ?? name}: (on|off)`, "m").exec(after) ?? [];
    return now === undefined || now === value;
  };
  return before === after && !Object.entries(offloads).every(isMet) ? 1 : 0;
}

function words(map: Readonly<Record<string, string>>): string[] {
  return Object.entries(map).flat();
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function swallow(): void {
  // networkd and xapi log it and go on.
}
