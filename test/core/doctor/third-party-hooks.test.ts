import { describe, expect, test } from "bun:test";
import type { HookType } from "../../../src/core/doctor/hook-events.ts";
import { findHooks, findScriptPaths } from "../../../src/core/doctor/third-party-hooks.ts";

function hooks(text: string, type: HookType = "rc.local", path = "/etc/rc.d/rc.local") {
  return findHooks({ path, type, text, event: "at boot", inactiveReason: null });
}

describe("a line of someone else's that touches offloads counts", () => {
  const touching: readonly (readonly [line: string, turnsOn: boolean, type?: HookType])[] = [
    ["ethtool -K eth0 tso off", false],
    ["/sbin/ethtool --offload eth0 gro on", true],
    ["for i in /sys/class/net/eth*; do ethtool --features $(basename $i) rx off; done", false],
    ["for i in `ls /sys/class/net`; do ethtool -K $i rx off tx off >/dev/null 2>&1; done", false],
    ['"$ETHTOOL" -K "$1" tx off', false],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a line of a shell script.
    ["${ETHTOOL} -K $dev $options", false],
    ["[ -x /sbin/ethtool ] && /sbin/ethtool -K eth0 tso off gso on", true],
    ["timeout 5 nice -n 5 ethtool -K eth0 sg off || logger failed", false],
    ["/bin/sh -c 'sleep 5; ethtool -K eth0 lro off'", false],
    ['output=$(ethtool -K "$1" gro on 2>&1)', true],
    ["ls /sys/class/net | xargs -I{} ethtool -K {} tso off", false],
    ["ethtool -K eth0 tso off; ethtool -K eth1 tso on", true],
    ["*/5 * * * * root ethtool -K eth0 tx off", false, "cron"],
    ['RUN+="/usr/sbin/ethtool -K $name lro off"', false, "udev rule"],
    [`ACTION=="add", KERNEL=="eth*", RUN{program}+="/bin/sh -c 'ethtool -K %k gro on'"`, true, "udev rule"],
    ["ExecStart=-/sbin/ethtool -K eth0 sg off", false, "systemd unit"],
    ["ExecStartPost=/bin/bash -c '/sbin/ethtool -K eth0 tx off'", false, "systemd unit"],
    ['ETHTOOL_OPTS="-K $DEVICE tso off"', false],
    ['ETHTOOL_OPTS="-G eth0 rx 4096; -K eth0 gso on"', true, "network script"],
    ['ETHTOOL_OFFLOAD="gro off lro off"', false, "network script"],
    ["xe vif-param-set uuid=$u other-config:ethtool-tx=off", false],
    ['xe vif-param-set uuid="$u" other-config:ethtool-tx="on"', true],
    ["xe pif-param-add uuid=$u param-name=other-config ethtool-gso=off", false],
    ["xe pif-param-remove uuid=$u param-name=other-config param-key=ethtool-gso", false],
    ["xe pif-param-set uuid=$u properties:gro=off", false],
    ["xe pif-param-clear uuid=$u param-name=ethtool-tx", false],
  ];
  for (const [line, turnsOn, type] of touching) {
    test(line, () => expect(hooks(`${line}\n`, type)).toMatchObject([{ line: 1, turnsOn }]));
  }
});

