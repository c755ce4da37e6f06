import { describe, expect, test } from "bun:test";
import { findHooks, findPaths, type HookType } from "../../../src/core/doctor/third-party-hooks.ts";

function hooks(text: string, type: HookType = "rc.local", path = "/etc/rc.d/rc.local") {
  return findHooks({ path, type, text, inactiveReason: null });
}

describe("a line of somebody else's counts as touching offloads", () => {
  const touching = [
    "ethtool -K eth0 tso off",
    "/sbin/ethtool --offload eth0 gro on",
    "for i in /sys/class/net/eth*; do ethtool --features $(basename $i) rx off; done",
    '"$ETHTOOL" -K "$1" tx off',
    'RUN+="/usr/sbin/ethtool -K $name lro off"',
    "ExecStart=-/sbin/ethtool -K eth0 sg off",
    'ETHTOOL_OPTS="-K $DEVICE tso off"',
    "xe vif-param-set uuid=$u other-config:ethtool-tx=off",
    "xe pif-param-set uuid=$u properties:gro=off",
    "xe pif-param-clear uuid=$u param-name=ethtool-tx",
  ];
  for (const line of touching) {
    test(line, () => expect(hooks(`${line}\n`)).toHaveLength(1));
  }
});

describe("a line that only looks like it does not", () => {
  const innocent = [
    "# ethtool -K eth0 tso off",
    '  # RUN+="ethtool -K $name lro off"',
    "; ethtool -K eth0 tso off",
    "ethtool -k eth0",
    "ethtool -i eth0",
    "ethtool -s eth0 speed 1000 duplex full",
    "ethtool -G eth0 rx 4096",
    "echo -K eth0",
    "xe vif-param-set uuid=$u other-config:promiscuous=on",
    "xe pif-param-list uuid=$u",
    "options bnx2x disable_tpa=1",
  ];
  for (const line of innocent) {
    test(line, () => expect(hooks(`${line}\n`)).toEqual([]));
  }
});

test("lines are counted as an editor counts them, and a continued line is one", () => {
  expect(hooks("#!/bin/sh\r\n\nethtool \\\n  -K eth0 \\\n  tso off\nethtool -K eth1 tx off\n")).toMatchObject([
    { line: 3, text: expect.stringMatching(/ethtool\s+-K eth0\s+tso off/) },
    { line: 6, text: "ethtool -K eth1 tx off" },
  ]);
});

test("a comment does not go on in the next line, whatever it ends in", () => {
  expect(hooks("# as before \\\nethtool -K eth0 tso on\n")).toMatchObject([{ line: 2 }]);
});

test("only the part that matters is shown: not what stands before, behind or in a comment", () => {
  const [hook] = hooks("test -e /acme && ethtool -K eth0 tx off || logger acme # for acme\n");
  expect(hook?.text).toBe("ethtool -K eth0 tx off");
});

test("a line that turns features on is told from one that turns them off", () => {
  const on = (line: string) => hooks(line).map(({ turnsOn }) => turnsOn);
  expect(on("ethtool -K eth0 tso on gso off")).toEqual([true]);
  expect(on("xe pif-param-set uuid=u other-config:ethtool-gro=on")).toEqual([true]);
  expect(on("xe pif-param-set uuid=u other-config:ethtool-gro=true")).toEqual([true]);
  expect(on("ethtool -K enxon tso off")).toEqual([false]);
});

test("the block that persist put into rc.local is its own, and what stands around it is not", () => {
  const text = `ethtool -K eth0 tx off
# BEGIN offload (written by "offload persist"; remove with "offload persist --remove")
ethtool -K "$1" tso off
# END offload
ethtool -K eth1 tx off
`;
  expect(hooks(text).map(({ line }) => line)).toEqual([1, 5]);
});

test("a heading of somebody else's is no marker of ours, however much it looks like one", () => {
  for (const heading of ["# BEGIN offload settings", "# BEGIN offload", "# BEGIN offload (acme)"]) {
    expect(hooks(`${heading}\nethtool -K eth0 tso on\n`)).toMatchObject([{ line: 2 }]);
  }
});

test("vif-hotplug counts whatever is in it, because the toolstack runs it for every VIF", () => {
  const path = "/etc/xapi.d/vif-hotplug";
  expect(hooks("#!/bin/sh\nexec /opt/hook\n", "toolstack hook", path)).toMatchObject([{ line: 0, text: "" }]);
  expect(hooks("ethtool -K $1 gro off\n", "toolstack hook", path)).toMatchObject([{ line: 1 }]);
});

test("options of drivers count only where options of drivers are set", () => {
  const found = (line: string) => hooks(line, "module options", "/etc/modprobe.d/nic.conf");
  expect(found("options bnx2x disable_tpa=1 num_queues=4\n")).toHaveLength(1);
  expect(found("options ixgbe LRO=0,0\n")).toHaveLength(1);
  expect(found("options igb max_vfs=2\n")).toEqual([]);
});

test("scripts are found by the absolute paths in lines that are no comments", () => {
  const text = `# /opt/old.sh
ExecStart=-/opt/a.sh --now
RUN+="/opt/b.sh $name"
0 3 * * * root /opt/c.sh; [ -x /opt/d.sh ] && /opt/d.sh
relative/e.sh
`;
  expect(findPaths(text)).toEqual(["/opt/a.sh", "/opt/b.sh", "/opt/c.sh", "/opt/d.sh"]);
});
