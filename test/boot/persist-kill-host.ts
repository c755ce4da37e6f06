import { TEMPORARY_PREFIX } from "../../src/fs/temporary-file.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Result } from "../dom0/running.ts";
import {
  DESCRIBE_UNIT,
  SYSTEMCTL,
  SYSTEMD_ANALYZE,
  SYSTEMD_MEMORY,
} from "./persist-kill-systemd.ts";
import { straceArguments } from "./persist-kill-trace.ts";

/** What is there under every name: kind, permissions, owner, bytes or where a link points to. */
export type Files = ReadonlyMap<string, string>;

/** How a boot went, as far as offloads go. */
export interface Boot {
  readonly exitCode: number | null;
  readonly complaints: string;
  /** What ethtool says afterwards of every NIC. */
  readonly features: string;
}

const NICS = ["eth0", "eth1"];
const OWN = "/run/persist-kill";
const LOG = `${OWN}/strace`;

/** All that `offload persist` may change. */
const SAVED = [
  ...["/etc/rc.d", "/etc/rc.local", "/etc/offload", "/etc/udev/rules.d", "/etc/systemd/system"],
  ...["/var/lib/offload", SYSTEMD_MEMORY],
].join(" ");

/** Goes before whatever removes files: nothing does so outside of a throwaway dom0. */
const ONLY_INSIDE = "[ -d /run/dom0/scratch ] || exit 99";

/** What was written to /tmp inside, and nothing of what others do there outside. */
const TMP_WRITTEN = "/run/dom0/scratch/tmp/upper";

const SAVE = `
cd /
for path in ${SAVED}; do
  if [ -e "$path" ] || [ -L "$path" ]; then echo ".$path"; fi
done > ${OWN}/list
exec tar -cf "$0" -T ${OWN}/list`;

const RESTORE = `
${ONLY_INSIDE}
rm -rf ${SAVED} /run/offload*
(cd ${TMP_WRITTEN} && find . -mindepth 1 -maxdepth 1) | while read -r name; do rm -rf "/tmp/$name"; done
exec tar -C / -xpf "$0"`;

const LIST = `
cd /
find /etc /var/lib/offload -type d -printf '%p|%y %m %U:%G\\n' -o -type l -printf '%p|%y %l\\n' \\
  -o -printf '%p|%y %m %U:%G %s\\n' 2> /dev/null
find /run -maxdepth 1 -name 'offload*' -printf '%p|%y\\n'
cd ${TMP_WRITTEN} && find . -mindepth 1 -maxdepth 1 ! -type c -printf '/tmp/%f|%y\\n'
echo
find /etc/rc.d /etc/offload /etc/udev/rules.d /etc/systemd/system /var/lib/offload -type f \\
  -exec md5sum {} + 2> /dev/null
true`;

/** rc.local as systemd's generator takes it, and the unit where a link wants it. */
const BOOT = `
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
const OFF = `
for path in ${NICS.map((nic) => `/sys/class/net/${nic}`).join(" ")} /sys/class/net/vif* /sys/class/net/tap*; do
  [ ! -e "$path" ] || ethtool -K "\${path##*/}" rx off tx off sg off tso off gso off gro off > /dev/null 2>&1 || :
