import * as v from "valibot";
import type { Result } from "../dom0/running.ts";
import { AgentError, type GuestAgent, MachineFault } from "./guest-agent.ts";
import { TIMEOUTS_MS } from "./lab.ts";

const STARTED = v.object({ pid: v.number() });

const STATUS = v.object({
  exited: v.boolean(),
  exitcode: v.optional(v.number()),
  signal: v.optional(v.number()),
  "out-data": v.optional(v.string(), ""),
  "err-data": v.optional(v.string(), ""),
  "out-truncated": v.optional(v.boolean(), false),
});

/** The environment of commands, whatever the agent's own is. */
const ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"];

/** How to run a command in a machine. */
export interface ExecOptions {
  /** What it reads; without it, standard input is empty. */
  readonly stdin?: string;
  /** After this many milliseconds waiting for its end fails. */
  readonly timeoutMs?: number;
  /** After this many milliseconds without an answer from the agent it fails, too. */
  readonly replyTimeoutMs?: number;
}

/** Starts a command in a machine and does not wait for it. */
export async function launch(agent: GuestAgent, argv: readonly string[], options: ExecOptions = {}): Promise<number> {
  const [path, ...arg] = argv;
  const request = {
    path,
    arg,
    env: ENVIRONMENT,
    "capture-output": true,
    ...(options.stdin === undefined ? {} : { "input-data": btoa(options.stdin) }),
  };
  const reply = await agent.call("guest-exec", request, options.replyTimeoutMs ?? TIMEOUTS_MS.reply);
  return v.parse(STARTED, reply).pid;
}

/** Runs a command in a machine to its end. */
export async function execute(agent: GuestAgent, argv: readonly string[], options: ExecOptions = {}): Promise<Result> {
  const timeoutMs = options.timeoutMs ?? TIMEOUTS_MS.command;
  const pid = await launch(agent, argv, options);
  const deadlineMs = Date.now() + timeoutMs;
  // The agent does not tell when a command ends: short ones are asked after soon, long ones rarely.
  for (let pause = 20; Date.now() < deadlineMs; pause = Math.min(500, pause * 1.5)) {
    await Bun.sleep(pause);
    const reply = await agent
      .call("guest-exec-status", { pid }, options.replyTimeoutMs ?? TIMEOUTS_MS.reply)
      .catch((error: unknown) => {
        if (!(error instanceof AgentError)) throw error;
        throw new MachineFault(`the guest agent has died since it started ${argv.join(" ")}`);
      });
    const status = v.parse(STATUS, reply);
    if (!status.exited) continue;
    if (status["out-truncated"]) throw new Error(`${argv.join(" ")} wrote too much to take over`);
    return {
      exitCode: status.exitcode ?? null,
      signal: status.signal === undefined ? null : String(status.signal),
      stdout: decodeBase64(status["out-data"]),
      stderr: decodeBase64(status["err-data"]),
    };
  }
  throw new Error(`${argv.join(" ")} did not end in ${timeoutMs} ms`);
}

function decodeBase64(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
