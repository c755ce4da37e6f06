import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Result } from "../dom0/running.ts";
import { DocumentSchema, NETWORKD_DB } from "../dom0/toolstack/networkd-document.ts";

/** What a run could have changed. */
export interface HostState {
  /** `ethtool -k` of every device, letter by letter. */
  readonly live: string;
  /** `other_config` of every host, PIF and VIF, one per line; of the tool's own texts the newest, without its name. */
  readonly otherConfigs: string;
  /** What networkd applies to NICs when it starts, one per line. */
  readonly networkd: string;
  /** What there is in /var/lib/offload besides the lock, and what runs at boot. */
  readonly files: string;
}

/** How a command ended, and what strace wrote down of it. */
export interface TraceResult {
  readonly result: Result;
  readonly log: string;
}

/** The path of the log as the dom0 sees it. */
const LOG_PATH = "/run/dom0/strace.log";

/** All devices, what networkd has on disk, and all files but the lock. */
const READ_STATE_SCRIPT = `
for device in $(ls /sys/class/net); do ethtool -k "$device" || exit 1; done
echo ======
cat ${NETWORKD_DB}
echo ======
ls -A /var/lib/offload 2> /dev/null | grep -vx lock
find /etc/offload /etc/udev/rules.d /etc/systemd/system -name "*offload*" ! -type d 2> /dev/null | sort
sha256sum < /etc/rc.d/rc.local
true`;

/** What runs at boot, put there or taken away past the program. */
const REMOVE_BOOT_LAYER_SCRIPT = `
rm -rf /var/lib/offload /etc/offload
find /etc/udev/rules.d /etc/systemd/system -name "*offload*" -delete 2> /dev/null
cat /run/dom0/rc.local > /etc/rc.d/rc.local; chmod --reference=/run/dom0/rc.local /etc/rc.d/rc.local`;

/** What ethtool -k calls otherwise than ethtool -K does. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["rx-checksumming", "rx"],
  ["generic-segmentation-offload", "gso"],
  ["generic-receive-offload", "gro"],
  ["large-receive-offload", "lro"],
  ["rx-vlan-offload", "rxvlan"],
  ["tx-vlan-offload", "txvlan"],
  ["receive-hashing", "rxhash"],
  ["ntuple-filters", "ntuple"],
]);

/**
 * A small dom0 in which the same command meets one fault after another. What was there in the
 * beginning is not all default: a record that says `true`, one that says `on`, a feature that is
 * off, one that waits for another.
 */
export class FaultHost implements AsyncDisposable {
  /** The state, for as long as nothing has run since it was looked at. */
  #cached: HostState | undefined;

  private constructor(
    readonly dom0: Dom0,
    /** What was there in the beginning. */
    readonly original: HostState,
    /** What is there after a `disable ALL` that nothing disturbs. */
    readonly disabled: HostState,
    /** What is there after a `persist ALL` that nothing disturbs. */
    readonly persisted: HostState,
    /** What is there after a `persist ALL` and an `enable ALL` that nothing disturbs. */
    readonly enabled: HostState,
  ) {}

  static async start(): Promise<FaultHost> {
    const dom0 = await Dom0.start({ nics: 2, vms: 2 });
    const { ref: nic } = dom0.fixture.pif("eth1");
    const { ref: vif } = dom0.fixture.vif("web 1");
    await dom0.text(["cp", "-p", "/etc/rc.d/rc.local", "/run/dom0/rc.local"]);
    await dom0.simulator.set(
      ["PIF", nic, "other_config", { "ethtool-tso": "on", note: "rack 4" }],
      ["VIF", vif, "other_config", { "ethtool-tx": "true", "xo:note": "uplink" }],
    );
    await dom0.toolstack.reconnectCoordinator();
    await dom0.setFeatures("eth1", "gro", "off");
    await dom0.setFeatures("vif1.0", "sg", "off");
    const original = await readHostState(dom0);
    const after: HostState[] = [];
    for (const command of ["disable", "persist", "enable"]) {
      if (command === "enable") await dom0.offload("persist", "ALL", "--yes");
      const run = await dom0.offload(command, "ALL", "--yes");
      after.push(await readHostState(dom0));
      const restored = await dom0.offload("restore", "--yes");
      const errors = [run.exitCode, restored.exitCode, ...findDifferences(original, await readHostState(dom0))];
      if (errors.some((code) => code !== 0)) {
        throw new Error(`${command} without a fault: ${errors.join("\n")}\n${run.stdout}${restored.stdout}`);
      }
    }
    const [disabled = original, persisted = original, enabled = original] = after;
    return new FaultHost(dom0, original, disabled, persisted, enabled);
  }

  offload(...args: readonly string[]): Promise<Result> {
    this.#cached = undefined;
    return this.dom0.offload(...args);
  }

  async readState(): Promise<HostState> {
    this.#cached ??= await readHostState(this.dom0);
    return this.#cached;
  }

  /** Waits for a boot script that outlives whoever started it. */
  async waitForBootScript(): Promise<void> {
    while ((await this.dom0.run(["pgrep", "-f", "disable-offloads"])).exitCode === 0) {
      await Bun.sleep(5);
    }
  }

