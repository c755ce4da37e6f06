/**
 * `offload persist` and `--remove`, killed at every call by which they change a file, before every
 * program that they start, and at their end. The host must boot with the old or the new state, and
 * the next run must bring it to where an undisturbed one does.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { listFeaturesOn } from "../assertions/ethtool.ts";
import type { Call } from "../dom0/strace.ts";
import {
  type BootResult,
  type Files,
  findDifferences,
  findPartialFiles,
  isTemporaryPath,
  listTemporaryFiles,
  PersistKillHost,
} from "./persist-kill-host.ts";
import {
  findChangesOutsideMainThread,
  findKillPoints,
  findUnsyncedChanges,
  killAt,
  parseCalls,
  removeRandomNames,
} from "./persist-kill-trace.ts";

interface Scene {
  /** Whether systemd runs; only a stand-in, for no throwaway dom0 can have the real one. */
  readonly systemd: boolean;
  /** A script that prepares files. */
  readonly files?: string;
  /** What was persisted before. */
  readonly before?: Persisted;
  /** What the policy is when the command runs, as targets and options of `disable`. */
  readonly policy: string;
  /** The options of the command itself. */
  readonly options?: string;
  /** Whether old and new state turn the same off. */
  readonly alike?: boolean;
}

/** A policy, and the options with which it was persisted. */
type Persisted = Pick<Scene, "policy" | "options">;

const NO_RC_LOCAL = "rm /etc/rc.d/rc.local";
const PART = "eth1 --features tso,gso";

const SCENES: Readonly<Record<string, Scene>> = {
  "rc.local: ALL on a fresh host": { systemd: false, policy: "ALL" },
  "rc.local: ALL where there is no such file": {
    systemd: false,
    files: NO_RC_LOCAL,
    policy: "ALL",
  },
  "rc.local: from one NIC to ALL": { systemd: false, before: { policy: PART }, policy: "ALL" },
  "rc.local: from ALL to one NIC": { systemd: false, before: { policy: "ALL" }, policy: PART },
  "rc.local: from some features of ALL to all": {
    systemd: false,
    before: { policy: "ALL --features tso" },
    policy: "ALL",
  },
  "rc.local: --remove": {
    systemd: false,
    before: { policy: "ALL" },
    policy: "ALL",
    options: "--remove",
  },
  "rc.local: --remove of a file that was made": {
    systemd: false,
    files: NO_RC_LOCAL,
    before: { policy: "ALL" },
    policy: "ALL",
    options: "--remove",
  },
  "systemd: ALL on a fresh host": { systemd: true, policy: "ALL" },
  "systemd: from one NIC to ALL": { systemd: true, before: { policy: PART }, policy: "ALL" },
  "systemd: from ALL to one NIC": { systemd: true, before: { policy: "ALL" }, policy: PART },
  "systemd: --remove": {
    systemd: true,
    before: { policy: "ALL" },
    policy: "ALL",
    options: "--remove",
  },
  "from rc.local to systemd": {
    systemd: true,
    before: { policy: "ALL", options: "--method rc.local" },
    policy: "ALL",
    options: "--method systemd",
    alike: true,
  },
  "from systemd to rc.local": {
    systemd: true,
    before: { policy: "ALL", options: "--method systemd" },
    policy: "ALL",
    options: "--method rc.local",
    alike: true,
  },
};

/** What an undisturbed run starts from and comes to, and the calls on the way. */
interface Undisturbed {
  readonly pristine: Files;
  readonly before: Files;
  readonly after: Files;
  readonly boots: readonly [before: BootResult, after: BootResult];
  readonly unit: string;
  readonly verdicts: readonly [before: Verdict, after: Verdict];
  readonly calls: readonly Call[];
}

/** A host after a run that was killed at a call. */
interface Outcome {
  readonly at: string;
  /** Whether nothing was changed yet. */
  readonly early: boolean;
  /** Whether all was done. */
  readonly late: boolean;
  readonly faults: Faults;
}

