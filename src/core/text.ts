/** The longest name that a message repeats, in characters. XAPI allows names of any length. */
const MAX_NAME_LENGTH = 64;

/** A name as messages show it: in quotation marks, cut when it is very long. */
export function quote(name: string): string {
  return `"${shortenName(name)}"`;
}

/** A name, cut when it is very long. */
export function shortenName(name: string): string {
  const characters = Array.from(name);
  return characters.length > MAX_NAME_LENGTH ? `${characters.slice(0, MAX_NAME_LENGTH).join("")}…` : name;
}

/** `1 VM`, `2 VMs`, `no VMs`. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  if (count === 0) return `no ${plural}`;
  return count === 1 ? `1 ${singular}` : `${count} ${plural}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function joinAnd(words: readonly string[]): string {
  const last = words.at(-1);
  if (last === undefined) return "none";
  return words.length === 1 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}

/**
 * Control characters, invisible formatting (such as the override that writes backwards), line and
 * paragraph separators, lone surrogates: tenants choose the names that are shown here.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text that is shown as it is and is as wide as it is long: nearly all that there is to show. */
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** The text with something else for what a terminal would act on; lines and tabs stay as they are. */
export function replaceUnprintable(text: string, replace: (characters: string) => string): string {
  return text.replace(/(?:(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}])+/gu, replace);
}

/** A preview of a file: what a terminal would act on is shown as `\\u{1b}`. */
export function escapeUnprintable(text: string): string {
  return replaceUnprintable(text, (characters) =>
    Array.from(characters, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`).join(""),
  );
}

/** The text without anything that a terminal would act on. */
export function stripUnprintable(text: string): string {
  return PRINTABLE_ASCII.test(text) ? text : text.replace(UNPRINTABLE, "");
}

/** A command of this program, alone or within a sentence, as it is run for every host of the pool. */
export function addPoolOption(text: string): string {
  return text.replaceAll(
    /\boffload (disable|enable|persist|restore|verify|status|doctor)\b(?!.*--pool)/g,
    "offload $1 --pool",
  );
}
