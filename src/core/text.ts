/** The longest name that a message repeats, in characters. XAPI allows names of any length. */
const LONGEST = 64;

/** A name as messages show it: in quotation marks, cut when it is very long. */
export function quoted(name: string): string {
  const characters = Array.from(name);
  const shown = characters.length > LONGEST ? `${characters.slice(0, LONGEST).join("")}…` : name;
  return `"${shown}"`;
}

/** `1 VM`, `2 VMs`, `no VMs`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  if (count === 0) return `no ${plural}`;
  return count === 1 ? `1 ${singular}` : `${count} ${plural}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  const last = words.at(-1);
  if (last === undefined) return "none";
  return words.length === 1 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
