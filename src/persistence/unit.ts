import type { Coverage } from "../offload/boot.ts";
import { coverageLine } from "./coverage.ts";

/** The name that systemctl knows the unit by. */
export const UNIT_NAME = "offload.service";

/** Where an administrator's own units belong (systemd.unit(5)). */
export const UNIT_PATH = `/etc/systemd/system/${UNIT_NAME}`;

/** What the unit runs, and what the administrator can run by hand. */
export const LOOP_PATH = "/etc/offload/loop";

/** By this first line the unit is known to be ours; any other of that name is left alone. */
const SIGNATURE = '# Written by "offload persist"; remove with "offload persist --remove".';

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

/** Whether a unit file is one that `unitText` made, at whatever version. */
export function isOurUnit(text: string): boolean {
  return text.startsWith(SIGNATURE);
}