done`;

/** Two lanes of these are enough to keep two cores busy. */
export class Host {
  private constructor(readonly dom0: Dom0) {}

  static async start(): Promise<Host> {
    const host = new Host(await Dom0.start({ nics: NICS.length, vms: 1, vifs: 1 }));
    await host.must(["mkdir", OWN]);
    // The lock stays once it is there, whatever else is taken away.
    await host.must(["install", "-d", "-m", "700", "/var/lib/offload"]);
    await host.must(["install", "-m", "600", "/dev/null", "/var/lib/offload/lock"]);
    await host.standIn({ systemctl: SYSTEMCTL, "systemd-analyze": SYSTEMD_ANALYZE });
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
  async traced(
    args: readonly string[],
    options: Parameters<typeof straceArguments>[1],
  ): Promise<string> {
    await this.must(["rm", "-f", LOG]);
    await this.dom0.run([...straceArguments(LOG, options), OFFLOAD, ...args]);
    return await this.must(["cat", LOG]);
  }

  /** Runs a script to prepare files; it has to succeed. */
  async script(text: string): Promise<void> {
    await this.must(["sh", "-c", `${ONLY_INSIDE}\n${text}`]);
  }

  /** Whether systemd seems to run here, to sd_booted(3). */
  async setSystemd(running: boolean): Promise<void> {
    await this.script(
      running ? "mkdir -p /run/systemd/system" : "rm -rf /run/systemd && mkdir -p /run/systemd",
    );
  }

  async save(name: string): Promise<void> {
    await this.must(["sh", "-c", SAVE, `${OWN}/${name}.tar`]);
  }

  async restore(name: string): Promise<void> {
    await this.must(["sh", "-c", RESTORE, `${OWN}/${name}.tar`]);
    await this.turnOff();
  }

  /** Turns off by hand what persist's script would turn off. */
  async turnOff(): Promise<void> {
    await this.must(["sh", "-c", OFF]);
  }

  /** All of /etc and of what the program remembers, and its files in /tmp and /run. */
  async files(): Promise<Files> {
    const [names = "", sums = ""] = (await this.must(["sh", "-c", LIST])).split("\n\n");
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
  async boot(): Promise<Boot> {
    const { exitCode, stderr } = await this.dom0.run(["sh", "-c", BOOT]);
    return { exitCode, complaints: stderr, features: await this.features() };
  }

  async features(): Promise<string> {
    const script = NICS.map((nic) => `ethtool -k ${nic}`).join("; ");
    return await this.must(["sh", "-c", script]);
  }

  /** What systemd, which is a stand-in, has in its memory. */
  async unit(): Promise<string> {
    return (await this.must(["sh", "-c", DESCRIBE_UNIT])).trim().replace("\n", " ");
  }

  /** Programs in /sbin, which is looked into first, without the machine under it changing. */
  private async standIn(programs: Readonly<Record<string, string>>): Promise<void> {
    await this.script(`
      sbin=$(readlink -f /sbin) copy=/run/dom0/scratch/sbin
      mkdir -p $copy/upper $copy/work && chmod 755 $copy/upper
      mount -t overlay overlay -o "lowerdir=$sbin,upperdir=$copy/upper,workdir=$copy/work" "$sbin"`);
    for (const [name, text] of Object.entries(programs)) {
      const path = `/sbin/${name}`;
      const script = `${ONLY_INSIDE}\nrm -f ${path} && cat > ${path} && chmod 755 ${path}`;
      const { exitCode, stderr } = await this.dom0.run(["sh", "-c", script], { stdin: text });
      if (exitCode !== 0) throw new Error(`${path} could not be made: ${stderr}`);
    }
  }

  private must(argv: readonly string[]): Promise<string> {
    return this.dom0.text(argv);
  }
}

/** Whether it is where nothing is kept, such as the directory of a unit's copy for systemd-analyze. */
export function isScratch(path: string): boolean {
  return /^\/(?:tmp|run)\//.test(path);
}

/** The temporary files among these: of `replaceFile`, and the directory of a unit's copy. */
export function temporaries(files: Files): readonly string[] {
  return [...files.keys()].filter(
    (path) => path.includes(`/${TEMPORARY_PREFIX}`) || isScratch(path),
  );
}

/** What differs between two hosts, by name: to be read where it should be nothing. */
export function differences(found: Files, expected: Files): readonly string[] {
  return [...new Set([...found.keys(), ...expected.keys()])]
    .filter((path) => found.get(path) !== expected.get(path))
    .sort()
    .map(
      (path) => `${path}: ${found.get(path) ?? "absent"}, not ${expected.get(path) ?? "absent"}`,
    );
}

/** The files that are not as on any of these hosts, temporary ones aside. */
export function halves(found: Files, ...whole: readonly Files[]): readonly string[] {
  const temporary = new Set(temporaries(found));
  return [...new Set([found, ...whole].flatMap((files) => [...files.keys()]))]
    .filter((path) => !temporary.has(path))
    .filter((path) => !whole.some((files) => files.get(path) === found.get(path)))
    .sort()
    .map((path) => `${path}: ${found.get(path) ?? "absent"}`);
}
