import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { creationBatch, pairs, peerBatch } from "./devices.ts";
import { writeFiles } from "./files.ts";
import type { Device } from "./fixture/database.ts";
import type { HostFixture } from "./fixture/host-fixture.ts";
import { Lines } from "./lines.ts";
import { COPIED, HOLDER, OUTER, SHARED } from "./namespace-scripts.ts";

/** How a command is run inside. */
export interface Entry {
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What it is connected to: pipes, a pseudo terminal of its own, or the terminal of whoever runs the harness. */
  readonly place: "pipes" | "terminal" | "foreground";
}

/** Goes before nsenter. At somebody's terminal it is deaf to the keys that are meant for the command. */
const BEFORE = {
  pipes: [],
  terminal: [],
  foreground: ["env", "--ignore-signal=INT,QUIT"],
} as const;

/**
 * Goes before the command. At a terminal of its own the command takes it over in a session of its own,
 * so that nsenter is not among those the keys are for. At somebody's terminal that would be theft: there
 * a shell reports a death by signal as 128 and more, which a deaf nsenter cannot pass on by dying too.
 */
const AFTER = {
  pipes: [],
  terminal: ["setsid", "--ctty"],
  foreground: ["sh", "-c", 'trap : INT QUIT; "$@"; exit $?', "dom0"],
} as const;

/** What the harness itself needs to find its tools; sbin because a user's PATH may lack it. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const RECEIVE_OFFLOAD = join(import.meta.dir, "receive-offload.ts");

function names(devices: readonly Device[]): string {
  return devices.map(({ name }) => `${name}\n`).join("");
}

/** The network, mount, process, host name and IPC namespaces of one throwaway dom0. */
export class Namespace {
  private hidden = 0;

  private constructor(
    /** The harness's own directory, removed at the end. It is `/run/dom0` inside. */
    readonly directory: string,
    private readonly holder: Bun.Subprocess<"pipe", "pipe", Bun.BunFile>,
    private readonly lines: Lines,
    private readonly outer: string,
  ) {}

  /** Makes the namespaces; when this resolves their files are in place, their devices not yet. */
  static async create(fixture: HostFixture): Promise<Namespace> {
    if (process.getuid?.() !== 0) {
      throw new Error("a throwaway dom0 needs root: it makes namespaces, mounts and network devices");
    }
    const directory = await mkdtemp(join(tmpdir(), "dom0-"));
    await Promise.all([
      ...["scratch", "run", "root"].map((name) => mkdir(join(directory, name), { recursive: true })),
      Bun.write(join(directory, "init"), HOLDER),
      Bun.write(join(directory, "create"), `${creationBatch(fixture.devices, "HIDDEN")}\n`),
      Bun.write(join(directory, "peers"), `${peerBatch(fixture.devices)}\n`),
      Bun.write(join(directory, "coalescing"), names(pairs(fixture.devices))),
      writeFiles(fixture, join(directory, "root")),
    ]);
    const name = fixture.host.record.hostname;
    // Bun's pipes are sockets, and bash takes a socket for a remote login that wants its ~/.bashrc.
    const holder = Bun.spawn(["bash", "--norc", "-c", OUTER, "outer", directory, name, ...COPIED], {
      // A session of its own, so that Ctrl-C at a terminal ends the command inside and not its namespace.
      detached: true,
      env: { PATH: SYSTEM_PATH },
      stdin: "pipe",
      stdout: "pipe",
      stderr: Bun.file(join(directory, "holder.log")),
    });
    holder.unref();
    const lines = new Lines(holder.stdout);
    const outer = await lines.after("outer");
    const namespace = new Namespace(directory, holder, lines, outer ?? "");
    await namespace.expectLine("mounted");
    return namespace;
  }

  /** Resolves when the network devices are there. */
  async ready(): Promise<void> {
    this.hidden = Number(await this.expectLine("ready"));
    const argv = [process.execPath, RECEIVE_OFFLOAD, `${SHARED}/coalescing`];
    const entry = { env: { PATH: SYSTEM_PATH }, cwd: "/", place: "pipes" } as const;
    const touch = Bun.spawn(this.command(argv, entry), { stdin: "ignore", stderr: "pipe" });
    if ((await touch.exited) !== 0) throw new Error(await new Response(touch.stderr).text());
  }

  /** The process, as the dom0 counts them, that owns the namespace of the peers. */
  get peers(): number {
    return this.hidden;
  }

  /**
   * The argument vector that runs a command inside. nsenter waits for its child and ends as it ended, so
   * Ctrl-C, which the terminal sends to both, must not end nsenter first: see AFTER and BEFORE.
   */
  command(argv: readonly string[], { env, cwd, place }: Entry): string[] {
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    return [
      ...BEFORE[place],
      ...["nsenter", "--target", this.outer, "--mount", "--net", "--uts", "--ipc"],
      ...[`--pid=/proc/${this.outer}/ns/pid_for_children`, "--"],
      ...["env", "--default-signal=INT,QUIT", `--chdir=${cwd}`, "-i", ...variables],
      ...AFTER[place],
      ...argv,
    ];
  }

  /** Ends every process inside, and waits until they, the mounts and the directory are gone. */
  async close(): Promise<void> {
    await this.holder.stdin.end();
    await this.holder.exited;
  }

  private async expectLine(word: string): Promise<string> {
    const rest = await this.lines.after(word);
    if (rest !== undefined) return rest;
    const log = await Bun.file(join(this.directory, "holder.log"))
      .text()
      .catch(() => "");
    await this.close();
    throw new Error(`the throwaway dom0 did not start: ${log.trim() || "no reason was given"}`);
  }
}
