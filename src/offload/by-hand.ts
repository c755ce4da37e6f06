import type { LiveStep, RecordStep } from "./plan.ts";

/** The commands that would do the same by hand, quoted for a shell, in the order of doing. */
export function byHand(
  live: readonly LiveStep[],
  records: readonly RecordStep[],
): readonly string[] {
  const lines = [
    ...live.map(({ device, keywords }) =>
      command("ethtool", "-K", device, ...keywords.flatMap((keyword) => [keyword, "off"])),
    ),
    ...records.map(({ subject, key }) => {
      const [kind, uuid] =
        subject.kind === "pif" ? ["pif", subject.pif.uuid] : ["vif", subject.vif.uuid];
      return command("xe", `${kind}-param-set`, `uuid=${uuid}`, `other-config:${key}=off`);
    }),
  ];
  const running = records.some(
    ({ subject }) => subject.kind === "vif" && subject.vm.residentOn !== undefined,
  );
  return running
    ? [...lines, "# and an event for each running VM above, for which xe has no command"]
    : lines;
}

function command(...words: readonly string[]): string {
  return words.map(shellQuoted).join(" ");
}

/** A word as sh takes it literally. */
export function shellQuoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