describe("findHooks finds no offload command in", () => {
  const innocent: readonly (readonly [line: string, type?: HookType])[] = [
    ["# ethtool -K eth0 tso off"],
    ['  # RUN+="ethtool -K $name lro off"', "udev rule"],
    ["; ethtool -K eth0 tso off"],
    ["ethtool -k eth0"],
    ["ethtool -k eth0 | grep 'tcp-segmentation-offload: on'"],
    ["ethtool -i eth0 # then ethtool -K eth0 tso off"],
    ["ethtool -s eth0 speed 1000 duplex full"],
    ["ethtool -G eth0 rx 4096"],
    ["ethtool -K"],
    ["echo -K eth0"],
    ['echo "ethtool -K eth0 tso off"'],
    ["echo ethtool -K eth0 tso off >> /root/todo"],
    ['logger -t nic "ethtool -K eth0 tso off failed"'],
    ["log_debug ethtool -K eth0 tso off"],
    ["grep -q ethtool -K /etc/rc.local"],
    ["yum install ethtool"],
    ["command -v ethtool >/dev/null || exit 0"],
    ['ETHTOOL_OPTS="speed 1000 duplex full autoneg off"', "network script"],
    ["Description=ethtool -K eth0 tso off", "systemd unit"],
    ['SUBSYSTEM=="net", ENV{NOTE}="ethtool -K eth0 tso off"', "udev rule"],
    ["xe vif-param-set uuid=$u other-config:promiscuous=on"],
    ["xe pif-param-set uuid=$u other-config:ethtool-speed=1000"],
    ["xe pif-param-list uuid=$u"],
    ["options bnx2x disable_tpa=1"],
  ];
  for (const [line, type] of innocent) {
    test(line, () => expect(hooks(`${line}\n`, type)).toEqual([]));
  }
});

test("counts lines as an editor does, and a continued line as one", () => {
  expect(hooks("#!/bin/sh\r\n\nethtool \\\n  -K eth0 \\\n  tso off\nethtool -K eth1 tx off\n")).toMatchObject([
    { line: 3, text: expect.stringMatching(/ethtool\s+-K eth0\s+tso off/) },
    { line: 6, text: "ethtool -K eth1 tx off" },
  ]);
});

test("does not continue a comment on the next line", () => {
  expect(hooks("# as before \\\nethtool -K eth0 tso on\n")).toMatchObject([{ line: 2 }]);
});

test("shows only the relevant command of a line", () => {
  const [hook] = hooks("test -e /acme && ethtool -K eth0 tx off || logger acme # for acme\n");
  expect(hook?.text).toBe("ethtool -K eth0 tx off");
});

test("distinguishes lines that turn features on from those that turn them off", () => {
  const on = (line: string) => hooks(line).map(({ turnsOn }) => turnsOn);
  expect(on("ethtool -K eth0 tso on gso off")).toEqual([true]);
  expect(on("xe pif-param-set uuid=u other-config:ethtool-gro=on")).toEqual([true]);
  expect(on("xe pif-param-set uuid=u other-config:ethtool-gro=true")).toEqual([true]);
  expect(on("ethtool -K enxon tso off")).toEqual([false]);
});

test("ignores offload's own block in rc.local, but not the lines around it", () => {
  const text = `ethtool -K eth0 tx off
# BEGIN offload (written by "offload persist"; remove with "offload persist --remove")
ethtool -K "$1" tso off
# END offload
ethtool -K eth1 tx off
`;
  expect(hooks(text).map(({ line }) => line)).toEqual([1, 5]);
});

test("does not mistake a similar heading for offload's marker", () => {
  for (const heading of ["# BEGIN offload settings", "# BEGIN offload", "# BEGIN offload (acme)"]) {
    expect(hooks(`${heading}\nethtool -K eth0 tso on\n`)).toMatchObject([{ line: 2 }]);
  }
});

test("always counts vif-hotplug, because the toolstack runs it for every VIF", () => {
  const path = "/etc/xapi.d/vif-hotplug";
  expect(hooks("#!/bin/sh\nexec /opt/hook\n", "toolstack hook", path)).toMatchObject([{ line: 0, text: "" }]);
  expect(hooks("ethtool -K $1 gro off\n", "toolstack hook", path)).toMatchObject([{ line: 1 }]);
});

test("counts driver options only in files that set driver options", () => {
  const found = (line: string) => hooks(line, "module options", "/etc/modprobe.d/nic.conf");
  expect(found("options bnx2x disable_tpa=1 num_queues=4\n")).toHaveLength(1);
  expect(found("options ixgbe LRO=0,0\n")).toHaveLength(1);
  expect(found("options igb max_vfs=2\n")).toEqual([]);
  const turnsOn = (line: string) => found(line).map((hook) => hook.turnsOn);
  expect(turnsOn("options bnx2x disable_tpa=1\n")).toEqual([false]);
  expect(turnsOn("options bnx2x disable_tpa=0\n")).toEqual([true]);
  expect(turnsOn("options ixgbe LRO=0,1\n")).toEqual([true]);
  expect(turnsOn("options myri10ge myri10ge_lro=0\n")).toEqual([false]);
});

