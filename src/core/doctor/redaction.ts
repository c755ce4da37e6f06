import type { Host, Inventory, Vm } from "../inventory.ts";
import type { NetworkRecords } from "../ports.ts";
import type { DeviceReport, Report } from "../report.ts";
import type { Hook } from "./third-party-hooks.ts";

/** File names that are the same on every dom0, and so tell nothing. */
const COMMON_NAMES: ReadonlySet<string> = new Set([
  "rc.local",
  "crontab",
  "root",
  "vif-hotplug",
  "ifup-local",
]);

const MAC = /\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b/gi;
/** A device that systemd named by its MAC address. */
const NAMED_BY_MAC = /\benx[0-9a-f]{12}\b/gi;
const MAIL = /\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
const IPV4 = /\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b(?!\.)/g;
const IPV6 =
  /\b(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,7}\b|\b(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4})?/gi;

/**
 * Puts placeholders in the place of what a tenant or an owner of the host could be known by. The
 * same thing always gets the same one: that of a name is taken from the object's UUID, which stays
 * and means nothing to whoever has not the pool; addresses are numbered as they come.
 */
export class Redaction {
  readonly #names = new Map<string, string>();
  readonly #seen = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** Names of VMs, hosts and networks, with the placeholder of each object. */
  constructor(
    objects: Iterable<{ readonly kind: "VM" | "host" | "network"; uuid: string; name: string }>,
  ) {
    for (const { kind, uuid, name } of objects) {
      if (name.trim() !== "") this.#names.set(name, placeholder(kind, uuid));
    }
  }

  /** The inventory under placeholders. */
  inventory(inventory: Inventory): Inventory {
    const vms = new Map(inventory.vms.map((vm) => [vm, this.#vm(vm)]));
    return {
      ...inventory,
      host: this.host(inventory.host),
      hosts: inventory.hosts.map((host) => this.host(host)),
      elsewhere: inventory.elsewhere.map(({ host, count }) => ({ host: this.host(host), count })),
      pifs: inventory.pifs.map((pif) => ({ ...pif, host: this.host(pif.host) })),
      vms: [...vms.values()],
      vifs: inventory.vifs.map((vif) => ({ ...vif, vm: vms.get(vif.vm) ?? this.#vm(vif.vm) })),
    };
  }

  /** A host under its placeholder. */
  host<T extends Host>(host: T): T {
    return { ...host, name: placeholder("host", host.uuid) };
  }

  /** A network under its placeholder. */
  network(network: NetworkRecords): NetworkRecords {
    return { ...network, name: placeholder("network", network.uuid) };
  }

  /** A hook: only the part of its line that matters, and no name of a file that somebody chose. */
  hook(hook: Hook): Hook {
    return { ...hook, path: this.path(hook.path), text: this.foreign(hook.text) };
  }

  /** A path whose last part stays only where it is the same on every host. */
  path(path: string): string {
    const slash = path.lastIndexOf("/");
    const [directory, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (COMMON_NAMES.has(name) || /^ifcfg-(?:eth|bond)\d+$/.test(name)) return path;
    const stock = /^\/(?:etc|run|usr|lib|var|sbin)\b/.test(path);
    const [, ending = ""] = /(\.[a-z]{1,7})$/.exec(name) ?? [];
    return `${stock ? this.foreign(directory) : ""}/${this.#numbered("file", path)}${ending}`;
  }

  /** Text that somebody wrote: without addresses, and without the names that are known. */
  foreign(text: string): string {
    let shown = this.addresses(text);
    const names = [...this.#names].sort(([a], [b]) => b.length - a.length);
    for (const [name, instead] of names) shown = replacedAsWord(shown, name, instead);
    return shown;
  }

  /** Text of this program's, in which an address may have been repeated. */
  addresses(text: string): string {
    return text
      .replace(MAC, (mac) => this.#numbered("MAC", mac.toLowerCase().replaceAll("-", ":")))
      .replace(NAMED_BY_MAC, (device) => this.#numbered("enx-NIC", device.toLowerCase()))
      .replace(MAIL, (mail) => this.#numbered("mail", mail))
      .replace(IPV4, (address) => this.#numbered("IP", address))
      .replace(IPV6, (address) => this.#numbered("IP", address.toLowerCase()));
  }

  #vm(vm: Vm): Vm {
    const { residentOn } = vm;
    return {
      ...vm,
      name: placeholder("VM", vm.uuid),
      residentOn: residentOn === undefined ? undefined : this.host(residentOn),
    };
  }

  #numbered(kind: string, thing: string): string {
    const key = `${kind} ${thing}`;
    const known = this.#seen.get(key);
    if (known !== undefined) return known;
    const number = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, number);
    const shown = `${kind}-${number}`;
    this.#seen.set(key, shown);
    return shown;
  }
}

/** What takes names and addresses out of what others wrote. */
export type Redactor = Pick<Redaction, "network" | "hook" | "foreign" | "path">;

/** Takes out nothing. */
export const PLAIN: Redactor = {
  network: (network) => network,
  hook: (hook) => hook,
  foreign: (text) => text,
  path: (path) => path,
};

/** The report without addresses, in devices' names and in messages. Its own names come from the inventory. */
export function redactReport(report: Report, redaction: Redaction): Report {
  const clean = (text: string) => redaction.addresses(text);
  const told = <T extends { readonly message: string }>(one: T): T => ({
    ...one,
    message: clean(one.message),
    ...("device" in one && typeof one.device === "string" ? { device: clean(one.device) } : {}),
    ...("interface" in one && typeof one.interface === "string"
      ? { interface: clean(one.interface) }
      : {}),
  });
  const named = <T extends Pick<DeviceReport, "device">>(one: T): T => ({
    ...one,
    device: one.device === null ? null : clean(one.device),
  });
  const cleanKeys = <T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [clean(key), value]));
  const { boot, diagnosis } = report;
  return {
    ...report,
    devices: report.devices.map(named),
    problems: report.problems.map(told),
    notes: report.notes.map(told),
    advice: report.advice.map(clean),
    boot:
      boot === null || boot.covers === null
        ? boot
        : { ...boot, covers: { ...boot.covers, devices: cleanKeys(boot.covers.devices) } },
    ...(diagnosis === undefined
      ? {}
      : {
          diagnosis: {
            ...diagnosis,
            nics: diagnosis.nics.map((nic) => ({ ...nic, device: clean(nic.device) })),
            devices: diagnosis.devices.map(named),
            deadRecords: diagnosis.deadRecords.map((one) => ({ ...one, name: clean(one.name) })),
            unread: diagnosis.unread.map(({ what, because }) => ({
              what: clean(what),
              because: clean(because),
            })),
            advice: diagnosis.advice.map(({ because, command }) => ({
              because: clean(because),
              command: clean(command),
            })),
          },
        }),
  };
}

/** Such as `VM-3f2a8c11`: the beginning of the UUID. */
function placeholder(kind: string, uuid: string): string {
  return `${kind}-${uuid.slice(0, 8)}`;
}

/** The text with a name replaced where it is not a part of a longer word. */
function replacedAsWord(text: string, name: string, instead: string): string {
  const within = (character: string | undefined) => /[\p{L}\p{N}]/u.test(character ?? "");
  let shown = "";
  let rest = text;
  for (;;) {
    const at = rest.indexOf(name);
    if (at < 0) return shown + rest;
    const before = at > 0 ? rest[at - 1] : shown.at(-1);
    const part = within(before) || within(rest[at + name.length]);
    shown += rest.slice(0, at) + (part ? name : instead);
    rest = rest.slice(at + name.length);
  }
}
