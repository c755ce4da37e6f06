import * as v from "valibot";
import { attemptAsync, CommandError } from "../../core/command-error.ts";
import { runProgram } from "../../fs/process.ts";

/** networkd's queue on the message switch (network_interface.ml queue_name). */
const QUEUE_NAME = "org.xen.xapi.networkd";

/** The call has one parameter, which is OCaml's unit. */
const SYNC_REQUEST = JSON.stringify({ method: "Network.sync_state", params: [null], id: 1 });

/** The call takes 6 ms (measured). */
const TIMEOUT_SECONDS = 5;

const ReplySchema = v.object({ result: v.unknown(), error: v.optional(v.null()) });

/**
 * Has networkd write its configuration to disk, which it does by itself every 300 seconds
 * (network_server.ml sync_state). The call is private to the toolstack: false where message-cli, which
 * comes with the message switch, is missing, or networkd does not understand.
 */
export async function syncNetworkd(run: typeof runProgram = runProgram): Promise<boolean> {
  const args = ["call", QUEUE_NAME, "--body", SYNC_REQUEST, "--timeout", String(TIMEOUT_SECONDS)];
  const result = await attemptAsync(() => run("message-cli", args, { timeoutMs: (TIMEOUT_SECONDS + 1) * 1000 }));
  return !(result instanceof CommandError) && result.exitCode === 0 && isSuccessReply(result.stdout);
}

function isSuccessReply(reply: string): boolean {
  try {
    return v.is(ReplySchema, JSON.parse(reply));
  } catch {
    return false;
  }
}
