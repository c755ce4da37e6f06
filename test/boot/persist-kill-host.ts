import { TEMPORARY_PREFIX } from "../../src/fs/temporary-file.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Result } from "../dom0/running.ts";
import { DESCRIBE_UNIT_SCRIPT, FAKE_SYSTEMCTL, SYSTEMD_STATE_DIR } from "./persist-kill-systemd.ts";
import { buildStraceArguments } from "./persist-kill-trace.ts";

/** What is there under every name: kind, permissions, owner, bytes or where a link points to. */
export type Files = ReadonlyMap<string, string>;

/** How a boot went, as far as offloads go. */
export interface BootResult {
  readonly exitCode: number | null;
  readonly stderr: string;
  /** What ethtool says afterwards of every NIC. */
  readonly features: string;
}

const NICS = ["eth0", "eth1"];
const WORK_DIR = "/run/persist-kill";
const STRACE_LOG = `${WORK_DIR}/strace`;

/** All that `offload persist` may change. */
const SAVED_PATHS = [
  ...["/etc/rc.d", "/etc/rc.local", "/etc/offload", "/etc/udev/rules.d", "/etc/systemd/system"],
  ...["/var/lib/offload", SYSTEMD_STATE_DIR],
].join(" ");

/** Goes before whatever removes files: nothing does so outside of a throwaway dom0. */
const REQUIRE_THROWAWAY_DOM0 = "[ -d /run/dom0/scratch ] || exit 99";

/** What was written to /tmp inside, and nothing of what others do there outside. */
const TMP_UPPER_DIR = "/run/dom0/scratch/tmp/upper";

const SAVE_SCRIPT = `
cd /
for path in ${SAVED_PATHS}; do
  if [ -e "$path" ] || [ -L "$path" ]; then echo ".$path"; fi
done > ${WORK_DIR}/list
exec tar -cf "$0" -T ${WORK_DIR}/list`;

const RESTORE_SCRIPT = `
${REQUIRE_THROWAWAY_DOM0}
rm -rf ${SAVED_PATHS} /run/offload*
(cd ${TMP_UPPER_DIR} && find . -mindepth 1 -maxdepth 1) | while read -r name; do rm -rf "/tmp/$name"; done
exec tar -C / -xpf "$0"`;

const LIST_FILES_SCRIPT = `
cd /
find /etc /var/lib/offload -type d -printf '%p|%y %m %U:%G\\n' -o -type l -printf '%p|%y %l\\n' \\
  -o -printf '%p|%y %m %U:%G %s\\n' 2> /dev/null
find /run -maxdepth 1 -name 'offload*' -printf '%p|%y\\n'
cd ${TMP_UPPER_DIR} && find . -mindepth 1 -maxdepth 1 ! -type c -printf '/tmp/%f|%y\\n'
echo
find /etc/rc.d /etc/offload /etc/udev/rules.d /etc/systemd/system /var/lib/offload -type f \\
  -exec md5sum {} + 2> /dev/null
true`;

/** rc.local as systemd's generator takes it, and the unit where a link wants it. */
const BOOT_SCRIPT = `
for nic in ${NICS.join(" ")}; do
  ethtool -K $nic rx on tx on sg on tso on gso on gro on > /dev/null 2>&1
done
mkdir -p /var/lock/subsys
status=0
if [ -x /etc/rc.d/rc.local ]; then /etc/rc.d/rc.local < /dev/null || status=$?; fi
wanted=/etc/systemd/system/multi-user.target.wants/offload.service
if [ -L $wanted ]; then
  command=$(sed -n 's/^ExecStart=//p' $wanted) && [ -n "$command" ] || status=98
  $command < /dev/null || status=$?
fi
exit $status`;

/** Nothing that the boot script could turn off, and so nothing to note in the journal before it does. */
const TURN_OFF_SCRIPT = `
for path in ${NICS.map((nic) => `/sys/class/net/${nic}`).join(" ")} /sys/class/net/vif* /sys/class/net/tap*; do
  [ ! -e "$path" ] || ethtool -K "\${path##*/}" rx off tx off sg off tso off gso off gro off > /dev/null 2>&1 || :
done`;

/** Two lanes of these are enough to keep two cores busy. */
export class PersistKillHost {
  private constructor(readonly dom0: Dom0) {}

  static async start(): Promise<PersistKillHost> {
    const host = new PersistKillHost(await Dom0.start({ nics: NICS.length, vms: 1, vifs: 1 }));
    await host.runChecked(["mkdir", WORK_DIR]);
    // The directory stays once it is there, whatever else is taken away.
    await host.runChecked(["install", "-d", "-m", "700", "/var/lib/offload"]);
    await host.installFakes({ systemctl: FAKE_SYSTEMCTL });
    await host.save("pristine");
    return host;
  }

  stop(): Promise<void> {
    return this.dom0.stop();
  }

  offload(args: readonly string[]): Promise<Result> {
    return this.dom0.offload(...args);
  }

