import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Feature, parseFeatures } from "../dom0/ethtool.ts";
import type { Result } from "../dom0/running.ts";
import { GuestAgent, MachineFault } from "./guest-agent.ts";
import { type ExecOptions, execute, launch } from "./guest-exec.ts";
import { command, type Hardware, type MachineKind, PROCESSOR } from "./hardware.ts";
import { PARTS, TIMEOUTS_MS, type ToolstackUnits, toolstackFiles } from "./lab.ts";

/** How a machine starts. */
export interface MachineOptions {
  readonly kind: MachineKind;
  readonly units: ToolstackUnits;
  /** Its processor, in QEMU's words; one with all that QEMU emulates unless given. */
  readonly processor?: string;
  /** Files that are on its disk from the first boot on, by path. */
  readonly files: ReadonlyMap<string, string>;
}

/** A real machine in software: its own kernel, systemd, disk and NICs, and nothing outside that it reaches. */
export class Machine {
  #process: Bun.Subprocess | undefined;
  #agent: GuestAgent | undefined;
  #bootId = "";

  private constructor(
    private readonly directory: string,
    private readonly hardware: Hardware,
  ) {}

  /** Makes a machine with a fresh disk, powers it on and waits until it has booted. */
  static async start(options: MachineOptions): Promise<Machine> {
    const directory = await mkdtemp(join(tmpdir(), "offload-boot-"));
    const at = (name: string) => join(directory, name);
    const machine = new Machine(directory, {
      kind: options.kind,
      processor: options.processor ?? PROCESSOR,
      disk: at("disk"),
      files: at("files.tar"),
      console: at("console"),
      agent: at("agent"),
    });
    try {
      await runChecked(["qemu-img", "create", "-q", "-f", "qcow2", "-b", PARTS.disk, "-F", "raw", at("disk")]);
      await runChecked(["cp", "-a", toolstackFiles(options.units), at("files")]);
      for (const [path, text] of options.files) await Bun.write(join(at("files"), path), text);
      await runChecked(["tar", "-cf", at("files.tar"), "--owner=0", "--group=0", "-C", at("files"), "."]);
      await machine.powerOn();
      return machine;
    } catch (error) {
      await machine.report();
      await machine.stop();
      throw error;
    }
  }

  /** Powers it on and waits until it has booted. */
  async powerOn(): Promise<void> {
    const log = Bun.file(join(this.directory, "qemu.log"));
    this.#process = Bun.spawn(command(this.hardware), {
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    const deadlineMs = Date.now() + TIMEOUTS_MS.shutdown;
    while (this.#agent === undefined) {
      this.checkAlive();
      this.#agent = await GuestAgent.connect(this.hardware.agent).catch(() => undefined);
      if (Date.now() > deadlineMs) throw new Error("QEMU opened no socket for the guest agent");
      await Bun.sleep(50);
    }
    await this.waitForBoot();
  }

  /** Reboots it, as `reboot` at its console would, and waits until it has booted again. */
  async reboot(): Promise<void> {
    await this.systemctl("reboot");
    await this.waitForBoot();
  }

  /** Runs a command to its end. */
  run(argv: readonly string[], options?: ExecOptions): Promise<Result> {
    if (this.#agent === undefined) throw new Error("the machine is off");
    return execute(this.#agent, argv, options);
  }

  /** Standard output of a command that has to succeed. */
  async text(argv: readonly string[], options?: ExecOptions): Promise<string> {
    const { exitCode, signal, stdout, stderr } = await this.run(argv, options);
    if (exitCode === 0) return stdout;
    throw new Error(`${argv.join(" ")} ended with ${signal ?? exitCode}: ${stderr.trim()}`);
  }

  /** Runs the compiled program. */
  offload(...args: readonly string[]): Promise<Result> {
    return this.run(["/usr/local/bin/offload", ...args]);
  }

  /** The features of a device as the machine's own ethtool reads them. */
  async ethtool(device: string): Promise<Map<string, Feature>> {
    return parseFeatures(await this.text(["ethtool", "-k", device]));
  }

  /** Everything it has written to its console since it was made. */
  console(): Promise<string> {
    return Bun.file(this.hardware.console)
      .text()
      .catch(() => "");
  }

  /** The programs that have died of a segmentation fault since it booted. */
  async segfaults(): Promise<readonly string[]> {
    const kernel = await this.text(["journalctl", "-b", "-k", "--no-pager", "-o", "cat"]);
    return [...kernel.matchAll(/^(\S+)\[\d+\]: segfault at /gm)].map(([, name = ""]) => name);
  }

  /** Shows on standard error what the machine has to tell, after something failed. */
  async report(): Promise<void> {
    console.error(`--- console of the machine\n${await this.console()}`);
    console.error(
      await Bun.file(join(this.directory, "qemu.log"))
        .text()
        .catch(() => ""),
    );
    if (this.#bootId === "" || this.#agent === undefined) return;
    const journal = await this.run(["journalctl", "-b", "--no-pager", "-n", "300"]).catch(String);
    console.error(`--- journal of the machine\n${typeof journal === "string" ? journal : journal.stdout}`);
  }

  /** Ends it at once, as pulling its plug would, and forgets its disk. */
  async stop(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
    this.forget();
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private forget(): void {
    this.#agent?.close();
    this.#agent = undefined;
    this.#process = undefined;
    this.#bootId = "";
  }

  /** The agent may be gone before it can tell that this command has done its work. */
  private async systemctl(verb: "reboot" | "poweroff"): Promise<void> {
    if (this.#agent === undefined) throw new Error("the machine is off");
    await launch(this.#agent, ["systemctl", "--no-block", verb], { replyTimeoutMs: 20_000 }).catch(() => 0);
  }

  private checkAlive(): void {
    if (this.#process === undefined) throw new Error("the machine is off");
    const ended = this.#process.exitCode ?? this.#process.signalCode;
    if (ended !== null) throw new Error(`QEMU ended with ${ended}`);
  }

  /** Waits until systemd has finished a boot that is not the one before. */
  private async waitForBoot(): Promise<void> {
    const deadlineMs = Date.now() + TIMEOUTS_MS.boot;
    const consoleLength = (await this.console()).length;
    for (;;) {
      this.checkAlive();
      // While it goes down and comes up, the agent may end in the middle of anything.
      const id = await this.run(["cat", "/proc/sys/kernel/random/boot_id"], {
        replyTimeoutMs: 20_000,
      })
        .then(({ stdout }) => stdout.trim())
        .catch(() => "");
      if (id !== "" && id !== this.#bootId) {
        this.#bootId = id;
        break;
      }
      if (Date.now() > deadlineMs) throw new Error(`the machine did not boot in ${TIMEOUTS_MS.boot} ms`);
      const hung = /INFO: (task .* blocked for more than .*)/.exec((await this.console()).slice(consoleLength));
      if (hung !== null) throw new MachineFault(`while it booted: ${hung[1]}`);
      await Bun.sleep(500);
    }
    const { stdout } = await this.run(["systemctl", "is-system-running", "--wait"], {
      timeoutMs: TIMEOUTS_MS.boot,
    });
    if (stdout.trim() === "running") return;
    const failed = await this.run(["systemctl", "--failed", "--plain", "--no-legend"]);
    throw new Error(`the machine booted as ${stdout.trim()}:\n${failed.stdout}`);
  }
}

/** Runs a command on this side that has to succeed. */
async function runChecked(argv: string[]): Promise<void> {
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const text = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")}: ${text.trim()}`);
}
