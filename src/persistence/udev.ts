import type { Coverage } from "../offload/boot.ts";
import { coverageLine, SIGNATURE } from "./coverage.ts";

/** After the rules that give names (60 to 80), so that `$name` is the name that stays. */
export const UDEV_RULE_PATH = "/etc/udev/rules.d/95-offload.rules";

/**
 * The rule for interfaces that appear later: a vif or tap of any guest, and a NIC whose driver was
 * loaded again. It calls ethtool itself and nothing else, from the device's first moment on. A
 * feature that is fixed or unknown to the kernel does not keep ethtool from the others.
 */
export function udevRule(coverage: Coverage, ethtool: string): string {
  const features = coverage.keywords.map((keyword) => `${keyword} off`).join(" ");
  return `${SIGNATURE}
${coverageLine(coverage)}
ACTION!="add", GOTO="offload_end"
SUBSYSTEM!="net", GOTO="offload_end"
# Interfaces of guests.
KERNEL=="vif[0-9]*.[0-9]*", GOTO="offload_off"
KERNEL=="tap[0-9]*.[0-9]*", GOTO="offload_off"
# NICs, but no virtual functions of SR-IOV: those belong to guests.
TEST=="device", TEST!="device/physfn", GOTO="offload_off"
GOTO="offload_end"
LABEL="offload_off"
RUN+="${ethtool} -K $name ${features}"
LABEL="offload_end"
`;
}
