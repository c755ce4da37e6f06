import * as v from "valibot";
import { otherConfig } from "../commands/truth.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Fault } from "../dom0/simulator/control.ts";
import type { Vif, Vm } from "../dom0/world/database.ts";
import { settingsFor } from "./host.ts";
import { disagreements, featuresText } from "./judge.ts";
import { Random } from "./random.ts";

/** How a number of rounds went. */
export interface Rounds {
  /** How often each kind of round came. */
  readonly kinds: ReadonlyMap<string, number>;
  /** How often everything was put back and held against the beginning. */
  readonly checkpoints: number;
  /** What was not as it has to be, with the round. */
  readonly lost: readonly string[];
}

const VMS = ["web 1", "db", "mail é", "pfSense"] as const;
const NICS = ["eth0", "eth1", "eth2", "eth3"] as const;
const TARGETS = [...NICS, ...VMS, "backup", "win 10"] as const;
const WORDS = ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"] as const;
/** The words of which xenopsd applies the records when a VIF is plugged. */
const PLUGGED = ["rx", "tx", "sg", "tso", "ufo", "gso"];

const FAULTS: readonly [Omit<Fault, "after">, ...Omit<Fault, "after">[]] = [
  { fault: "error", times: 1, code: "INTERNAL_ERROR", params: ["Not_found"] },
  { fault: "error", code: "SESSION_INVALID", params: ["OpaqueRef:lost"] },
  { fault: "http500", times: 1 },
  { fault: "half", times: 1 },
  { fault: "die" },
  { fault: "refuse" },
];

/** The records that the journal tells of. */
const Noted = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    interfaces: v.optional(
      v.record(v.string(), v.object({ records: v.record(v.string(), v.unknown()) })),
      {},
    ),
  }),
);

/** How likely it is after a round that everything is put back, besides at the end. */
const CHECKPOINTS = 0.05;

/** Random commands, faults and lives of VMs in one dom0, and what is true after each. */
export async function playRounds(seed: number, count: number): Promise<Rounds> {
  await using dom0 = await Dom0.start({ scenarios: ["coordinator"] });
  const play = await Play.begin(dom0, new Random(seed));
  for (let round = 1; round <= count; round += 1) await play.round(round);
  await play.checkpoint("the end");
  return { kinds: play.kinds, checkpoints: play.checkpoints, lost: play.lost };
}

/** What a VIF was in the beginning. */
interface Original {
  readonly records: Record<string, unknown>;
  /** What ethtool says of a device that is plugged with these records. */
  readonly vif: string;
  readonly tap: string;
}

class Play {
  readonly kinds = new Map<string, number>();
  readonly lost: string[] = [];
  checkpoints = 0;
  readonly #domids = new Map<string, number>();
  readonly #nics = new Map<string, string>();
  readonly #nicRecords = new Map<string, Record<string, unknown>>();
  readonly #vifs = new Map<string, Original>();
  /** Left behind by runs that were killed, for the next run to remove. */
  #leftovers = new Set<string>();
  #nextDomid = 50;
  #where = "";
  #forced = false;

  private constructor(
    readonly dom0: Dom0,
    readonly random: Random,
  ) {}

