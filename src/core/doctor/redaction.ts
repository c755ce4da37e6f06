import type { Host, Inventory, Vm } from "../inventory.ts";
import type { NetworkSettings } from "../ports.ts";
import type { DeviceReport, Report } from "../report.ts";
import type { ThirdPartyHook } from "./third-party-hooks.ts";

/** File names that are the same on every dom0, and so say nothing. */
const COMMON_NAMES: ReadonlySet<string> = new Set(["rc.local", "crontab", "root", "vif-hotplug", "ifup-local"]);

const MAC = /\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b/gi;
/** A device that systemd named by its MAC address. */
const MAC_DEVICE_NAME = /\benx[0-9a-f]{12}\b/gi;
const EMAIL = /\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
const IPV4 = /\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b(?!\.)/g;
const IPV6 = /\b(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,7}\b|\b(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4})?/gi;

/**
 * Puts placeholders in the place of what a tenant or an owner of the host could be known by. The
 * same thing always gets the same one: that of a name is taken from the object's UUID, which stays
 * and means nothing to whoever has not the pool; addresses are numbered as they come.
 */
export class Redaction {
  readonly #names = new Map<string, string>();
  readonly #placeholders = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** Names of VMs, hosts and networks, with the placeholder of each object. */
  constructor(objects: Iterable<{ readonly kind: "VM" | "host" | "network"; uuid: string; name: string }>) {
    for (const { kind, uuid, name } of objects) {
      if (name.trim() !== "") this.#names.set(name, formatPlaceholder(kind, uuid));
    }
  }

