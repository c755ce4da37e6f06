/** Breaks a text into lines of at most so many columns; a word that is longer has a line of its own. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && Bun.stringWidth(line) + 1 + Bun.stringWidth(word) > columns) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The lines of a text that goes on under itself, behind a mark such as `  ! `. */
export function wrapWithPrefix(prefix: string, text: string, columns: number): readonly string[] {
  const indent = " ".repeat(Bun.stringWidth(prefix));
  return wrap(text, columns - indent.length).map((line, index) => `${index === 0 ? prefix : indent}${line}`);
}
