import type { Feature } from "../core/features.ts";
import type { Coverage } from "../core/verify/coverage.ts";
import { type CoverageJson, coverageToJson, parseCoverage } from "../core/verify/coverage-json.ts";
import {
  IS_NIC,
  PREPARATION,
  READ_XENSTORE,
  STILL_ON,
  TURN_OFF,
  VM_OF,
  WAIT_FOR_TOOLSTACK,
} from "./shell-functions.ts";
import { HEADER } from "./signed-file.ts";

const COVERAGE_MARK = "# offload-coverage: ";

/** A coverage with tens of thousands of interfaces is shorter; what is longer is not ours. */
const MAX_COVERAGE_CHARS = 4_194_304;

const USAGE = `# Turns offloads of network devices off, at boot and on devices that appear later. It may be run at any
# time: what is off already is left alone. It needs ethtool, and xenstore-read to tell VMs apart.
#
# Arguments: none, for every device that is covered, or the names of some. \`vif-5-0\`, which is how the
# bus of Xen's backends calls vif5.0, means that device once the toolstack has set it up.
# Exit status: 0 when everything that is to be off is off, 1 when something is not, 3 without ethtool.`;

/**
 * The boot script for a coverage, in plain sh: for dash, busybox and bash 4.2.
 *
 * NICs without a word of their own are found by what they are. One with a word of its own has to have its name by
 * then, which it has after interface-rename.service, thus after network.target and xcp-networkd.service.
 */
export function generateBootScript(coverage: Coverage): string {
  const json = coverageToJson(coverage);
  const parts = [
    PREPARATION,
    STILL_ON,
    TURN_OFF,
    ...(json.nics.length > 0 ? [IS_NIC] : []),
    ...generateGuestFunctions(json),
    generateFeatureCases(json),
    coversGuests(json) ? TURN_OFF_COVERED_AND_GUESTS : TURN_OFF_COVERED,
    generateMain(json),
  ];
  return `#!/bin/sh
${HEADER}
${COVERAGE_MARK}${JSON.stringify(json)}
#
${USAGE}

${parts.join("\n\n")}
`;
}

const TURN_OFF_COVERED = `# Turns off what is to be off on device $1.
turn_off_covered() {
  features_of "$1"
  [ -z "$features" ] || turn_off "$1"
}`;

const TURN_OFF_COVERED_AND_GUESTS = `# Turns off what is to be off on device $1, which may be called as the bus of Xen's backends does.
turn_off_covered() {
  case $1 in
  vif-[0-9]*-[0-9]*)
    domid=\${1#vif-} number=\${1##*-}
    domid=\${domid%-*}
    features_of "vif$domid.$number"
    [ -n "$features" ] || return 0
    wait_for_toolstack "$domid" "$number"
    turn_off "vif$domid.$number"
    ;;
  *)
    features_of "$1"
    [ -z "$features" ] || turn_off "$1"
    ;;
  esac
}`;

/** What a boot script was written for; null where it does not say so, or not in words that are understood. */
export function parseBootScriptCoverage(script: string): Coverage | null {
  const start = script.indexOf(`\n${COVERAGE_MARK}`);
  if (start < 0) return null;
  const end = script.indexOf("\n", start + 1);
  const line = script.slice(start + 1 + COVERAGE_MARK.length, end < 0 ? undefined : end);
  if (line.length > MAX_COVERAGE_CHARS) return null;
  try {
    return parseCoverage(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The more particular word wins, and it comes first. */
function generateFeatureCases({ nics, devices, ...guests }: CoverageJson): string {
  const deviceCases = Object.entries(devices).map(
    ([device, features]) => `  ${quoteShell(device)}) ${generateAssignment(features)} ;;`,
  );
  const hasGuests = coversGuests(guests);
  // Under such a name udev keeps a NIC until interface-rename.service gives it the one that was meant.
  const temporaryNameCase = deviceCases.length > 0 && nics.length > 0 ? ["  side-*) ;;"] : [];
  return `# Sets \`features\` to what is to be off on device $1.
features_of() {
  features=''
  case $1 in
${[
  ...deviceCases,
  ...(hasGuests ? ['  vif[0-9]*.[0-9]* | tap[0-9]*.[0-9]*) features_of_guest "$1" ;;'] : []),
  ...temporaryNameCase,
  ...(nics.length > 0 ? [`  *) ! is_nic "$1" || ${generateAssignment(nics)} ;;`] : []),
  "  esac",
].join("\n")}
}`;
}

function coversGuests({ vifs, vms }: Pick<CoverageJson, "vifs" | "vms">): boolean {
  return vifs.length > 0 || Object.keys(vms).length > 0;
}

/**
 * Under a rule alone nobody has to be asked. The domain that a migration is received in has the UUID of its VM
 * but for the last group (xenops_server.ml VM_receive_memory), until it is renamed (VM_rename): so the last group
 * does not count.
 */
function generateGuestFunctions({ vifs, vms }: CoverageJson): readonly string[] {
  if (!coversGuests({ vifs, vms })) return [];
  const cases = Object.entries(vms).flatMap(([uuid, vm]) => {
    const pattern = `${quoteShell(uuid.slice(0, uuid.lastIndexOf("-") + 1))}*`;
    return [
      ...Object.entries(vm.vifs).map(
        ([number, features]) => `  ${pattern}/${quoteShell(number)}) ${generateAssignment(features)} ;;`,
      ),
      `  ${pattern}) ${generateAssignment(vm.features)} ;;`,
    ];
  });
  const functionStart = `# The same of a guest's interface.
features_of_guest() {
  ${generateAssignment(vifs)}`;
  const waitFunctions = [READ_XENSTORE, WAIT_FOR_TOOLSTACK];
  if (cases.length === 0) return [...waitFunctions, `${functionStart}\n}`];
  return [
    ...waitFunctions,
    VM_OF,
    `${functionStart}
  uuid=$(vm_of "$1") || return 0
  # By VM, and by the number of the VIF behind the dot. The last group of the UUID is another while a
  # migration is being received.
  case $uuid/\${1#*.} in
${cases.join("\n")}
  esac
}`,
  ];
}

/** Those that are named, also where they are not there, and all others that are; most are not covered. */
function generateMain({ devices }: CoverageJson): string {
  const deviceNames = Object.keys(devices).map(quoteShell);
  const addDevice = '    set -- "$@" "$device"';
  const addIfUnnamed = `    case $device in
    ${deviceNames.join(" | ")}) ;;
    *) set -- "$@" "$device" ;;
    esac`;
  return `if [ $# -eq 0 ]; then
  ${["set --", ...deviceNames].join(" ")}
  for path in /sys/class/net/*; do
    [ -e "$path/ifindex" ] || continue
    device=\${path##*/}
${deviceNames.length > 0 ? addIfUnnamed : addDevice}
  done
fi
for device in "$@"; do turn_off_covered "$device"; done
exit $status`;
}

function generateAssignment(features: readonly Feature[]): string {
  return `features='${features.join(" ")}'`;
}

/** A word as sh takes it literally, also as a pattern, and also where it is a word of the language. */
function quoteShell(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