/** What is wrong with a host; empty lists where nothing is. */
interface Faults {
  readonly halves: readonly string[];
  readonly boot: readonly string[];
  readonly verify: readonly string[];
  readonly repeated: readonly string[];
  readonly removed: readonly string[];
  readonly scratch: readonly string[];
  readonly unit: readonly string[];
}

const Verified = v.object({
  exitCode: v.number(),
  boot: v.object({ method: v.nullable(v.string()), state: v.string() }),
  problems: v.array(v.object({ code: v.string(), message: v.string() })),
});

/** What verify says of the boot layer. */
interface Verdict {
  readonly state: string;
  /** How it differs from a sound answer. */
  readonly complaints: readonly string[];
}

const LANES = 2;
const SCENE_TIMEOUT = 110_000;

let hosts: readonly PersistKillHost[] = [];
beforeAll(async () => {
  if (Bun.which("strace") === null) {
    throw new Error("these tests need strace: apt-get install strace");
  }
  hosts = await Promise.all(Array.from({ length: LANES }, () => PersistKillHost.start()));
}, 60_000);
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
});

function persistWith({ options }: Persisted): readonly string[] {
  return ["persist", ...(options?.split(" ") ?? [])];
}

/** Has XAPI hold this policy and no other; what that does to files is undone by the caller. */
async function setPolicy(host: PersistKillHost, { policy }: Persisted): Promise<void> {
  expect(await must(host, ["restore", "--yes"])).toEqual([]);
  await host.turnOff();
  expect(await must(host, ["disable", ...policy.split(" "), "--yes"])).toEqual([]);
}

/** Runs a command that has to succeed and to say nothing of trouble. */
async function must(host: PersistKillHost, args: readonly string[]): Promise<readonly string[]> {
  const { exitCode, stderr } = await host.offload(args);
  return exitCode === 0 && stderr === "" ? [] : [`exit code ${exitCode}: ${stderr}`];
}

async function verdict(host: PersistKillHost): Promise<Verdict> {
  const { exitCode, stdout, stderr } = await host.offload(["verify", "--json"]);
  if (stderr !== "" || (exitCode !== 0 && exitCode !== 1)) {
    return { state: "", complaints: [`exit code ${exitCode}: ${stderr}${stdout}`] };
  }
  const { boot, problems } = v.parse(Verified, JSON.parse(stdout));
  const sound = boot.state === "up-to-date" || boot.state === "not-installed";
  // Files of before may cover something else than the policy, and that is no matter of these tests.
  const told = problems.some(({ code, message }) => code === "boot-drift" && !message.includes("policy"));
  const complaints = told === sound ? [`${boot.state}, but its problems do not fit`] : [];
  return { state: `${boot.method} ${boot.state}`, complaints };
}

/** Brings a host to where a scene begins, goes through it once undisturbed and comes back. */
async function rehearse(host: PersistKillHost, scene: Scene): Promise<Undisturbed> {
  const command = persistWith(scene);
  await host.restore("pristine");
  await host.setSystemd(scene.systemd);
  await host.script(scene.files ?? "true");
  await host.save("unspoilt");
  const pristine = await host.readFiles();
  if (scene.before !== undefined) {
    await setPolicy(host, scene.before);
    await host.restore("unspoilt");
    expect(await must(host, persistWith(scene.before))).toEqual([]);
  }
  await host.save("before");
  const before = await host.readFiles();
  await setPolicy(host, scene);
  await host.restore("before");
  const bootBefore = await host.boot();
  const verdictBefore = await verdict(host);
  await host.restore("before");
  expect(findDifferences(await host.readFiles(), before)).toEqual([]);

  const calls = parseCalls(await host.runTraced(command, {}));
  const after = await host.readFiles();
  const unit = await host.describeUnit();
  const boots = [bootBefore, await host.boot()] as const;
  const on = scene.policy === "ALL" && scene.options !== "--remove" ? await listFeaturesOn(host.dom0, "eth0") : [];
  const verdicts = [verdictBefore, await verdict(host)] as const;
  await host.restore("before");
  // The scene must be one: files change, and so does what they do at boot.
  expect(findDifferences(after, before)).not.toEqual([]);
  expect(boots[0].features === boots[1].features).toBe(scene.alike ?? false);
  expect(on).toEqual([]);
  for (const { exitCode, stderr } of boots) {
    expect({ exitCode, complaints: stderr }).toEqual({ exitCode: 0, complaints: "" });
  }
  return { pristine, before, after, boots, unit, verdicts, calls };
}

