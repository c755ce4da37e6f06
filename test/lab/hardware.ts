import { PARTS } from "./lab.ts";

/** What boots: a kernel on the machine itself, or the Xen hypervisor with that kernel as its dom0. */
export type MachineKind = "plain" | "xen";

/** The NICs of every machine, in the order of their names: eth0, eth1, eth2. */
export const NICS = [
  { name: "eth0", model: "e1000", driver: "e1000" },
  { name: "eth1", model: "virtio-net-pci", driver: "virtio_net" },
  // The one emulated NIC whose LRO can be on.
  { name: "eth2", model: "vmxnet3", driver: "vmxnet3" },
] as const;

/** The processor of a machine unless its test is about another. Xen's dom0 crashes with SMAP or SMEP. */
export const PROCESSOR = "max,-smap,-smep";

/** What a machine is made of. */
export interface Hardware {
  readonly kind: MachineKind;
  /** Its processor, in QEMU's words. */
  readonly processor: string;
  /** Its disk, which it changes. */
  readonly disk: string;
  /** A tar archive that its first boot unpacks over the disk. */
  readonly files: string;
  /** The file that takes what it writes to its console. */
  readonly console: string;
  /** The socket of its guest agent. */
  readonly agent: string;
}

/** net.ifnames=0: the kernel's own names stay. The rest keeps the console short. */
const LINUX = "net.ifnames=0 no_timer_check loglevel=4 mitigations=off systemd.getty_auto=0 systemd.show_status=auto";

const XEN = "console=com1 com1=115200,8n1 dom0_mem=768M,max:768M loglvl=error guest_loglvl=error";

/** The command that runs the machine until it powers itself off. */
export function command(hardware: Hardware): string[] {
  // It ends with this process, whatever ends that, and its network is one that leads nowhere.
  const isolation = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "--"];
  return [
    ...isolation,
    "qemu-system-x86_64",
    ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"],
    ...["-accel", "tcg,thread=multi", "-m", "1280"],
    ...["-cpu", hardware.processor],
    // With two emulated processors, programs in dom0 die of segmentation faults now and then, and where
    // the computer is busy, Linux waits for ever for one of them while it boots.
    ...["-smp", "1"],
    ...["-serial", `file:${hardware.console}`],
    ...["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"],
    ...["-chardev", `socket,id=agent,path=${hardware.agent},server=on,wait=off`],
    ...["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
    ...["-drive", `file=${hardware.disk},format=qcow2,if=virtio,cache=unsafe`],
    ...["-drive", `file=${hardware.files},format=raw,if=virtio,readonly=on`],
    ...NICS.flatMap(({ name, model }, n) => nic(name, model, n)),
    ...boot(hardware.kind),
  ];
}

/** A NIC on a tap, which is what makes virtio-net offer its offloads. It has no boot ROM. */
function nic(name: string, model: string, n: number): string[] {
  const backEnd = `tap,id=${name},ifname=lab${n},script=no,downscript=no`;
  const device = `${model},netdev=${name},mac=52:54:00:00:00:0${n},romfile=`;
  return ["-netdev", backEnd, "-device", device];
}

function boot(kind: MachineKind): string[] {
  if (kind === "plain") {
    const options = `console=ttyS0 ${LINUX}`;
    return ["-kernel", PARTS.kernel, "-initrd", PARTS.initrd, "-append", options];
  }
  // Multiboot: the modules of the hypervisor, the first one with its command line.
  const modules = `${escapePath(PARTS.kernel)} console=hvc0 ${LINUX},${escapePath(PARTS.initrd)}`;
  return ["-kernel", PARTS.hypervisor, "-append", XEN, "-initrd", modules];
}

/** QEMU takes a comma as the end of a module, and two of them as one. */
function escapePath(path: string): string {
  return path.replaceAll(",", ",,");
}