test("finds scripts by absolute paths outside comments", () => {
  const text = `# /opt/old.sh
ExecStart=-/opt/a.sh --now
RUN+="/opt/b.sh $name"
0 3 * * * root /opt/c.sh; [ -x /opt/d.sh ] && /opt/d.sh
`;
  const paths = findScriptPaths(text);
  expect(paths).toEqual(expect.arrayContaining(["/opt/a.sh", "/opt/b.sh", "/opt/c.sh", "/opt/d.sh"]));
  expect(paths).not.toContain("/opt/old.sh");
});

describe("a script that is not named by its whole path is looked for", () => {
  test.each([
    ["cd /opt/nic && ./fix.sh eth0", "/opt/nic/./fix.sh"],
    ["WorkingDirectory=/srv/tools\nExecStart=bin/fix", "/srv/tools/bin/fix"],
    ["~/fix.sh &", "/root/fix.sh"],
    ["$HOME/bin/fix", "/root/bin/fix"],
    ["fix-offloads eth0", "/usr/local/sbin/fix-offloads"],
  ])("%s", (text, path) => expect(findScriptPaths(text)).toContain(path));
});

describe("a hook is parsed into device, feature and state", () => {
  const parsed: readonly (readonly [line: string, requests: readonly string[], turnsOn: boolean, type?: HookType])[] = [
    ["ethtool -K eth0 gro on tx off", ["eth0 gro on", "eth0 tx off"], true],
    ["(ethtool -K eth0 gro on)", ["eth0 gro on"], true],
    ["ethtool -K eth0 generic-receive-offload on", ["eth0 gro on"], true],
    ["ethtool -K eth0 tx-tcp6-segmentation on", ["eth0 tso on"], true],
    ["ethtool -K eth0 rx-udp-gro-forwarding on", ["eth0 rx-udp-gro-forwarding on"], false],
    ["ethtool -K eth0 hw-tc-offload on", ["eth0 hw-tc-offload on"], false],
    ['ethtool -K "$1" $OPTS', ["$1 $OPTS unknown"], false],
    ["ETHTOOL_OPTS='-K eth4 gro on; -G eth4 rx 4096'", ["eth4 gro on"], true, "network script"],
    ['xe pif-param-set uuid=u other-config:ethtool-gro="on"', ["u gro on"], true],
    ["xe vif-param-clear uuid=u param-name=other-config", ["u all removed"], false],
    ["xe vif-param-remove uuid=u param-name=other-config param-key=ethtool-tx", ["u tx removed"], false],
    ['subprocess.call(["ethtool", "-K", dev, "gro", "on"])', ["dev gro on"], true, "script"],
    ["os.execv('/sbin/x', ['/sbin/ethtool', '-K', 'eth0', 'tso', 'off'])", ["eth0 tso off"], false, "script"],
    ["options bnx2x disable_tpa=1", ["- lro off"], false, "module options"],
    ["GenericReceiveOffload=yes", ["- gro on"], true, "link file"],
    ["TCPSegmentationOffload=no", ["- tso off"], false, "link file"],
  ];
  for (const [line, requests, turnsOn, type] of parsed) {
    test(line, () => {
      const [hook] = hooks(`${line}\n`, type);
      expect(hook?.requests.map(({ device, feature, state }) => `${device ?? "-"} ${feature} ${state}`)).toEqual([
        ...requests,
      ]);
      expect(hook?.turnsOn).toBe(turnsOn);
    });
  }
});

test("cuts the comment after a driver's options, which may say who wrote it", () => {
  const [hook] = hooks("options bnx2x disable_tpa=1 # for acme, by joe\n", "module options");
  expect(hook?.text).toBe("options bnx2x disable_tpa=1");
});
