import { readOtherConfig } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Fault } from "../dom0/simulator/control.ts";
import { findVerifyMismatches } from "./expected-findings.ts";
import { Originals } from "./originals.ts";
import { Random } from "./random.ts";

/** How a number of rounds went. */
export interface RoundsResult {
  /** How often each kind of round came. */
  readonly kinds: ReadonlyMap<string, number>;
  /** How often everything was restored and held against the beginning. */
  readonly checkpoints: number;
  /** What was not as it has to be, with the round. */
  readonly failures: readonly string[];
}

const VMS = ["web 1", "db", "mail é", "pfSense"] as const;
const NICS = ["eth0", "eth1", "eth2", "eth3"] as const;
const TARGETS = [...NICS, ...VMS, "backup", "win 10"] as const;
const FEATURES = ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"] as const;

const FAULTS: readonly [Omit<Fault, "after">, ...Omit<Fault, "after">[]] = [
  { fault: "error", times: 1, code: "INTERNAL_ERROR", params: ["Not_found"] },
  { fault: "error", code: "SESSION_INVALID", params: ["OpaqueRef:lost"] },
  { fault: "http500", times: 1 },
  { fault: "half", times: 1 },
  { fault: "die" },
  { fault: "refuse" },
];

/** What an upgrade from ISO leaves out: everything of ours that is not in XAPI. */
const REINSTALL_SCRIPT = `rm -rf /var/lib/offload /etc/offload
find /etc/udev/rules.d /etc/systemd/system -name "*offload*" -delete 2> /dev/null
cat /run/dom0/rc.local > /etc/rc.d/rc.local`;

/** xenstore as far as the boot script asks: whose a domain is, and whether a vif has been set up. */
const XENSTORE_READ = `#!/bin/sh
case $1 in
*/hotplug-status) echo connected ;;
*/vm) domid=\${1#/local/domain/}; cat "/run/dom0/domains/\${domid%/vm}" ;;
esac`;

/** The script runs with the PATH of a boot, in which nothing of the machine below is to be changed. */
const INSTALL_XENSTORE = `mkdir -p /run/dom0/sbin /run/dom0/domains
cat > /run/dom0/sbin/xenstore-read
chmod 755 /run/dom0/sbin/xenstore-read
mount -t overlay xenstore -o lowerdir=/run/dom0/sbin:/usr/sbin /usr/sbin`;

/** How likely it is after a round that everything is restored, besides at the end. */
const CHECKPOINT_PROBABILITY = 0.05;

/** Random commands, faults and lives of VMs in one dom0, and what is true after each. */
export async function runRounds(seed: number, count: number): Promise<RoundsResult> {
  await using dom0 = await Dom0.start({ scenarios: ["coordinator"] });
  await dom0.text(["cp", "-p", "/etc/rc.d/rc.local", "/run/dom0/rc.local"]);
  const xenstore = await dom0.run(["sh", "-ec", INSTALL_XENSTORE], { stdin: XENSTORE_READ });
  if (xenstore.exitCode !== 0) throw new Error(xenstore.stderr);
  await dom0.toolstack.reconnectCoordinator();
  const runner = new RoundRunner(dom0, new Random(seed), await Originals.read(dom0, NICS, TARGETS));
  for (let round = 1; round <= count; round += 1) await runner.round(round);
  await runner.checkpoint("the end");
  return { kinds: runner.kinds, checkpoints: runner.checkpoints, failures: runner.failures };
}

type Round = (number: number) => Promise<boolean>;

class RoundRunner {
  readonly kinds = new Map<string, number>();
  readonly failures: string[] = [];
  checkpoints = 0;
  /** Left behind by runs that were killed, for the next run to remove. */
  #leftovers = new Set<string>();
  /** Snapshots that VMs can be reverted to, by the VM's name. */
  readonly #snapshots = new Map<string, { readonly ref: string }>();
  readonly #clones: { readonly ref: string }[] = [];
  #description = "";
  #needsForce = false;
  readonly #rounds: readonly (readonly [weight: number, play: Round])[];

