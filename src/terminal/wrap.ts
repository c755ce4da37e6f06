/** Breaks a text into lines of at most so many columns; a word that is longer has a line of its own. */
export function wrapped(text: string, columns: number): readonly string[] {
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
export function hanging(mark: string, text: string, columns: number): readonly string[] {
  const indent = " ".repeat(Bun.stringWidth(mark));
  return wrapped(text, columns - indent.length).map(
    (line, at) => `${at === 0 ? mark : indent}${line}`,
  );
}
