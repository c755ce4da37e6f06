import { describe, expect, test } from "bun:test";
import { nameOf } from "../../src/offload/interface.ts";
import type { Journal, JournalEntry } from "../../src/offload/journal.ts";
import {
  answeredRow,
  exitCodeOfHosts,
  keeperOf,
  notedAnywhere,
  notedElsewhere,
  shareOutNoted,
  unansweredRow,
} from "../../src/offload/pool.ts";
import type { ExitCode } from "../../src/offload/problem.ts";
import { reportOf } from "../../src/offload/report.ts";
import { ALPHA, BETA, guest, haltedVm, inventory, pif, vif, vm } from "./worlds.ts";

const answered = (exitCode: ExitCode) =>
  answeredRow("disable", ALPHA, reportOf("disable", { exitCode }));
const silent = unansweredRow(ALPHA, { state: "unreachable", message: "no answer", advice: [] });

describe("the exit code of a pool", () => {
  test("is that of its worst host: what is known to be wrong outranks what is not known", () => {
    const code = (rows: Parameters<typeof exitCodeOfHosts>[0]) =>
      exitCodeOfHosts(rows, { changing: false });
    expect(code([answered(0), answered(0)])).toBe(0);
    expect(code([answered(0), answered(1), silent])).toBe(1);
    expect(code([answered(0), silent])).toBe(3);
    expect(code([answered(0), answered(3)])).toBe(3);
  });

  test("is that of work done partly where something was done and a host gave no answer", () => {
    const code = (rows: Parameters<typeof exitCodeOfHosts>[0]) =>
      exitCodeOfHosts(rows, { changing: true });
    expect(code([answered(0), silent])).toBe(1);
    expect(code([silent, silent])).toBe(3);
    expect(code([answered(0)])).toBe(0);
  });
});

describe("the row of a host", () => {
  test("says done only where all is well, and how much is not otherwise", () => {
    expect(answered(0)).toMatchObject({ state: "done", exitCode: 0 });
    const problems = [
      { code: "live-on", message: "eth0: tso on" },
      { code: "live-fixed", message: "eth0: rx on, and the driver lets nobody change that" },
    ];
    const partly = answeredRow("verify", ALPHA, reportOf("verify", { exitCode: 1, problems }));
    expect(partly).toMatchObject({ state: "partly", message: "1 problem", report: { problems } });
    expect(silent).toMatchObject({ state: "unreachable", exitCode: 3, report: null });
  });
});

describe("what each host has to put back", () => {
  const stays = vif(vm("stays", { domid: 3 }), "0");
  const moved = vif(vm("moved", { domid: 7, residentOn: BETA }), "0");
  const halted = vif(haltedVm("halted"), "0", { attached: false });
  const eth0 = pif("eth0");
  const pool = inventory({
    hosts: [ALPHA, BETA],
    pifs: [eth0],
    vms: [stays.vm, moved.vm, halted.vm],
    vifs: [stays, moved, halted],
  });
  const entry = (more: Partial<JournalEntry> = {}): JournalEntry => {
    const nothing = { main: new Map(), tap: new Map(), records: new Map(), unplugged: new Set("") };
    return { name: "", kind: "vif", ...nothing, ...more };
  };
  const notes = (...uuids: readonly string[]): Journal =>
    new Map(uuids.map((uuid) => [uuid, entry()]));
  const shares = (journals: ReadonlyMap<string, Journal>) =>
    [ALPHA, BETA].map(({ uuid }) => (shareOutNoted(journals, pool).get(uuid) ?? []).map(nameOf));

  test("a VIF falls to the host on which its VM runs now; what runs nowhere, to who has noted it", () => {
    const alpha = notes(eth0.uuid, stays.uuid, moved.uuid, halted.uuid, "gone");
    const journals = new Map([
      [ALPHA.uuid, alpha],
      [BETA.uuid, notes()],
    ]);
    expect(shares(journals)).toEqual([["eth0", "vif3.0", 'VIF 0 of "halted"'], ["vif7.0"]]);
  });

  test("one that runs on a host without a journal at hand stays with who has noted it", () => {
    const journals = new Map([[ALPHA.uuid, notes(moved.uuid)]]);
    expect(shares(journals)).toEqual([['VIF 0 of "moved"'], []]);
  });

  test("what others tell of an interface travels to its host, their own records along", () => {
    const former = new Map([["rx-gro", { requested: true, active: true }]]);
    const records = new Map([["ethtool-tso", null]]);
    const alpha: Journal = new Map([
      [moved.uuid, entry({ main: former, records })],
      [stays.uuid, entry({ main: former })],
    ]);
    const journals = new Map([
      [ALPHA.uuid, alpha],
      [BETA.uuid, notes(moved.uuid)],
    ]);
    const foreign = notedElsewhere(journals, BETA, [guest(moved)]);
    expect(foreign).toEqual(new Map([[moved.uuid, entry({ main: former, records })]]));
    expect(notedElsewhere(journals, ALPHA, [guest(stays)])).toEqual(new Map());
  });

  test("of all that is told of an interface what its own host has told comes first", () => {
    const told = (requested: boolean) =>
      entry({ main: new Map([["rx-gro", { requested, active: true }]]) });
    const journals = new Map([
      [ALPHA.uuid, new Map([[moved.uuid, told(false)]])],
      [BETA.uuid, new Map([[moved.uuid, told(true)]])],
    ]);
    const of = (host: typeof ALPHA) => notedAnywhere(journals, host, [guest(moved)]);
    expect(of(ALPHA).get(moved.uuid)).toEqual(told(false));
    expect(of(BETA).get(moved.uuid)).toEqual(told(true));
  });

  test("a record that several have noted is the business of one: where the VM runs, or the first", () => {
    const noting = (...uuids: readonly string[]): Journal =>
      new Map(uuids.map((uuid) => [uuid, entry({ records: new Map([["ethtool-tx", null]]) })]));
    const journals = new Map([
      [ALPHA.uuid, noting(moved.uuid, halted.uuid)],
      [BETA.uuid, noting(moved.uuid, halted.uuid)],
    ]);
    expect(keeperOf(journals, guest(moved), "ethtool-tx")).toBe(BETA.uuid);
    expect(keeperOf(journals, guest(halted), "ethtool-tx")).toBe(ALPHA.uuid);
    expect(keeperOf(journals, guest(moved), "ethtool-sg")).toBeNull();
  });
});
