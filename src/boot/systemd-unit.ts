import { BOOT_SCRIPT_PATH } from "../paths.ts";
import { HEADER } from "./signature.ts";

/**
 * The unit: after networkd, which sets receive offloads of its own at every plug, and after XAPI's
 * start of day; before VMs are started by themselves (xapi-domains.service). Ordering after a unit
 * that does not exist is no error. Only directives that systemd 219 knows.
 *
 * VMs wait for it, so all of it is bounded in time. The boot script is first written anew from the policy in
 * XAPI; where that fails, or offload is gone, the one that is there does.
 */
export const UNIT = `${HEADER}
[Unit]
Description=Network offloads off
After=network.target systemd-udev-settle.service xcp-networkd.service xapi-init-complete.target
Before=xapi-domains.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=90
TimeoutStopSec=10
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStartPre=-/bin/sh -c "! command -v offload > /dev/null || exec timeout -k 5 30 offload refresh-boot-script"
ExecStart=/bin/sh ${BOOT_SCRIPT_PATH}

[Install]
WantedBy=multi-user.target
`;