  constructor(
    readonly dom0: Dom0,
    readonly random: Random,
    readonly originals: Originals,
  ) {
    this.#rounds = [
      [28, (number) => this.#disable(number)],
      [14, (number) => this.#restore(number)],
      [9, (number) => this.#persist(number)],
      [5, (number) => this.#command(number, "persist --remove", ["persist", "--remove"])],
      [13, (number) => this.#kill(number)],
      [16, (number) => this.#changeVmState(number)],
      [3, (number) => this.#cloneVm(number)],
      [3, (number) => this.#snapshotOrRevert(number)],
      [3, (number) => this.#restart(number)],
      [2, (number) => this.#reinstall(number)],
      [6, (number) => this.#anotherClient(number)],
    ];
  }

  async round(number: number): Promise<void> {
    const sessions = await this.dom0.simulator.sessions();
    const isUninterrupted = await this.#pickRound()(number);
    await this.originals.updateXenstore();
    this.#reportFailures(await findVerifyMismatches(this.dom0));
    await this.#checkLeftovers(isUninterrupted);
    if (isUninterrupted && (await this.dom0.simulator.sessions()) > sessions) {
      this.#reportFailures(["a session was left open"]);
    }
    if (this.random.chance(CHECKPOINT_PROBABILITY)) await this.checkpoint(`after round ${number}`);
  }

  /** Restores everything, and holds what there is now against what was there in the beginning. */
  async checkpoint(when: string): Promise<void> {
    this.checkpoints += 1;
    this.#description = `${this.#description}; restored ${when}`;
    // Of a VM on another host, that host restores what is live.
    for (const name of VMS) {
      const vm = this.dom0.fixture.vm(name);
      if ((await this.originals.readHostRef(vm)) === this.dom0.fixture.other?.ref) {
        await this.dom0.guests.migrate(vm, this.dom0);
      }
    }
    await this.originals.updateXenstore();
    const force = this.#needsForce ? ["--force"] : [];
    const run = await this.dom0.offload("restore", "--yes", ...force);
    if (run.exitCode !== 0) this.#reportFailures([`restore: ${run.exitCode} ${run.stdout}${run.stderr}`]);
    this.#needsForce = false;
    this.#reportFailures(await this.originals.findDifferences(this.#clones));
    for (const clone of this.#clones.splice(0)) await this.dom0.simulator.remove(["VM", clone.ref]);
    const files = await this.dom0.run(["ls", "-A", "/var/lib/offload"]);
    const left = files.stdout.split("\n").filter((name) => name !== "");
    if (left.length > 0) this.#reportFailures([`left in /var/lib/offload: ${left.join(", ")}`]);
    this.#leftovers = new Set();
  }

  #pickRound(): Round {
    let left = this.random.below(this.#rounds.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, run] of this.#rounds) {
      left -= weight;
      if (left < 0) return run;
    }
    return (number) => this.#disable(number);
  }

  async #disable(number: number): Promise<boolean> {
    const { random } = this;
    const groupTarget = random.chance(0.3) ? [random.pick(["ALL", "NICS", "VIFS"]), "--yes"] : undefined;
    const features = random.chance(0.5) ? [] : [`--features=${random.some(FEATURES).join(",")}`];
    const live = random.chance(0.85) ? [] : ["--live-only"];
    const targets = groupTarget ?? random.some(TARGETS);
    return await this.#command(number, "disable", ["disable", ...features, ...live, ...targets]);
  }

  async #restore(number: number): Promise<boolean> {
    const targets = this.random.chance(0.4) ? [] : this.random.some(TARGETS);
    return await this.#command(number, "restore", ["restore", "--yes", ...targets]);
  }

  async #persist(number: number): Promise<boolean> {
    const targets = this.random.chance(0.5) ? [] : this.random.some(TARGETS);
    return await this.#command(number, "persist", ["persist", "--yes", ...targets]);
  }

  /** Runs a command, a quarter of them with a fault of XAPI's at some call. */
  async #command(number: number, kind: string, args: readonly string[]): Promise<boolean> {
    const fault = this.random.chance(0.25) ? this.random.pick(FAULTS) : undefined;
    const after = this.random.below(40);
    this.#begin(number, kind, `${args.join(" ")}${fault ? ` (${fault.fault}, ${after})` : ""}`);
    if (fault !== undefined) await this.dom0.simulator.fault({ ...fault, after });
    const { exitCode, stdout, stderr } = await this.dom0.offload(...args);
    await this.dom0.simulator.fault({ fault: "none" });
    const output = `${stdout}${stderr}`;
    if (exitCode === null || output === "" || /internal error/.test(output)) {
      this.#reportFailures([`ended with ${exitCode}: ${output}`]);
    }
    if (kind === "restore" && exitCode === 0) await this.#checkRestored(args);
    return fault === undefined;
  }

  /** Exit code 0 of a restore means that no text is left but one that says that something stays on. */
  async #checkRestored(args: readonly string[]): Promise<void> {
    const isEverything = args.length === 2;
    for (const nic of NICS) {
      if (!isEverything && !args.includes(nic)) continue;
      const config = await readOtherConfig(this.dom0, "PIF", this.dom0.fixture.pif(nic).ref);
      const texts = Object.entries(config).filter(([key]) => key.startsWith("offload-"));
      const left = texts.filter(([, text]) => String(text).includes('"original"'));
      if (left.length > 0) this.#reportFailures([`restore: 0, and yet ${nic} has originals`]);
      if (isEverything && texts.length > 0) this.#reportFailures([`restore: 0, and yet ${nic} has a text`]);
    }
  }

  async #kill(number: number): Promise<boolean> {
    const { random } = this;
    const choices: [readonly string[], ...(readonly string[])[]] = [
      ["disable", "ALL", "--yes"],
      ["restore", "--yes"],
      ["restore", random.pick(TARGETS)],
      ["persist", random.pick(TARGETS)],
      ["persist", "--yes"],
    ];
    const args = random.pick(choices);
    const delay = random.below(160);
    this.#begin(number, "kill", `${args.join(" ")} killed after ${delay} ms`);
    const run = this.dom0.spawn([OFFLOAD, ...args]);
    await Bun.sleep(delay);
    await run.signal("SIGKILL");
    await run.exited;
    while ((await this.dom0.run(["pgrep", "-f", "disable-offloads"])).exitCode === 0) {
      await Bun.sleep(5);
    }
    return false;
  }

  async #changeVmState(number: number): Promise<boolean> {
    const { random, dom0 } = this;
    const name = random.pick(VMS);
    const vm = dom0.fixture.vm(name);
    const { host, other } = dom0.fixture;
    const at = await this.originals.readHostRef(vm);
    const what = random.pick(["reboots", "reboots by the API", "stops", "migrates"]);
    if (at === null) {
      this.#begin(number, "VM starts", name);
      await dom0.guests.start(vm);
    } else if (at !== host.ref) {
      this.#begin(number, "VM migrates", `${name} comes back`);
      await dom0.guests.migrate(vm, dom0);
    } else if (what === "migrates" && other !== undefined) {
      this.#begin(number, "VM migrates", `${name} goes away`);
      await dom0.guests.migrate(vm, other);
    } else if (what === "stops") {
      this.#begin(number, "VM stops", name);
      await dom0.guests.shutdown(vm);
    } else {
      this.#begin(number, "VM reboots", `${name} ${what}`);
      await dom0.guests.reboot(vm, { from: what === "reboots" ? "guest" : "api" });
    }
    return true;
  }

  async #cloneVm(number: number): Promise<boolean> {
    const name = this.random.pick(VMS);
    this.#begin(number, "clone", name);
    const clone = `${name} copy ${number}`;
    this.#clones.push(await this.dom0.guests.clone(this.dom0.fixture.vm(name), clone));
    return true;
  }

  /** Makes a snapshot of a VM, or takes the VM back to the one that it has. */
  async #snapshotOrRevert(number: number): Promise<boolean> {
    const name = this.random.pick(VMS);
    const snapshot = this.#snapshots.get(name);
    this.#begin(number, "snapshot", `of ${name}${snapshot === undefined ? "" : ", reverted to"}`);
    if (snapshot === undefined) {
      const vm = this.dom0.fixture.vm(name);
      this.#snapshots.set(name, await this.dom0.guests.snapshot(vm, `${name} ${number}`));
    } else {
      await this.dom0.guests.revert(snapshot);
      this.#snapshots.delete(name);
      await this.dom0.simulator.remove(["VM", snapshot.ref]);
    }
    return true;
  }

  /** A restart of the toolstack, or a boot of the host, before which its VMs are stopped. */
  async #restart(number: number): Promise<boolean> {
    const isBoot = this.random.chance(0.5);
    this.#begin(number, isBoot ? "host boots" : "toolstack restarts", "");
    if (!isBoot) {
      await this.dom0.toolstack.restart();
      return false;
    }
    await this.#boot();
    return false;
  }

