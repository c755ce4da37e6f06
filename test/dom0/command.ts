import { constants } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { Dom0, OFFLOAD } from "./dom0.ts";
import { buildHostFixture, type HostFixtureOptions } from "./fixture/host-fixture.ts";
import { isScenario, SCENARIOS, type Scenario } from "./fixture/scenarios.ts";
import { SYSTEM_PATH } from "./namespace.ts";
import { Pool } from "./pool/pool.ts";
import type { PoolOptions } from "./pool/pool-fixture.ts";

const HELP = `Runs a command in a throwaway dom0: real network devices, a simulated XAPI, nothing left behind.

Usage: scripts/dom0 [OPTION...] [--] [COMMAND [ARG...]]

Without COMMAND it is an interactive shell. dist/ comes first in PATH.

  --nics N          physical NICs (default 4; from 4 on two of them are bonded)
  --vms N           running VMs (default 4)
  --vifs N          VIFs of each VM (default 1 or 2)
  --scenario A,B    what is special about this dom0, see below
  --seed N          other UUIDs and addresses
  --hosts N         a pool of that many hosts, each with the plugin; COMMAND runs on its coordinator
  --ethtool "D ..." runs ethtool -K D ... first, to prepare a device; may be repeated
  --help            this text

Scenarios:
${Object.entries(SCENARIOS)
  .map(([name, about]) => `  ${name.padEnd(17)} ${about}`)
  .join("\n")}
`;

interface Request {
  readonly start: () => Promise<Started>;
  readonly preparations: readonly (readonly string[])[];
  readonly command: readonly string[];
}

/** What was started, and the dom0 in which the command runs. */
interface Started {
  readonly dom0: Dom0;
  stop(): Promise<void>;
}

async function startPool(options: PoolOptions): Promise<Started> {
  const pool = await Pool.start(options);
  return { dom0: pool.host(0), stop: () => pool.stop() };
}

async function startOne(options: HostFixtureOptions): Promise<Started> {
  const dom0 = await Dom0.start({ fixture: buildHostFixture(options) });
  return { dom0, stop: () => dom0.stop() };
}

/** Splits our own options from the command, whose options are its own. */
function parse(argv: readonly string[]): Request | undefined {
  const text = { type: "string" } as const;
  const options = {
    nics: text,
    vms: text,
    vifs: text,
    seed: text,
    hosts: text,
    scenario: { type: "string", multiple: true },
    ethtool: { type: "string", multiple: true },
    help: { type: "boolean", short: "h" },
  } as const;
  const end = ownPart(argv);
  const { values } = parseArgs({ args: argv.slice(0, end), options });
  if (values.help === true) return undefined;
  const numbers = { nics: values.nics, vms: values.vms, vifs: values.vifs, seed: values.seed };
  const fixtureOptions: { -readonly [K in keyof HostFixtureOptions]: HostFixtureOptions[K] } = {
    scenarios: scenarios(values.scenario ?? []),
  };
  for (const name of ["nics", "vms", "vifs", "seed"] as const) {
    const given = numbers[name];
    if (given !== undefined) fixtureOptions[name] = count(name, given);
  }
  const preparations = (values.ethtool ?? []).map((line) => line.trim().split(/\s+/));
  const command = argv.slice(argv[end] === "--" ? end + 1 : end);
  if (values.hosts === undefined) return { start: () => startOne(fixtureOptions), preparations, command };
  const { nics, vms, vifs, scenarios: chosen } = fixtureOptions;
  if (values.seed !== undefined || [...(chosen ?? [])].length > 0) {
    throw new Error("a pool has neither scenarios nor a seed");
  }
  const pool: { -readonly [K in keyof PoolOptions]: PoolOptions[K] } = {
    hosts: count("hosts", values.hosts),
  };
  if (nics !== undefined) pool.nics = nics;
  if (vms !== undefined) pool.vms = vms;
  if (vifs !== undefined) pool.vifs = vifs;
  return { start: () => startPool(pool), preparations, command };
}

/** Our options end at `--` or at the first word that is neither an option nor the value of one. */
function ownPart(argv: readonly string[]): number {
  let at = 0;
  for (;;) {
    const word = argv[at];
    if (word === undefined || word === "--" || !word.startsWith("-")) return at;
    at += word === "--help" || word === "-h" || word.includes("=") ? 1 : 2;
  }
}

function scenarios(lists: readonly string[]): Scenario[] {
  const names = lists.flatMap((list) => list.split(",")).filter((name) => name !== "");
  return names.map((name) => {
    if (isScenario(name)) return name;
    throw new Error(`no scenario is called ${name}; --help lists them`);
  });
}

function count(name: string, text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new Error(`--${name} takes a number, not ${JSON.stringify(text)}`);
}

async function run({ start, preparations, command }: Request): Promise<number> {
  // The keys are for the command inside; the end of the harness comes with the end of the command.
  for (const name of ["SIGINT", "SIGQUIT"] as const) process.on(name, () => {});
  const started = await start();
  try {
    return await within(started.dom0, preparations, command);
  } finally {
    await started.stop();
  }
}

async function within(dom0: Dom0, preparations: Request["preparations"], command: Request["command"]): Promise<number> {
  for (const settings of preparations) {
    const [device = "", ...features] = settings;
    await dom0.setFeatures(device, ...features);
  }
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(process.env)) if (value !== undefined) env[key] = value;
  env["PATH"] = `${dirname(OFFLOAD)}:${SYSTEM_PATH}`;
  const shell = process.stdin.isTTY ? ["bash", "--norc", "-i"] : ["bash", "--norc"];
  const argv = dom0.namespace.command(command.length === 0 ? shell : command, {
    env: command.length === 0 ? { ...env, PS1: "[root@\\h (throwaway dom0) \\W]# " } : env,
    cwd: process.cwd(),
    place: "foreground",
  });
  const child = Bun.spawn(argv, { stdio: ["inherit", "inherit", "inherit"] });
  const ended = Promise.withResolvers<number>();
  for (const name of ["SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => ended.resolve(128 + constants.signals[name]));
  }
  void child.exited.then(ended.resolve);
  return await ended.promise;
}

/** Says what went wrong in one line. */
function complain(error: unknown): void {
  console.error(`scripts/dom0: ${error instanceof Error ? error.message : error}`);
}

async function main(): Promise<number> {
  let request: Request | undefined;
  try {
    request = parse(process.argv.slice(2));
  } catch (error) {
    complain(error);
    return 2;
  }
  if (request === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    return await run(request);
  } catch (error) {
    complain(error);
    return 1;
  }
}

process.exit(await main());
