/** The boot script: what the unit, the block of rc.local and the udev rule run. */
export const BOOT_SCRIPT_PATH = "/etc/offload/disable-offloads";

/** The name that systemctl knows the unit by. */
export const UNIT_NAME = "offload.service";

/** Where an administrator's own units belong (systemd.unit(5)). */
export const UNIT_PATH = `/etc/systemd/system/${UNIT_NAME}`;

/**
 * Sorts after xen-backend.rules, whose `RUN` is the hotplug script of the toolstack: rules are read in the
 * order of their names, and programs run in the order of the rules (udev(7)).
 */
export const UDEV_RULE_PATH = "/etc/udev/rules.d/zz-offload.rules";
