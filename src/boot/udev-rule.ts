import { existsSync } from "node:fs";
import { runProgram } from "../fs/process.ts";
import { BOOT_SCRIPT_PATH, UDEV_CONTROL_SOCKET, UDEV_RULE_PATH } from "../paths.ts";
import { createSignedFile, HEADER } from "./signed-file.ts";

const GUEST_DEVICES = "vif[0-9]*.[0-9]*|tap[0-9]*.[0-9]*";

/**
 * The rule for interfaces that appear later; the boot script knows what is to be off on them. vif-real
 * applies XAPI's settings of a VIF when its backend goes online, after its device was added.
 */
export const UDEV_RULE = `${HEADER}
# Interfaces of guests, from their first moment on.
ACTION=="add", SUBSYSTEM=="net", KERNEL=="${GUEST_DEVICES}", RUN+="/bin/sh ${BOOT_SCRIPT_PATH} $name"
# NICs whose driver is loaded again, but no virtual functions of SR-IOV: those belong to guests.
ACTION=="add", SUBSYSTEM=="net", KERNEL!="${GUEST_DEVICES}", TEST=="device", TEST!="device/physfn", RUN+="/bin/sh ${BOOT_SCRIPT_PATH} $name"
# Interfaces of guests again, after the toolstack has applied what XAPI has set for them.
ACTION=="online", SUBSYSTEM=="xen-backend", KERNEL=="vif-*", RUN+="/bin/sh ${BOOT_SCRIPT_PATH} $kernel"
`;

/** The rule on disk. */
export const udevRuleFile = createSignedFile(UDEV_RULE_PATH, 0o644);

/** Writes the rule and has udevd read it; says whether that changed anything. */
export async function installUdevRule(): Promise<boolean> {
  const changed = await udevRuleFile.write(UDEV_RULE);
  if (changed) await reloadUdevRules();
  return changed;
}

/** Removes the rule; says whether there was one of ours. */
export async function removeUdevRule(): Promise<boolean> {
  const removed = udevRuleFile.remove();
  if (removed) await reloadUdevRules();
  return removed;
}

/** udevd notices by itself within seconds; where none runs there is nothing to do. */
async function reloadUdevRules(): Promise<void> {
  if (existsSync(UDEV_CONTROL_SOCKET)) await runProgram("udevadm", ["control", "--reload"]);
}
