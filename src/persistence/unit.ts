import type { Coverage } from "../offload/boot.ts";
import { coverageLine, SIGNATURE } from "./coverage.ts";

/** The name that systemctl knows the unit by. */
export const UNIT_NAME = "offload.service";

/** Where an administrator's own units belong (systemd.unit(5)). */
export const UNIT_PATH = `/etc/systemd/system/${UNIT_NAME}`;

/** What the unit runs, and what the administrator can run by hand. */
export const LOOP_PATH = "/etc/offload/loop";

/**
 * The unit: after networkd, which sets receive offloads of its own at every plug, and after XAPI's
 * start of day; before VMs are started by themselves (xapi-domains.service). Ordering after a unit
 * that does not exist is no error. Only directives that systemd 219 knows.
 */
export function unitText(coverage: Coverage): string {
  return `${SIGNATURE}
${coverageLine(coverage)}
[Unit]
Description=Network offloads off
After=network.target systemd-udev-settle.service xcp-networkd.service xapi-init-complete.target
Before=xapi-domains.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh ${LOOP_PATH}

[Install]
WantedBy=multi-user.target
`;
}