  static async begin(dom0: Dom0, random: Random): Promise<Play> {
    const play = new Play(dom0, random);
    for (const nic of NICS) {
      play.#nics.set(nic, await featuresText(dom0, nic));
      play.#nicRecords.set(nic, await otherConfig(dom0, "PIF", dom0.world.pif(nic).ref));
    }
    for (const name of VMS) {
      const vm = dom0.world.vm(name);
      play.#domids.set(name, vm.record.domid);
      for (const vif of vm.vifs) {
        const text = (device: string | undefined) =>
          device === undefined ? "" : featuresText(dom0, device);
        play.#vifs.set(vif.ref, {
          records: await otherConfig(dom0, "VIF", vif.ref),
          vif: await text(vif.device),
          tap: await text(vif.tap),
        });
      }
    }
    return play;
  }

  async round(number: number): Promise<void> {
    const kind = this.random.fraction();
    const sessions = await this.dom0.simulator.sessions();
    let orderly = false;
    if (kind < 0.3) orderly = await this.#disable(number);
    else if (kind < 0.45) orderly = await this.#restore(number);
    else if (kind < 0.53) orderly = await this.#command(number, "persist", ["persist"]);
    else if (kind < 0.59) {
      orderly = await this.#command(number, "persist --remove", ["persist", "--remove"]);
    } else if (kind < 0.74) await this.#kill(number);
    else if (kind < 0.93) orderly = await this.#live(number);
    else orderly = await this.#anotherClient(number);
    this.#complain(await disagreements(this.dom0));
    await this.#checkLeftovers(orderly);
    if (orderly && (await this.dom0.simulator.sessions()) > sessions) {
      this.#complain(["a session was left open"]);
    }
    if (this.random.chance(CHECKPOINTS)) await this.checkpoint(`after round ${number}`);
  }

  /** Puts everything back, and holds what there is now against what was there in the beginning. */
  async checkpoint(when: string): Promise<void> {
    this.checkpoints += 1;
    this.#where = `${this.#where}; put back ${when}`;
    await this.dom0.offload("persist", "--remove");
    const force = this.#forced ? ["--force"] : [];
    const run = await this.dom0.offload("restore", "--yes", ...force);
    if (run.exitCode !== 0) this.#complain([`restore: ${run.exitCode} ${run.stdout}${run.stderr}`]);
    this.#forced = false;
    const { world } = this.dom0;
    for (const [nic, text] of this.#nics) {
      await this.#compare(nic, text);
      await this.#records(nic, this.#nicRecords.get(nic), "PIF", world.pif(nic).ref);
    }
    for (const name of VMS) {
      const domid = this.#domids.get(name);
      for (const vif of world.vm(name).vifs) {
        const original = this.#vifs.get(vif.ref);
        await this.#records(`VIF of ${name}`, original?.records, "VIF", vif.ref);
        if (domid === undefined) continue;
        for (const [kind, text] of [
          ["vif", original?.vif ?? ""],
          ["tap", original?.tap ?? ""],
        ] as const) {
          if (text === "") continue;
          const device = `${kind}${domid}.${vif.record.device}`;
          await this.#compare(device, text);
        }
      }
    }
    const files = await this.dom0.run(["ls", "-A", "/var/lib/offload"]);
    const left = files.stdout.split("\n").filter((name) => name !== "" && name !== "lock");
    if (left.length > 0) this.#complain([`left in /var/lib/offload: ${left.join(", ")}`]);
    this.#leftovers = new Set();
  }

  async #disable(number: number): Promise<boolean> {
    const { random } = this;
    const all = random.chance(0.3);
    const targets = all ? ["ALL", "--yes"] : random.some(TARGETS);
    const features = random.chance(0.5) ? [] : [`--features=${random.some(WORDS).join(",")}`];
    const record = random.chance(0.85) ? [] : ["--no-record"];
    return await this.#command(number, "disable", ["disable", ...features, ...record, ...targets]);
  }

  async #restore(number: number): Promise<boolean> {
    const targets = this.random.chance(0.4) ? ["--yes"] : this.random.some(TARGETS);
    return await this.#command(number, "restore", ["restore", ...targets]);
  }

  /** Runs a command, a quarter of them with a fault of XAPI's at some call. */
  async #command(number: number, kind: string, args: readonly string[]): Promise<boolean> {
    const fault = this.random.chance(0.25) ? this.random.pick(FAULTS) : undefined;
    const after = this.random.below(40);
    this.#begin(number, kind, `${args.join(" ")}${fault ? ` (${fault.fault}, ${after})` : ""}`);
    if (fault !== undefined) await this.dom0.simulator.fault({ ...fault, after });
    const { exitCode, stdout, stderr } = await this.dom0.offload(...args);
    await this.dom0.simulator.fault({ fault: "none" });
    const said = `${stdout}${stderr}`;
    if (exitCode === null || said === "" || /internal error/.test(said)) {
      this.#complain([`ended with ${exitCode}: ${said}`]);
    }
    if (kind === "restore" && exitCode === 0) await this.#checkRestored(args);
    return fault === undefined;
  }

  /** Exit code 0 of a restore means that what it was about is as it was. */
  async #checkRestored(args: readonly string[]): Promise<void> {
    if (args.includes("--yes")) {
      const journal = await this.dom0.run(["test", "-e", "/var/lib/offload/journal.json"]);
      if (journal.exitCode === 0) this.#complain(["restore: 0, and yet there is a journal"]);
      return;
    }
    const journal = await this.dom0.run(["cat", "/var/lib/offload/journal.json"]);
    for (const nic of NICS) {
      const { uuid } = this.dom0.world.pif(nic).record;
      if (!args.includes(nic) || !journal.stdout.includes(uuid)) continue;
      this.#complain([`restore: 0, and yet ${nic} is in the journal`]);
    }
  }

  async #kill(number: number): Promise<void> {
    const { random } = this;
    const choices: [readonly string[], ...(readonly string[])[]] = [
      ["disable", "ALL", "--yes"],
      ["restore", "--yes"],
      ["restore", random.pick(TARGETS)],
      ["persist"],
    ];
    const args = random.pick(choices);
    const delay = random.below(160);
    this.#begin(number, "kill", `${args.join(" ")} killed after ${delay} ms`);
    const run = this.dom0.spawn([OFFLOAD, ...args]);
    await Bun.sleep(delay);
    await run.signal("SIGKILL");
    await run.exited;
  }

  async #live(number: number): Promise<boolean> {
    const name = this.random.pick(VMS);
    const vm = this.dom0.world.vm(name);
    const away = this.random.chance(0.3);
    if (this.#domids.has(name)) {
      const reboots = this.random.chance(0.5);
      this.#begin(number, "VM", `${name} ${reboots ? "reboots" : away ? "migrates" : "stops"}`);
      await this.#unplug(name, vm);
      if (reboots) await this.#plug(name, vm);
      else if (away) await this.#settleElsewhere(vm);
    } else {
      this.#begin(number, "VM", `${name} starts here`);
      await this.#plug(name, vm);
    }
    return true;
  }

  async #unplug(name: string, vm: Vm): Promise<void> {
    const { dom0 } = this;
    for (const vif of vm.vifs) {
      for (const device of this.#devicesOf(name, vif)) await dom0.link.remove(device);
      await dom0.simulator.set(["VIF", vif.ref, "currently_attached", false]);
    }
    this.#domids.delete(name);
    await dom0.simulator.set(
      ["VM", vm.ref, "power_state", "Halted"],
      ["VM", vm.ref, "resident_on", "OpaqueRef:NULL"],
      ["VM", vm.ref, "domid", -1],
    );
  }

  /** New devices, to which the records are applied as the hotplug script does it. */
  async #plug(name: string, vm: Vm): Promise<void> {
    const { dom0 } = this;
    this.#domids.set(name, this.#nextDomid++);
    for (const vif of vm.vifs) {
      const config = await otherConfig(dom0, "VIF", vif.ref);
      const settings = PLUGGED.flatMap((word) => {
        const value = config[`ethtool-${word}`];
        if (value === "off" || value === "false") return [[word, "off"]];
        return value === "on" || value === "true" ? [[word, "on"]] : [];
      });
      for (const device of this.#devicesOf(name, vif)) {
        const isTap = device.startsWith("tap");
        await dom0.link.add(device, isTap ? "tap" : "vif");
        if (isTap) continue;
        for (const setting of settings) await dom0.run(["ethtool", "-K", device, ...setting]);
      }
      await dom0.simulator.set(["VIF", vif.ref, "currently_attached", true]);
    }
    await dom0.simulator.set(
      ["VM", vm.ref, "domid", this.#domids.get(name)],
      ["VM", vm.ref, "resident_on", dom0.world.host.ref],
      ["VM", vm.ref, "power_state", "Running"],
    );
  }

  async #settleElsewhere(vm: Vm): Promise<void> {
    const { simulator, world } = this.dom0;
    for (const { ref } of vm.vifs) await simulator.set(["VIF", ref, "currently_attached", true]);
    await simulator.set(
      ["VM", vm.ref, "domid", 7],
      ["VM", vm.ref, "resident_on", world.other?.ref ?? ""],
      ["VM", vm.ref, "power_state", "Running"],
    );
  }

  /** Another client writes a key of its own, or one of ours, which makes a conflict. */
  async #anotherClient(number: number): Promise<boolean> {
    const { random, dom0 } = this;
    const nic = random.pick(NICS);
    const { ref, record } = dom0.world.pif(nic);
    const key = random.chance(0.5) ? "note" : `ethtool-${random.pick(WORDS)}`;
    const value = key === "note" ? `rack ${number}` : "on";
    this.#begin(number, "another client", `${nic} ${key}=${value}`);
    const journal = (await dom0.run(["cat", "/var/lib/offload/journal.json"])).stdout;
    const config = { ...(await otherConfig(dom0, "PIF", ref)), [key]: value };
    await dom0.simulator.set(["PIF", ref, "other_config", config]);
    // What the program has noted before is what it puts back, with --force; all else is to stay.
    const noted = v.parse(Noted, journal || "{}").interfaces[record.uuid]?.records ?? {};
    if (Object.hasOwn(noted, key)) this.#forced = true;
    else this.#nicRecords.set(nic, { ...this.#nicRecords.get(nic), [key]: value });
    return true;
  }

  #devicesOf(name: string, vif: Vif): readonly string[] {
    const suffix = `${this.#domids.get(name)}.${vif.record.device}`;
    return this.#vifs.get(vif.ref)?.tap === ""
      ? [`vif${suffix}`]
      : [`vif${suffix}`, `tap${suffix}`];
  }

  async #checkLeftovers(orderly: boolean): Promise<void> {
    const places = ["/var/lib/offload", "/etc/rc.d", "/etc/offload", "/etc/udev/rules.d"];
    const found = await this.dom0.run(["find", ...places, "-name", ".offload-new.*"]);
    const names = found.stdout.split("\n").filter((name) => name !== "");
    const fresh = names.filter((name) => !this.#leftovers.has(name));
    if (orderly && fresh.length > 0) this.#complain([`temporary files: ${fresh.join(", ")}`]);
    this.#leftovers = new Set(names);
  }

  async #records(
    what: string,
    expected: Record<string, unknown> | undefined,
    kind: "PIF" | "VIF",
    ref: string,
  ): Promise<void> {
    const got = await otherConfig(this.dom0, kind, ref);
    const text = (config: Record<string, unknown>) =>
      JSON.stringify(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (text(got) !== text(expected ?? {})) {
      await this.dom0.simulator.set([kind, ref, "other_config", expected ?? {}]);
      this.#complain([`${what}: records ${text(expected ?? {})} are now ${text(got)}`]);
    }
  }

  /** Holds a device against what it was; puts it right, so that the same is not told again. */
  async #compare(device: string, expected: string): Promise<void> {
    const got = await featuresText(this.dom0, device);
    if (expected === got) return;
    const before = expected.split("\n");
    const changed = got.split("\n").filter((line, n) => line !== before[n]);
    this.#complain([
      `${device} is not as it was: ${changed.map((line) => line.trim()).join(", ")}`,
    ]);
    await this.dom0.run(["ethtool", "-K", device, ...settingsFor(before, got.split("\n"))]);
  }

  #begin(number: number, kind: string, what: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    this.#where = `round ${number}: ${what}`;
  }

  #complain(what: readonly string[]): void {
    const where = `seed ${this.random.seed}, ${this.#where}`;
    this.lost.push(...what.map((line) => `${where}: ${line.trim()}`));
  }
}