  /** Runs the program under strace, with these arguments of strace. */
  async runTraced(strace: readonly string[], args: readonly string[]): Promise<TraceResult> {
    this.#cached = undefined;
    const outside = join(this.dom0.namespace.directory, "strace.log");
    rmSync(outside, { force: true });
    const argv = ["strace", "-qq", "-y", "-s", "0", "-o", LOG_PATH, ...strace, OFFLOAD, ...args];
    const result = await this.dom0.run(argv);
    return { result, log: readFileSync(outside, "utf8") };
  }

  /** Restores everything past the program; the program's own files are gone then. */
  async reset(): Promise<void> {
    await this.dom0.simulator.fault({ fault: "none" });
    const now = await this.readState();
    await this.dom0.run(["sh", "-c", REMOVE_BOOT_LAYER_SCRIPT]);
    if (findDifferences(this.original, now).length === 0) return;
    this.#cached = undefined;
    for (const line of this.original.otherConfigs.split("\n")) {
      const [kind = "", ref = "", config = "{}"] = line.split("\t");
      await this.dom0.simulator.set([kind, ref, "other_config", JSON.parse(config)]);
    }
    if (now.networkd !== this.original.networkd) await this.dom0.toolstack.reconnectCoordinator();
    const { live } = await this.readState();
    for (const [device, settings] of planSettings(this.original.live, live)) {
      if (settings.length > 0) await this.dom0.run(["ethtool", "-K", device, ...settings]);
    }
    this.#cached = undefined;
    const left = findDifferences(this.original, await this.readState());
    if (left.length > 0) throw new Error(`cannot be reset:\n${left.join("\n")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dom0.stop();
  }
}

/** What differs between two states, in lines; empty where nothing does. */
export function findDifferences(expected: HostState, actual: HostState): readonly string[] {
  return (["live", "otherConfigs", "networkd", "files"] as const).flatMap((part) => {
    if (expected[part] === actual[part]) return [];
    const [a, b] = [expected[part].split("\n"), actual[part].split("\n")];
    const lines =
      part === "live" && a.length === b.length
        ? b.flatMap((line, n) => (line === a[n] ? [] : [`${findDevice(a, n)} ${a[n]} -> ${line}`]))
        : [...a.filter((x) => !b.includes(x)).map((x) => `- ${x}`)].concat(
            b.filter((x) => !a.includes(x)).map((x) => `+ ${x}`),
          );
    return lines.map((line) => `${part}: ${line}`);
  });
}

async function readHostState(dom0: Dom0): Promise<HostState> {
  await dom0.toolstack.syncNetworkd();
  const [text, database] = await Promise.all([dom0.text(["sh", "-c", READ_STATE_SCRIPT]), dom0.simulator.database()]);
  const [live = "", networkd = "", files = ""] = text.split("======\n");
  const otherConfigs = (["host", "PIF", "VIF"] as const).flatMap((kind) =>
    Object.entries(database[kind] ?? {}).map(
      ([ref, record]) => `${kind}\t${ref}\t${formatSorted(record["other_config"])}`,
    ),
  );
  return {
    live,
    otherConfigs: otherConfigs.sort().join("\n"),
    networkd: formatOffloads(networkd),
    files: files.trim(),
  };
}

/** Keys in their order. Of the tool's own texts all count, so that the newest says everything. */
function formatSorted(config: unknown): string {
  const entries = config !== null && typeof config === "object" ? Object.entries(config) : [];
  const [own = [], others = []] = [true, false].map((isOwn) =>
    entries.filter(([key]) => key.startsWith("offload-") === isOwn).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const newest = own.at(-1);
  return JSON.stringify(Object.fromEntries(newest === undefined ? others : [...others, ["offload", newest[1]]]));
}

function formatOffloads(networkd: string): string {
  const { interface_config: interfaces } = v.parse(DocumentSchema, JSON.parse(networkd));
  return Object.entries(interfaces)
    .map(([name, { ethtool_offload: offloads }]) => `${name} ${formatSorted(offloads)}`)
    .sort()
    .join("\n");
}

function findDevice(lines: readonly string[], index: number): string {
  const heading = lines.slice(0, index + 1).findLast((line) => line.startsWith("Features for "));
  return heading?.slice("Features for ".length) ?? "";
}

/** What ethtool -K has to be told, by device. */
function planSettings(original: string, now: string): ReadonlyMap<string, readonly string[]> {
  const [before, after] = [parseDevices(original), parseDevices(now)];
  return new Map([...before].map(([device, lines]) => [device, planDeviceSettings(lines, after.get(device) ?? [])]));
}

/** The lines of ethtool -k by device. */
function parseDevices(text: string): ReadonlyMap<string, readonly string[]> {
  const sections = text.split("Features for ").slice(1);
  return new Map(
    sections.map((section) => {
      const [name = "", ...lines] = section.split("\n");
      return [name.replace(/:$/, ""), lines];
    }),
  );
}

/** What ethtool -K has to be told so that ethtool -k shows these lines again. */
export function planDeviceSettings(lines: readonly string[], now: readonly string[]): readonly string[] {
  return lines.flatMap((line, n) => {
    const [, name = "", value = ""] = /^\s*(\S+): (.*)$/.exec(line) ?? [];
    if (line === now[n] || value === "" || value.includes("fixed")) return [];
    // A line that sums up others is followed by them.
    if (!line.startsWith("\t") && lines[n + 1]?.startsWith("\t") === true) return [];
    return [SHORT_NAMES.get(name) ?? name, /^on$|requested on/.test(value) ? "on" : "off"];
  });
}
