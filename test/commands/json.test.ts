import { describe, expect, test } from "bun:test";
import Ajv from "ajv";
import schema from "../../schema/report.schema.json" with { type: "json" };
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Scenario } from "../dom0/fixture/scenarios.ts";

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema);

/** One document, on one line, that the published schema takes, with the exit code it ended with. */
async function document(dom0: Dom0, ...args: readonly string[]) {
  const run = await dom0.offload(...args, "--json");
  expect(run.stdout).toMatch(/^\{[^\n]*\}\n$/);
  const parsed = JSON.parse(run.stdout);
  expect({ args, valid: validate(parsed), errors: validate.errors }).toMatchObject({
    errors: null,
  });
  expect(parsed.exitCode).toBe(run.exitCode);
  expect(parsed.command).toBe(args[0]);
  return parsed;
}

describe("--json", () => {
  const scenarioSets: readonly (readonly Scenario[])[] = [
    [],
    ["coordinator", "duplicates", "hostile", "sriov", "tunnel", "fixed", "requested-on", "unmanaged"],
    ["dead"],
    ["emergency"],
    ["not-dom0"],
  ];
  for (const scenarios of scenarioSets) {
    test(`prints documents that match the schema (${scenarios.join(", ") || "standalone"})`, async () => {
      await using dom0 = await Dom0.start({ scenarios });
      await document(dom0, "status");
      await document(dom0, "verify");
      await document(dom0, "verify", "--strict", "--host");
      await document(dom0, "doctor");
      await document(dom0, "doctor", "--redact");
      await document(dom0, "doctor", "eth0");
      await document(dom0, "status", "--features", "rxvlan,txvlan,rxhash,ntuple,tx");
      await document(dom0, "disable", "--host", "--dry-run");
      await document(dom0, "disable", "nosuch");
      await document(dom0, "disable");
      await document(dom0, "disable", "--host");
      await document(dom0, "disable", "--host", "--yes");
      await document(dom0, "disable", "--pif", "eth1", "--live-only");
      await document(dom0, "verify");
    });
  }

  test("prints in a dry run the changes that the real run then reports", async () => {
    await using dom0 = await Dom0.start();
    const previewed = await document(dom0, "disable", "ALL", "--dry-run");
    const done = await document(dom0, "disable", "ALL", "--yes");
    expect(previewed.changes.length).toBeGreaterThan(50);
    expect(done.changes).toEqual(previewed.changes);
    expect(previewed.dryRun).toBe(true);
    expect(done.dryRun).toBe(false);
  });

  test("prints for each device its VM, its settings and a verdict for each feature", async () => {
    await using dom0 = await Dom0.start();
    const { devices, host } = await document(dom0, "status");
    expect(host.name).toBe("xcp-1");
    const vif = devices.find(({ device }: { device: string }) => device === "vif4.0");
    expect(vif).toMatchObject({
      kind: "vif",
      uuid: dom0.fixture.vif("pfSense").record.uuid,
      vm: { uuid: dom0.fixture.vm("pfSense").record.uuid, name: "pfSense" },
      features: {
        tx: { live: "on", fixed: false, requested: true, xapi: "on", verdict: "drift" },
        // netback has no ufo, and no setting is missing for it.
        ufo: { live: "absent", verdict: "absent", xapi: null },
      },
    });
    const eth0 = devices.find(({ device }: { device: string }) => device === "eth0");
    expect(eth0).toMatchObject({ kind: "pif", vm: null, management: true });
    expect(eth0.features.lro).toMatchObject({ live: "off", fixed: true, verdict: "ok" });
  });
});

test("--json escapes everything that a terminal would act on, whatever the names", async () => {
  await using dom0 = await Dom0.start({ scenarios: ["hostile"] });
  const run = await dom0.offload("status", "--json");
  expect(run.stdout).not.toMatch(/[^\P{C}\n]/u);
  const names = JSON.parse(run.stdout).devices.map((device: { vm: { name: string } | null }) => device.vm?.name);
  for (const { record } of dom0.fixture.running) {
    if (record.VIFs.length > 0) expect(names).toContain(record.name_label);
  }
});

describe("the human view", () => {
  test("loses nothing and leaves no gaps when written to a file", async () => {
    await using dom0 = await Dom0.start({ vms: 30, vifs: 2 });
    await dom0.offload("disable", "ALL", "--yes");
    const script = `cd /tmp; echo before > log; ${OFFLOAD} disable ALL --dry-run >> log; ${OFFLOAD} status >> log; ${OFFLOAD} status --json >> log; cat log`;
    const { stdout } = await dom0.run(["sh", "-c", script]);
    expect(stdout).toStartWith("before\n");
    expect(stdout).not.toContain("\0");
    expect(stdout).toEndWith("}\n");
  });

  test("has no color and no animation without a terminal", async () => {
    await using dom0 = await Dom0.start();
    for (const args of [["status"], ["verify"], ["disable", "ALL", "--yes"], ["nosuch"]]) {
      const run = await dom0.offload(...args);
      expect(run.stdout + run.stderr).not.toContain("\x1b");
    }
  });

  test("has color at a terminal, unless NO_COLOR, TERM=dumb or --no-color is given", async () => {
    await using dom0 = await Dom0.start();
    const at = async (env: Record<string, string>, ...args: string[]) =>
      (await dom0.run([OFFLOAD, "status", ...args], { tty: true, env })).stdout.includes("\x1b[");
    expect(await at({})).toBe(true);
    expect(await at({ NO_COLOR: "" })).toBe(false);
    expect(await at({ NO_COLOR: "0" })).toBe(false);
    expect(await at({ TERM: "dumb" })).toBe(false);
    expect(await at({}, "--no-color")).toBe(false);
  });

  test("fits the table of a typical host into 80 columns", async () => {
    await using dom0 = await Dom0.start();
    for (const args of [["status"], ["status", "--all"]]) {
      const run = await dom0.run([OFFLOAD, ...args], { tty: true });
      for (const line of run.stdout.split("\n")) expect(Bun.stringWidth(line.trimEnd())).toBeLessThanOrEqual(80);
    }
  });

  test("ignores a reader that closes the pipe early", async () => {
    await using dom0 = await Dom0.start({ vms: 200, vifs: 2 });
    const script = `${OFFLOAD} status | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const run = await dom0.run(["bash", "-c", script]);
    expect(run.stdout.split("\n")[0]).toStartWith("4 NICs: ");
    expect(run.stderr).toBe("");
  });

  test("writes a large document completely to a slow reader", async () => {
    await using dom0 = await Dom0.start({ vms: 200, vifs: 2 });
    const script = `${OFFLOAD} status --json | (sleep 1; cat) | wc -c; ${OFFLOAD} status --json | wc -c`;
    const [slow, fast] = (await dom0.run(["bash", "-c", script])).stdout.trim().split("\n");
    expect(Number(slow)).toBeGreaterThan(200_000);
    expect(slow).toBe(fast ?? "");
  });
});
