/** The RPM of a release: what the rpm of a dom0 has to read, and what it does when it is installed. */
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listAllFeaturesOn } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import type { Result } from "../dom0/running.ts";
import { standIn } from "./installer.ts";
import { output, RELEASE, RPM, VERSION, Workshop } from "./release.ts";

const workshop = new Workshop();

afterAll(() => workshop.remove());

/** What rpm 4.11.3 says it can do (lib/rpmds.c rpmlibProvides), of what a package of today may ask for. */
const OF_RPM_4_11 = [
  "rpmlib(CompressedFileNames) <= 3.0.4-1",
  "rpmlib(FileDigests) <= 4.6.0-1",
  "rpmlib(PayloadFilesHavePrefix) <= 4.0-1",
  "rpmlib(PayloadIsXz) <= 5.2-1",
  "rpmlib(TildeInVersions) <= 4.10.0-1",
];

test("the RPM is readable by rpm 4.11, and needs only ethtool and libc", () => {
  const query = (format: string) => output(["rpm", "-qp", "--qf", format, RPM]);
  expect(query("%{PAYLOADFORMAT} %{PAYLOADCOMPRESSOR} %{FILEDIGESTALGO}")).toBe("cpio xz 8");
  // The digests of the header that 4.11 checks; newer ones it passes over.
  expect(query("%{SIGMD5} %{SHA1HEADER}")).toMatch(/^[0-9a-f]{32} [0-9a-f]{40}$/);
  const requires = output(["rpm", "-qp", "--requires", RPM]).trim().split("\n");
  expect(requires).toContain("ethtool");
  const features = requires.filter((line) => line.startsWith("rpmlib("));
  expect(features.filter((line) => !OF_RPM_4_11.includes(line))).toEqual([]);
  const others = requires.filter((line) => !line.startsWith("rpmlib(") && line !== "ethtool");
  for (const line of others) {
    expect(line).toMatch(/^(?:\/bin\/sh|(?:ld-linux-x86-64|lib(?:c|dl|m|pthread))\.so\.\d\(.*)$/);
    const [, minor = "0"] = /\(GLIBC_2\.(\d+)/.exec(line) ?? [];
    expect(Number(minor)).toBeLessThanOrEqual(17);
  }
  expect(output(["rpm", "-K", "--nosignature", RPM])).toContain("digests OK");
  // A second reader, which knows nothing of this one's format of today.
  expect(output(["busybox", "rpm", "-qpl", RPM])).toContain("/usr/bin/offload\n");
});

test("the RPM has the manual page and the completions of the release", () => {
  const tree = workshop.path("unpacked");
  const unpack = `mkdir "$2" && cd "$2" && rpm2cpio "$1" | cpio -id --quiet './usr/share/*'`;
  output(["sh", "-c", unpack, "sh", RPM, tree]);
  const read = (path: string) => readFileSync(join(tree, "usr/share", path));
  const released = (name: string) => readFileSync(join(RELEASE, name), "utf8");
  expect(read("bash-completion/completions/offload").toString()).toBe(released("offload.bash"));
  expect(read("zsh/site-functions/_offload").toString()).toBe(released("_offload"));
  expect(read("fish/vendor_completions.d/offload.fish").toString()).toBe(released("offload.fish"));
  const page = Bun.gunzipSync(Uint8Array.from(read("man/man8/offload.8.gz")));
  expect(Buffer.from(page).toString()).toBe(released("offload.8"));
}, 60_000);

test("the RPM passes rpmlint", () => {
  const config = join(import.meta.dir, "../../packaging/rpmlint.toml");
  const spec = join(import.meta.dir, "../../packaging/offload.spec");
  const found = output(["rpmlint", "-c", config, RPM, spec])
    .split("\n")
    .filter((line) => / [EW]: /.test(line));
  expect(found).toEqual([]);
});

/** Its own /usr and database of packages: that of a throwaway dom0 is the machine's. */
const OWN_USR = `set -e
mkdir /run/usr && mount -t tmpfs tmpfs /run/usr && mkdir /run/usr/up /run/usr/work
mount -t overlay overlay -o lowerdir=/usr,upperdir=/run/usr/up,workdir=/run/usr/work /usr
rpm() { command rpm --dbpath /var/lib/rpm-test "$@"; }
mkdir /var/lib/rpm-test
`;

/** Runs a script of a shell in a dom0 in which rpm can install. */
function installing(dom0: Dom0, script: string): Promise<Result> {
  const unshare = ["unshare", "--mount", "--propagation", "private"];
  return dom0.run([...unshare, "sh", "-c", OWN_USR + script], { timeoutMs: 200_000 });
}

test("the RPM refuses a host with an unsuitable CPU, says so and installs nothing", async () => {
  await using dom0 = await Dom0.start();
  const script = `sed 's/ sse4_2//' /proc/cpuinfo >/tmp/cpuinfo
mount --bind /tmp/cpuinfo /proc/cpuinfo
code=0
rpm -i --nodeps ${RPM} || code=$?
[ ! -e /usr/bin/offload ] && echo "ended with $code"`;
  const run = await installing(dom0, script);
  expect(run.stderr).toContain("offload needs a CPU with sse4_2");
  expect(run).toMatchObject({ exitCode: 0, stdout: "ended with 1\n" });
}, 120_000);

/** A package of a stand-in, which answers as offload does. */
async function packageOf(version: string): Promise<string> {
  const executable = workshop.path("offload");
  await Bun.write(executable, standIn(version));
  const build = join(import.meta.dir, "../../packaging/build-rpm");
  output([build, version, executable, workshop.directory]);
  return workshop.path(`offload-${version}-1.x86_64.rpm`);
}

test("the RPM stays installed when persist cannot be undone", async () => {
  const rpm = await packageOf("8.8.8");
  await using dom0 = await Dom0.start();
  const script = `mkdir -p /etc/xapi.d/plugins
rpm -i --nodeps ${rpm}
code=0
PERSIST_FAILS=1 rpm -e offload 2>/dev/null || code=$?
echo "ended with $code"
offload --version
readlink /etc/xapi.d/plugins/offload
rpm -e offload
ls /usr/bin/offload /etc/xapi.d/plugins 2>/dev/null`;
  const run = await installing(dom0, `{ ${script}\n} || true`);
  expect(run.stdout).toBe("ended with 1\n8.8.8\n/usr/bin/offload\n/etc/xapi.d/plugins:\n");
}, 60_000);

test("the RPM installs, upgrades without touching the boot layer, and undoes persist when removed", async () => {
  const newer = await packageOf("9.9.9");
  await using dom0 = await Dom0.start();
  const script = `state() { cat /etc/rc.d/rc.local; ls -A /etc/udev/rules.d; }
plugin=/etc/xapi.d/plugins/offload
mkdir -p /etc/xapi.d/plugins
state >/tmp/before
rpm -i --nodeps ${RPM}
[ "$(readlink $plugin)" = /usr/bin/offload ]
offload disable ALL --yes >/dev/null
offload persist >/dev/null
state >/tmp/persisted
! cmp -s /tmp/before /tmp/persisted
rpm -U --nodeps ${newer}
[ "$(offload --version)" = 9.9.9 ]
state | cmp - /tmp/persisted
[ "$(readlink $plugin)" = /usr/bin/offload ]
rpm -U --nodeps --oldpackage ${RPM}
[ "$(offload --version)" = ${VERSION} ]
state | cmp - /tmp/persisted
rpm -V --nodeps offload
rpm -e offload
state | cmp - /tmp/before
[ ! -e /usr/bin/offload ] && [ ! -e /usr/share/licenses/offload ] && [ ! -L $plugin ]
echo theirs >$plugin
rpm -i --nodeps ${RPM}
rpm -e offload
[ "$(cat $plugin)" = theirs ]
echo done`;
  const run = await installing(dom0, script);
  // Debian's rpm says every time that Debian has another package manager.
  const stderr = run.stderr.replaceAll(/^rpm: (RPM should not|However assuming).*\n/gm, "");
  expect({ exitCode: run.exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(run.stdout).toEndWith("done\n");
  expect(await listAllFeaturesOn(dom0)).toEqual([]);
}, 300_000);
