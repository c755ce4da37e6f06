/** Text that is shown as it is and is as wide as it is long: nearly all that there is to show. */
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** How many columns a text takes; wide characters count as two. */
export function measureWidth(text: string): number {
  return PRINTABLE_ASCII.test(text) ? text.length : Bun.stringWidth(text);
}

/** The text cut to so many columns, with an ellipsis; wide characters count as two. */
export function truncate(text: string, columns: number, ellipsis = "…"): string {
  if (measureWidth(text) <= columns) return text;
  const maxColumns = columns - ellipsis.length;
  if (maxColumns < 0) return "";
  let truncated = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (Bun.stringWidth(truncated + segment) > maxColumns) break;
    truncated += segment;
  }
  return `${truncated}${ellipsis}`;
}

/** Fills a text up with blanks to so many columns; a wider one stays as it is. */
export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - measureWidth(text)));
}

/**
 * Whether more than ASCII can be shown. The physical console has a font of 256 signs, and a locale
 * that is not UTF-8 promises nothing at all.
 */
export function supportsUnicode(environment: Readonly<Record<string, string | undefined>>): boolean {
  const { LC_ALL, LC_CTYPE, LANG, TERM } = environment;
  return TERM !== "linux" && TERM !== "dumb" && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}

/** Paints words, or leaves them alone. */
export interface Paint {
  bad(text: string): string;
  good(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

/** Whether a stream takes color. NO_COLOR counts whatever its value, as does TERM=dumb. */
export function supportsColor(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
  isEnabled: boolean,
): boolean {
  return isEnabled && stream.isTTY === true && environment["NO_COLOR"] === undefined && environment["TERM"] !== "dumb";
}

/** The colors of this program, or none: SGR codes (ECMA-48), each taken back by its own. */
export function createPaint(useColor: boolean): Paint {
  const style = (on: number, off: number) => (text: string) => (useColor ? `\x1b[${on}m${text}\x1b[${off}m` : text);
  return {
    bad: style(31, 39),
    good: style(32, 39),
    faint: style(2, 22),
    strong: style(1, 22),
  };
}
