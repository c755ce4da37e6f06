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
