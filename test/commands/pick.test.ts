import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { listFeaturesOn, listWrites, readLiveState, readOtherConfig } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Answer } from "../dom0/running.ts";

const TARGETS = "Turn off offloads of which NICs and VMs?";
const FEATURES = "Which features?";
const CONFIRM = "Turn these offloads off?";
const DOWN = "\x1b[B";

/** What a terminal gets to show, without what moves its cursor and paints it. */
function shown(text: string): string {
  return Bun.stripANSI(text).replaceAll("\r", "");
}

function pick(dom0: Dom0, answers: readonly Answer[], ...flags: readonly string[]) {
  return dom0.run([OFFLOAD, "disable", "--pick", ...flags], { tty: true, answers });
}

describe("disable --pick", () => {
  let dom0: Dom0;
  let before: string;
  beforeAll(async () => {
    dom0 = await Dom0.start({ scenarios: ["coordinator", "hostile"] });
    before = await readLiveState(dom0);
  });
  afterAll(() => dom0.stop());

  async function untouched(): Promise<void> {
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
    expect(await dom0.simulator.sessions()).toBe(0);
  }

  test("lists NICs and VMs with state, host, VIFs and what is on", async () => {
    const run = await pick(dom0, [{ prompt: "Ctrl-C leaves", input: "\x03" }]);
    const screen = shown(run.stdout);
    expect(screen).toMatch(/> \[ \] eth0 +NIC, management +rx tx sg tso gso gro\n/);
    expect(screen).toMatch(/ {2}\[ \] eth1 +NIC +rx tx/);
    expect(screen).toMatch(/ {2}\[ \] backup +halted +1\n/);
    expect(screen).toMatch(/more, above or below\n/);
    // The names of tenants come without what a terminal would act on.
    expect(run.stdout).not.toContain("\x1b]0;");
    expect(run.stdout).not.toContain("\u202e");
    await untouched();
  });

  test.each([
    ["in the list", [{ prompt: TARGETS, input: "\x03" }]],
    [
      "in the list of features",
      [
        { prompt: TARGETS, input: " \r" },
        { prompt: FEATURES, input: "\x03" },
      ],
    ],
    [
      "at the question",
      [
        { prompt: TARGETS, input: " \r" },
        { prompt: FEATURES, input: "\r" },
        { prompt: CONFIRM, input: "\x03" },
      ],
    ],
  ])("Ctrl-C %s changes nothing, restores the terminal and ends by SIGINT", async (_, answers) => {
    const run = await pick(dom0, answers);
    // A parent that ignores SIGINT hands that on; the code then says what the signal cannot.
    expect(run.signal ?? run.exitCode).toBeOneOf(["SIGINT", 130]);
    expect(run.stdout.lastIndexOf("\x1b[?25h")).toBeGreaterThan(run.stdout.lastIndexOf("\x1b[?25l"));
    expect(shown(run.stdout)).toContain("offload: cancelled; nothing was changed");
    await untouched();
  });

  test.each(["SIGTERM", "SIGHUP"] as const)("restores the terminal on %s in the list", async (signal) => {
    const script = `sh -c 'echo $$ > /tmp/pid; exec ${OFFLOAD} disable --pick'; stty -a`;
    const running = dom0.spawn(["sh", "-c", script], { tty: true });
    await running.waitFor("Ctrl-C leaves");
    await dom0.text(["sh", "-c", `kill -${signal.slice(3)} "$(cat /tmp/pid)"`]);
    const run = await running.exited;
    expect(run.stdout.lastIndexOf("\x1b[?25h")).toBeGreaterThan(run.stdout.lastIndexOf("\x1b[?25l"));
    // Lines are read whole and echoed again, as stty says after it.
    expect(run.stdout).toMatch(/[^-]icanon/);
    expect(run.stdout).toMatch(/[^-]echo /);
    await untouched();
  });

  test("asks for the usual confirmation, and takes Enter for No", async () => {
    const run = await pick(dom0, [
      { prompt: TARGETS, input: " \r" },
      { prompt: FEATURES, input: "\r" },
      { prompt: CONFIRM, input: "\r" },
    ]);
    expect(run.exitCode).toBe(2);
    const screen = shown(run.stdout);
    expect(screen).toMatch(/Host +xcp-1[^\n]*\n +NICs +eth0 \(management\)\n +VMs +none\n/);
    expect(screen).toContain("Features  rx tx sg tso ufo gso gro lro\n");
    await untouched();
  });

  test("does not continue without a selection", async () => {
    const run = await pick(dom0, [
      { prompt: TARGETS, input: "\r" },
      { prompt: "Choose at least one", input: "\x03" },
    ]);
    expect(run.signal ?? run.exitCode).toBeOneOf(["SIGINT", 130]);
    expect(shown(run.stdout)).not.toContain(FEATURES);
  });

  test.each([
    ["web", "remote web"],
    ["WEB XCP-1", "web 1"],
    ["halted", "backup"],
    ["management", "eth0"],
    ["\u{1f680}", "\u{1f680} ワイド"],
  ])("searches names, states and hosts for %j", async (search, found) => {
    const run = await pick(dom0, [
      { prompt: "Ctrl-C leaves", input: search },
      { prompt: `Search: ${search}_`, input: "\t\r" },
      { prompt: FEATURES, input: "\x03" },
    ]);
    expect(shown(run.stdout)).toContain(`${TARGETS} ${found}`);
  });

  test("says when a search finds nothing", async () => {
    const run = await pick(dom0, [
      { prompt: "Ctrl-C leaves", input: "no such thing" },
      { prompt: "nothing is called that", input: "\x03" },
    ]);
    expect(run.signal ?? run.exitCode).toBeOneOf(["SIGINT", 130]);
  });

  test("is refused without a terminal, and says what to do instead", async () => {
    const run = await dom0.offload("disable", "--pick");
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toMatch(/^offload: --pick needs a terminal; name [^\n]+\n$/);
    const dumb = await dom0.run([OFFLOAD, "disable", "--pick"], {
      tty: true,
      env: { TERM: "dumb" },
    });
    expect(dumb.exitCode).toBe(2);
    expect(dumb.stdout).toContain("--pick needs one that is not dumb");
    await untouched();
  });

  test("refuses targets beside it", async () => {
    const run = await dom0.offload("disable", "--pick", "web 1");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("name no target with it");
  });

  test("exits 3 when XAPI does not answer", async () => {
    await using dead = await Dom0.start({ scenarios: ["dead"] });
    const run = await dead.run([OFFLOAD, "disable", "--pick"], { tty: true });
    expect(run.exitCode).toBe(3);
  });
});