  /** What XAPI does not have is gone, and so is what was live. */
  async #reinstall(number: number): Promise<boolean> {
    this.#begin(number, "reinstall", "");
    await this.dom0.run(["sh", "-c", REINSTALL_SCRIPT]);
    await this.#boot();
    return false;
  }

  async #boot(): Promise<void> {
    const { host } = this.dom0.fixture;
    for (const name of VMS) {
      const vm = this.dom0.fixture.vm(name);
      if ((await this.originals.readHostRef(vm)) === host.ref) await this.dom0.guests.shutdown(vm);
    }
    await this.dom0.toolstack.reboot();
  }

  /** Another client writes a key of its own, or one of ours, which may make a conflict. */
  async #anotherClient(number: number): Promise<boolean> {
    const { random, dom0 } = this;
    const nic = random.pick(NICS);
    const { ref } = dom0.fixture.pif(nic);
    const key = random.chance(0.5) ? "note" : `ethtool-${random.pick(FEATURES)}`;
    const value = key === "note" ? `rack ${number}` : "on";
    this.#begin(number, "another client", `${nic} ${key}=${value}`);
    const config = await readOtherConfig(dom0, "PIF", ref);
    await dom0.simulator.set(["PIF", ref, "other_config", { ...config, [key]: value }]);
    if (key !== "note") this.#needsForce = true;
    this.originals.recordExternalWrite(nic, key, value);
    return true;
  }

  async #checkLeftovers(isUninterrupted: boolean): Promise<void> {
    const places = ["/var/lib/offload", "/etc/rc.d", "/etc/offload", "/etc/udev/rules.d"];
    const found = await this.dom0.run(["find", ...places, "-name", ".offload-new.*"]);
    const names = found.stdout.split("\n").filter((name) => name !== "");
    const fresh = names.filter((name) => !this.#leftovers.has(name));
    if (isUninterrupted && fresh.length > 0) this.#reportFailures([`temporary files: ${fresh.join(", ")}`]);
    this.#leftovers = new Set(names);
  }

  #begin(number: number, kind: string, what: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    this.#description = `round ${number}: ${kind} ${what}`;
  }

  #reportFailures(what: readonly string[]): void {
    const where = `seed ${this.random.seed}, ${this.#description}`;
    this.failures.push(...what.map((line) => `${where}: ${line.trim()}`));
  }
}