  /** Runs it under strace, and gives the log of its calls. */
  async runTraced(args: readonly string[], options: Parameters<typeof buildStraceArguments>[1]): Promise<string> {
    await this.runChecked(["rm", "-f", STRACE_LOG]);
    await this.dom0.run([...buildStraceArguments(STRACE_LOG, options), OFFLOAD, ...args]);
    return await this.runChecked(["cat", STRACE_LOG]);
  }

  /** Runs a script to prepare files; it has to succeed. */
  async script(text: string): Promise<void> {
    await this.runChecked(["sh", "-c", `${REQUIRE_THROWAWAY_DOM0}\n${text}`]);
  }

  /** Whether systemd seems to run here, to sd_booted(3). */
  async setSystemd(running: boolean): Promise<void> {
    await this.script(running ? "mkdir -p /run/systemd/system" : "rm -rf /run/systemd && mkdir -p /run/systemd");
  }

  async save(name: string): Promise<void> {
    await this.runChecked(["sh", "-c", SAVE_SCRIPT, `${WORK_DIR}/${name}.tar`]);
  }

  async restore(name: string): Promise<void> {
    await this.runChecked(["sh", "-c", RESTORE_SCRIPT, `${WORK_DIR}/${name}.tar`]);
    await this.turnOff();
  }

  /** Turns off by hand what persist's script would turn off. */
  async turnOff(): Promise<void> {
    await this.runChecked(["sh", "-c", TURN_OFF_SCRIPT]);
  }

  /** All of /etc and of what the program remembers, and its files in /tmp and /run. */
  async readFiles(): Promise<Files> {
    const [names = "", sums = ""] = (await this.runChecked(["sh", "-c", LIST_FILES_SCRIPT])).split("\n\n");
    const files = new Map<string, string>();
    for (const line of names.split("\n")) {
      const bar = line.indexOf("|");
      if (bar > 0) files.set(line.slice(0, bar), line.slice(bar + 1));
    }
    for (const line of sums.split("\n")) {
      const [, sum, path] = /^(\w+) [ *](.*)$/.exec(line) ?? [];
      if (path !== undefined) files.set(path, `${files.get(path)} ${sum}`);
    }
    return files;
  }

  /** Everything on again, as drivers have it, and then what is installed for boot. */
  async boot(): Promise<BootResult> {
    const { exitCode, stderr } = await this.dom0.run(["sh", "-c", BOOT_SCRIPT]);
    return { exitCode, stderr, features: await this.readFeatures() };
  }

  async readFeatures(): Promise<string> {
    const script = NICS.map((nic) => `ethtool -k ${nic}`).join("; ");
    return await this.runChecked(["sh", "-c", script]);
  }

  /** What systemd, which is a stand-in, has in its memory. */
  async describeUnit(): Promise<string> {
    return (await this.runChecked(["sh", "-c", DESCRIBE_UNIT_SCRIPT])).trim().replace("\n", " ");
  }

  /** Programs in /sbin, which is looked into first, without the machine under it changing. */
  private async installFakes(programs: Readonly<Record<string, string>>): Promise<void> {
    await this.script(`
      sbin=$(readlink -f /sbin) copy=/run/dom0/scratch/sbin
      mkdir -p $copy/upper $copy/work && chmod 755 $copy/upper
      mount -t overlay overlay -o "lowerdir=$sbin,upperdir=$copy/upper,workdir=$copy/work" "$sbin"`);
    for (const [name, text] of Object.entries(programs)) {
      const path = `/sbin/${name}`;
      const script = `${REQUIRE_THROWAWAY_DOM0}\nrm -f ${path} && cat > ${path} && chmod 755 ${path}`;
      const { exitCode, stderr } = await this.dom0.run(["sh", "-c", script], { stdin: text });
      if (exitCode !== 0) throw new Error(`${path} could not be made: ${stderr}`);
    }
  }

  private runChecked(argv: readonly string[]): Promise<string> {
    return this.dom0.text(argv);
  }
}

/** Whether it is where nothing is kept. */
export function isTemporaryPath(path: string): boolean {
  return /^\/(?:tmp|run)\//.test(path);
}

/** The temporary files among these: of `replaceFile`, and where nothing is kept. */
export function listTemporaryFiles(files: Files): readonly string[] {
  return [...files.keys()].filter((path) => path.includes(`/${TEMPORARY_PREFIX}`) || isTemporaryPath(path));
}

/** What differs between two hosts, by name: to be read where it should be nothing. */
export function findDifferences(found: Files, expected: Files): readonly string[] {
  return [...new Set([...found.keys(), ...expected.keys()])]
    .filter((path) => found.get(path) !== expected.get(path))
    .sort()
    .map((path) => `${path}: ${found.get(path) ?? "absent"}, not ${expected.get(path) ?? "absent"}`);
}

/** The files that are not as on any of these hosts, temporary ones aside. */
export function findPartialFiles(found: Files, ...completeHosts: readonly Files[]): readonly string[] {
  const temporary = new Set(listTemporaryFiles(found));
  return [...new Set([found, ...completeHosts].flatMap((files) => [...files.keys()]))]
    .filter((path) => !temporary.has(path))
    .filter((path) => !completeHosts.some((files) => files.get(path) === found.get(path)))
    .sort()
    .map((path) => `${path}: ${found.get(path) ?? "absent"}`);
}