/** Goes on from where a killed run left a host, in each of the ways in which one can. */
async function goOn(
  host: PersistKillHost,
  scene: Scene,
  found: Files,
  { pristine, before, after, boots, unit, verdicts }: Undisturbed,
): Promise<Faults> {
  await host.save("killed");
  const booted = await host.boot();
  const told = await verdict(host);
  await host.turnOff();
  const repeated = await must(host, persistWith(scene));
  const repeatedFiles = await host.readFiles();
  const repeatedUnit = await host.describeUnit();
  await host.restore("killed");
  const removed = await must(host, ["persist", "--remove"]);
  const removedFiles = await host.readFiles();
  return {
    halves: findPartialFiles(found, before, after),
    boot: bootFaults(booted, boots),
    verify: verifyFaults(told, found, before, after, verdicts),
    repeated: [...repeated, ...findDifferences(withoutScratch(repeatedFiles), after)],
    removed: [...removed, ...findDifferences(withoutScratch(removedFiles), pristine)],
    scratch: listTemporaryFiles(repeatedFiles).filter(isTemporaryPath),
    unit: repeatedUnit === unit ? [] : [`systemd has it ${repeatedUnit}, not ${unit}`],
  };
}

function bootFaults({ exitCode, stderr, features }: BootResult, boots: readonly BootResult[]): readonly string[] {
  return [
    ...(exitCode === 0 && stderr === "" ? [] : [`exit code ${exitCode}: ${stderr}`]),
    ...(boots.some((boot) => boot.features === features) ? [] : [`features of neither state`]),
  ];
}

/**
 * Whole it is what it was or is to be. In between something is wrong with it, and no hand did that:
 * it must not be taken for sound, for absent or for an edit. An empty directory is nothing wrong.
 */
function verifyFaults(
  { state, complaints }: Verdict,
  found: Files,
  before: Files,
  after: Files,
  [old, wanted]: Undisturbed["verdicts"],
): readonly string[] {
  const [isOld, isNew] = [before, after].map(
    (files) => findPartialFiles(withoutDirectories(found), withoutDirectories(files)).length === 0,
  );
  const sound = isOld || isNew;
  const expected = [...(isOld ? [old.state] : []), ...(isNew ? [wanted.state] : [])];
  const wrong = sound ? !expected.includes(state) : /current|absent|edited/.test(state);
  const what = sound ? expected.join(" or ") : "what a cut makes";
  return [...complaints, ...(wrong ? [`${state}, not ${what}`] : [])];
}

function withoutDirectories(files: Files): Files {
  return new Map([...files].filter(([, what]) => !what.startsWith("d ")));
}

function withoutScratch(files: Files): Files {
  return new Map([...files].filter(([path]) => !isTemporaryPath(path)));
}

/**
 * Kills it at all the points, on all the hosts at once. What comes of a host depends on what is on
 * its disk and in systemd's memory: of points that leave the very same, one host goes on for all.
 */
