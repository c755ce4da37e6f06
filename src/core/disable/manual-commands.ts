import { isSet, type KernelFeatures } from "../feature-set.ts";
import type { WishStep } from "../restore/wishes.ts";
import type { LiveStep, RecordStep } from "./steps.ts";

/** The commands that would do the same by hand, quoted for a shell, in the order of doing. */
export function byHand(
  live: readonly LiveStep[],
  records: readonly RecordStep[],
): readonly string[] {
  const lines = [
    ...live.map(({ device, keywords }) =>
      command("ethtool", "-K", device, ...keywords.flatMap((keyword) => [keyword, "off"])),
    ),
    ...records.map(recordByHand),
  ];
  const running = records.some(
    ({ subject }) => subject.kind === "vif" && subject.vm.residentOn !== undefined,
  );
  return running
    ? [...lines, "# and an event for each running VM above, for which xe has no command"]
    : lines;
}

/** The same for putting back; former features go by the kernel's names, which ethtool takes too. */
export function wishesByHand(
  live: readonly WishStep[],
  records: readonly RecordStep[],
  kernel: KernelFeatures,
): readonly string[] {
  return [
    ...records.map(recordByHand),
    ...live.map(({ device, wish }) => {
      const words = kernel
        .named(wish.valid)
        .flatMap(([name, index]) => [name, isSet(wish.requested, index) ? "on" : "off"]);
      return command("ethtool", "-K", device, ...words);
    }),
  ];
}

function recordByHand({ subject, key, to }: RecordStep): string {
  const [kind, uuid] =
    subject.kind === "pif" ? ["pif", subject.pif.uuid] : ["vif", subject.vif.uuid];
  return to === null
    ? command(
        "xe",
        `${kind}-param-remove`,
        `uuid=${uuid}`,
        "param-name=other-config",
        `param-key=${key}`,
      )
    : command("xe", `${kind}-param-set`, `uuid=${uuid}`, `other-config:${key}=${to}`);
}

function command(...words: readonly string[]): string {
  return words.map(shellQuoted).join(" ");
}

/** A word as sh takes it literally. */
export function shellQuoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