  /** The inventory under placeholders. */
  redactInventory(inventory: Inventory): Inventory {
    const vms = new Map(inventory.vms.map((vm) => [vm, this.#redactVm(vm)]));
    return {
      ...inventory,
      host: this.redactHost(inventory.host),
      hosts: inventory.hosts.map((host) => this.redactHost(host)),
      unreadVmCounts: inventory.unreadVmCounts.map(({ host, count }) => ({
        host: this.redactHost(host),
        count,
      })),
      pifs: inventory.pifs.map((pif) => ({ ...pif, host: this.redactHost(pif.host) })),
      vms: [...vms.values()],
      vifs: inventory.vifs.map((vif) => ({
        ...vif,
        vm: vms.get(vif.vm) ?? this.#redactVm(vif.vm),
      })),
    };
  }

  /** A host under its placeholder. */
  redactHost<T extends Host>(host: T): T {
    return { ...host, name: formatPlaceholder("host", host.uuid) };
  }

  /** A network under its placeholder. */
  redactNetwork(network: NetworkSettings): NetworkSettings {
    return { ...network, name: formatPlaceholder("network", network.uuid) };
  }

  /** A hook: only the part of its line that matters, and no name of a file that someone chose. */
  redactHook(hook: ThirdPartyHook): ThirdPartyHook {
    const requests = hook.requests.map((request) => ({
      ...request,
      device: request.device === null ? null : this.redactText(request.device),
      feature: this.redactText(request.feature),
    }));
    return { ...hook, path: this.redactPath(hook.path), text: this.redactText(hook.text), requests };
  }

  /** A path whose last part stays only where it is the same on every host. */
  redactPath(path: string): string {
    const slash = path.lastIndexOf("/");
    const [directory, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (COMMON_NAMES.has(name) || /^ifcfg-(?:eth|bond)\d+$/.test(name)) return path;
    const stock = /^\/(?:etc|run|usr|lib|var|sbin)\b/.test(path);
    const [, ending = ""] = /(\.[a-z]{1,7})$/.exec(name) ?? [];
    return `${stock ? this.redactText(directory) : ""}/${this.#getPlaceholder("file", path)}${ending}`;
  }

  /** Text that someone wrote: without addresses, and without the names that are known. */
  redactText(text: string): string {
    let redacted = this.redactAddresses(text);
    const names = [...this.#names].sort(([a], [b]) => b.length - a.length);
    for (const [name, replacement] of names) redacted = replaceWord(redacted, name, replacement);
    return redacted;
  }

  /** Text of this program's, in which an address may have been repeated. */
  redactAddresses(text: string): string {
    return text
      .replace(MAC, (mac) => this.#getPlaceholder("MAC", mac.toLowerCase().replaceAll("-", ":")))
      .replace(MAC_DEVICE_NAME, (device) => this.#getPlaceholder("enx-NIC", device.toLowerCase()))
      .replace(EMAIL, (mail) => this.#getPlaceholder("mail", mail))
      .replace(IPV4, (address) => this.#getPlaceholder("IP", address))
      .replace(IPV6, (address) => this.#getPlaceholder("IP", address.toLowerCase()));
  }

  #redactVm(vm: Vm): Vm {
    const { residentOn } = vm;
    return {
      ...vm,
      name: formatPlaceholder("VM", vm.uuid),
      residentOn: residentOn === undefined ? undefined : this.redactHost(residentOn),
    };
  }

  #getPlaceholder(kind: string, value: string): string {
    const key = `${kind} ${value}`;
    const cached = this.#placeholders.get(key);
    if (cached !== undefined) return cached;
    const number = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, number);
    const placeholder = `${kind}-${number}`;
    this.#placeholders.set(key, placeholder);
    return placeholder;
  }
}

/** What takes names and addresses out of what others wrote. */
export type Redactor = Pick<Redaction, "redactNetwork" | "redactHook" | "redactText" | "redactPath">;

/** Takes out nothing. */
export const NO_REDACTION: Redactor = {
  redactNetwork: (network) => network,
  redactHook: (hook) => hook,
  redactText: (text) => text,
  redactPath: (path) => path,
};

/** The report without addresses, in devices' names and in messages. Its own names come from the inventory. */
export function redactReport(report: Report, redaction: Redaction): Report {
  const clean = (text: string) => redaction.redactAddresses(text);
  const redactFinding = <T extends { readonly message: string }>(finding: T): T => ({
    ...finding,
    message: clean(finding.message),
    ...("device" in finding && typeof finding.device === "string" ? { device: clean(finding.device) } : {}),
    ...("interface" in finding && typeof finding.interface === "string" ? { interface: clean(finding.interface) } : {}),
  });
  const redactDevice = <T extends Pick<DeviceReport, "device">>(entry: T): T => ({
    ...entry,
    device: entry.device === null ? null : clean(entry.device),
  });
  const cleanKeys = <T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [clean(key), value]));
  const { boot, diagnosis } = report;
  return {
    ...report,
    devices: report.devices.map(redactDevice),
    problems: report.problems.map(redactFinding),
    notes: report.notes.map(redactFinding),
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
            ineffectiveSettings: diagnosis.ineffectiveSettings.map((setting) => ({
              ...setting,
              name: clean(setting.name),
            })),
            unreadable: diagnosis.unreadable.map(({ path: what, reason }) => ({
              path: clean(what),
              reason: clean(reason),
            })),
            advice: diagnosis.advice.map(({ reason, command }) => ({
              reason: clean(reason),
              command: clean(command),
            })),
          },
        }),
  };
}

/** Such as `VM-3f2a8c11`: the beginning of the UUID. */
function formatPlaceholder(kind: string, uuid: string): string {
  return `${kind}-${uuid.slice(0, 8)}`;
}

/** The text with a name replaced where it is not a part of a longer word. */
function replaceWord(text: string, name: string, replacement: string): string {
  const isWordCharacter = (character: string | undefined) => /[\p{L}\p{N}]/u.test(character ?? "");
  let result = "";
  let rest = text;
  for (;;) {
    const index = rest.indexOf(name);
    if (index < 0) return result + rest;
    const before = index > 0 ? rest[index - 1] : result.at(-1);
    const isPartOfWord = isWordCharacter(before) || isWordCharacter(rest[index + name.length]);
    result += rest.slice(0, index) + (isPartOfWord ? name : replacement);
    rest = rest.slice(index + name.length);
  }
}