async function disturbAll(
  scene: Scene,
  kills: readonly Call[],
  undisturbed: Undisturbed,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly states: number }> {
  const queue = [...kills];
  const outcomes: Outcome[] = [];
  const known = new Map<string, Promise<Faults>>();
  const lane = async (host: PersistKillHost) => {
    for (let point = queue.shift(); point !== undefined; point = queue.shift()) {
      await killAt(point, async (inject) => {
        await host.restore("before");
        return await host.runTraced(persistWith(scene), { inject });
      });
      const found = await host.readFiles();
      const state = stateKey(found, await host.describeUnit());
      const faults = known.get(state) ?? goOn(host, scene, found, undisturbed);
      known.set(state, faults);
      outcomes.push({
        at: point.identity,
        early: findDifferences(found, undisturbed.before).length === 0,
        late: findDifferences(found, undisturbed.after).length === 0,
        faults: await faults,
      });
    }
  };
  await Promise.all(hosts.map(lane));
  return { outcomes, states: known.size };
}

/** Equal for hosts that are equal but for the random part of the names of temporary files. */
function stateKey(files: Files, unit: string): string {
  const lines = [...files].map(([path, what]) => `${removeRandomNames(path)} ${what}`);
  return [...lines.sort(), unit].join("\n");
}

for (const [title, scene] of Object.entries(SCENES)) {
  describe(title, () => {
    let outcomes: readonly Outcome[] = [];
    let kills: readonly Call[] = [];
    let others: readonly string[] = [];
    const identities = (calls: readonly Call[]) => calls.map(({ identity }) => identity);

    /** The points with something wrong of one kind, and what that is. */
    function faults(kind: keyof Faults): readonly string[] {
      return outcomes.flatMap(({ at, faults }) => faults[kind].map((fault) => `${at}: ${fault}`));
    }

    beforeAll(async () => {
      const rehearsed = await Promise.all(hosts.map((host) => rehearse(host, scene)));
      const undisturbed = rehearsed[0] ?? expect.unreachable();
      kills = findKillPoints(undisturbed.calls);
      // It does the same wherever and whenever it runs.
      for (const { calls } of rehearsed) {
        expect(identities(findKillPoints(calls))).toEqual(identities(kills));
      }
      const [host] = hosts;
      others = findChangesOutsideMainThread((await host?.runTraced(persistWith(scene), { follow: true })) ?? "");
      const started = performance.now();
      const disturbed = await disturbAll(scene, kills, undisturbed);
      outcomes = disturbed.outcomes;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const what = `killed at ${kills.length} points, which left ${disturbed.states} states`;
      console.info(`${title}: ${what}, in ${seconds} s`);
    }, SCENE_TIMEOUT);

    test("changes files only in its main thread, and was killed at every call", () => {
      expect(others).toEqual([]);
      expect(identities(kills)).toEqual(expect.arrayContaining(outcomes.map(({ at }) => at)));
      expect(outcomes.length).toBe(kills.length);
      expect(kills.length).toBeGreaterThan(4);
      // Some came early enough to change nothing, some too late to hinder anything.
      expect(outcomes.some(({ early }) => early)).toBe(true);
      expect(outcomes.some(({ late }) => late)).toBe(true);
    });

    test("leaves every file old or new, with its permissions", () => {
      expect(faults("halves")).toEqual([]);
    });

    test("leaves a host that boots with the old or the new state", () => {
      expect(faults("boot")).toEqual([]);
    });

    test("leaves a state that verify explains", () => {
      expect(faults("verify")).toEqual([]);
    });

    test("is completed by the next run, which leaves nothing else behind", () => {
      expect(faults("repeated")).toEqual([]);
    });

    test("is undone by --remove, which restores the host of before", () => {
      expect(faults("removed")).toEqual([]);
    });

    test("syncs each name to the disk before it changes the next", () => {
      expect(findUnsyncedChanges(kills)).toEqual([]);
    });

    if (!scene.systemd) return;

    test("leaves nothing in /tmp after the next run", () => {
      expect(faults("scratch")).toEqual([]);
    });

    test("leaves systemd after the next run with the state of an uninterrupted run", () => {
      expect(faults("unit")).toEqual([]);
    });
  });
}
