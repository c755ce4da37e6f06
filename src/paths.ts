/** Every fixed path of the program; the places where hooks of others are looked for stand in host/third-party-files. */

/** The boot script: what the unit, the block of rc.local and the udev rule run. */
export const BOOT_SCRIPT_PATH = "/etc/offload/disable-offloads";

/** The name that systemctl knows the unit by. */
export const UNIT_NAME = "offload.service";

/** Where an administrator's own units belong (systemd.unit(5)). */
export const UNIT_PATH = `/etc/systemd/system/${UNIT_NAME}`;

/** The link that enables the unit. */
export const UNIT_ENABLED_LINK = `/etc/systemd/system/multi-user.target.wants/${UNIT_NAME}`;

/** The directory that is there when systemd has booted the host (sd_booted(3)), and units of this boot alone. */
export const SYSTEMD_RUN_DIRECTORY = "/run/systemd/system";

/** Where else a unit of that name could come from (systemd.unit(5)). */
export const OTHER_UNIT_PATHS: readonly string[] = [
  SYSTEMD_RUN_DIRECTORY,
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
].map((directory) => `${directory}/${UNIT_NAME}`);

/**
 * Sorts after xen-backend.rules, whose `RUN` is the hotplug script of the toolstack: rules are read in the
 * order of their names, and programs run in the order of the rules (udev(7)).
 */
export const UDEV_RULE_PATH = "/etc/udev/rules.d/zz-offload.rules";

/** Where udevd takes commands while it runs. */
export const UDEV_CONTROL_SOCKET = "/run/udev/control";

/** The rc.local that boot runs on a dom0; /etc/rc.local is a link to it. */
export const DOM0_RC_LOCAL = "/etc/rc.d/rc.local";

/** Where rc.local is on other systems than Red Hat's. */
export const PLAIN_RC_LOCAL = "/etc/rc.local";

/** What this program keeps of a host; its own, 0700. */
export const STATE_DIRECTORY = "/var/lib/offload";

/** What it keeps until the next boot at most. */
export const RUN_DIRECTORY = "/run/offload";

/** Where xapi listens since 1.9.49, that is XenServer 7.0 (xapi_globs.ml unix_domain_socket). */
export const XAPI_SOCKET = "/var/lib/xcp/xapi";

/** Where both xenstoreds of a dom0 listen (xs_lib.c xs_daemon_socket; oxenstored's paths.ml). */
export const XENSTORE_SOCKET = "/var/run/xenstored/socket";

/** Where networkd keeps its configuration (network_config.ml config_file_path). */
export const NETWORKD_DB = "/var/lib/xcp/networkd.db";

/** What a dom0 says of itself, its UUID among it. */
export const INVENTORY_PATH = "/etc/xensource-inventory";

/** Whether a host is the coordinator of its pool, or whose member it is. */
export const POOL_CONF_PATH = "/etc/xensource/pool.conf";

/** Whether networks are bridges or Open vSwitch's. */
export const NETWORK_CONF_PATH = "/etc/xensource/network.conf";

/** Where xapi looks for plugins, on every release (xapi_globs.ml xapi_plugins_root). */
const PLUGIN_DIRECTORY = "/etc/xapi.d/plugins/";

/** The name by which callers of XAPI call this program. */
export const PLUGIN_NAME = "offload";

/** The link by which this program is a plugin. */
export const PLUGIN_PATH: string = `${PLUGIN_DIRECTORY}${PLUGIN_NAME}`;

/** Whether a process was started as a plugin: xapi starts one by its path (xapi_plugins.ml). */
export function isPluginPath(argv0: string): boolean {
  return argv0.startsWith(PLUGIN_DIRECTORY);
}

/** The network devices of the namespace that a process is in. */
export const SYS_CLASS_NET = "/sys/class/net";

/** The version of Xen under the kernel. */
export const HYPERVISOR_VERSION_PATH = "/sys/hypervisor/version";

/** The random name that the kernel gives itself at every boot. */
export const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

/** The seconds since the boot. */
export const UPTIME_PATH = "/proc/uptime";

/** The executable of the process that looks, also when its file was replaced or removed (proc(5)). */
export const OWN_EXECUTABLE = "/proc/self/exe";

/** The IPv6 addresses of all devices; not there without IPv6. */
export const IF_INET6_PATH = "/proc/net/if_inet6";

/** How the distribution calls itself (os-release(5)). */
export const OS_RELEASE_PATH = "/etc/os-release";

/** The same on systems of Red Hat's that have no os-release. */
export const REDHAT_RELEASE_PATH = "/etc/redhat-release";

/** Where programs of the system are; root's PATH may hold anything. */
export const PROGRAM_DIRECTORIES: readonly string[] = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];