test("disable --pick turns off what was selected, and nothing else", async () => {
  await using dom0 = await Dom0.start();
  const run = await dom0.run([OFFLOAD, "disable", "--pick", "--features", "tso"], {
    tty: true,
    answers: [
      // eth1, then the VM that a search finds; the row above it stays chosen while it is hidden.
      { prompt: "Ctrl-C leaves", input: `${DOWN} ` },
      { prompt: "1 chosen", input: "web" },
      { prompt: "Search: web_", input: `\t\r` },
      // Only tso is chosen to begin with; gso is added.
      { prompt: "1 chosen", input: "gso\t\r" },
      { prompt: CONFIRM, input: "y" },
    ],
  });
  expect(shown(run.stdout)).toContain("Features  tso gso\n");
  expect(shown(run.stdout)).toContain("The same without the list: offload disable eth1 'web 1' --features tso,gso\n");
  expect(run.exitCode).toBe(0);
  const after = await listFeaturesOn(dom0, "eth1");
  for (const keyword of ["tso", "gso"]) expect(after).not.toContain(keyword);
  expect(await readOtherConfig(dom0, "VIF", dom0.fixture.vif("web 1").ref)).toMatchObject({
    "ethtool-tso": "off",
    "ethtool-gso": "off",
  });
  expect(await readOtherConfig(dom0, "VIF", dom0.fixture.vif("db").ref)).not.toContainKey("ethtool-tso");
});

test("--yes and --dry-run skip the confirmation of disable --pick", async () => {
  await using dom0 = await Dom0.start();
  const answers = [
    { prompt: TARGETS, input: " \r" },
    { prompt: FEATURES, input: "\r" },
  ];
  const preview = await pick(dom0, answers, "--dry-run");
  expect(preview.exitCode).toBe(0);
  expect(shown(preview.stdout)).toContain("ethtool -K eth0 ");
  const done = await pick(dom0, answers, "--yes");
  expect(done.exitCode).toBe(0);
  expect(shown(done.stdout)).not.toContain(CONFIRM);
  expect(await listFeaturesOn(dom0, "eth0")).toEqual([]);
});

test("restore --pick lists what has originals, asks, and restores what was selected", async () => {
  await using dom0 = await Dom0.start();
  const argv = [OFFLOAD, "restore", "--pick"];
  const nothing = await dom0.run(argv, { tty: true });
  expect(nothing.exitCode).toBe(2);
  expect(nothing.stdout).toContain("there is nothing to pick");
  await dom0.offload("disable", "eth1", "web 1", "--features", "tso");
  await dom0.offload("disable", "eth2", "--features", "tso", "--live-only");
  const run = await dom0.run(argv, {
    tty: true,
    answers: [
      { prompt: "Ctrl-C leaves", input: `${DOWN} ` },
      { prompt: "1 chosen", input: "\r" },
      { prompt: "[y/N]", input: "y" },
    ],
  });
  const screen = shown(run.stdout);
  expect(screen).toMatch(/\[ \] eth1 .*\n.*\[ \] eth2 .*\n.*\[ \] web 1 /);
  expect(screen).not.toMatch(/\] (?:eth0|db) /);
  expect(screen).toContain("The same without the list: offload restore eth2\n");
  expect(run.exitCode).toBe(0);
  expect(await listFeaturesOn(dom0, "eth2")).toContain("tx-tcp-segmentation");
  expect(await listFeaturesOn(dom0, "eth1")).not.toContain("tx-tcp-segmentation");
  const both = await dom0.offload("restore", "--pick", "eth1");
  expect(both.stderr).toContain("name no target with it");
});
