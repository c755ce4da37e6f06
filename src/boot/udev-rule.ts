import { BOOT_SCRIPT_PATH } from "../paths.ts";
import { HEADER } from "./signature.ts";

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
