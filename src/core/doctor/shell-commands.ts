/** A simple command of a shell line: its words without quotes, and where each stands in the line. */
export interface ShellCommand {
  readonly words: readonly { readonly text: string; readonly start: number }[];
  /** The line itself, up to the end of the command. */
  readonly source: string;
}

/** A blank, a comment, what separates commands, or a word: quotes, substitutions and redirections stay in it. */
const TOKEN =
  /(?<blank>\s+)|(?<comment>#.*)|(?:\\.|"(?:\\.|[^"\\])*"?|'[^']*'?|`[^`]*`?|\$\((?:[^()]|\([^()]*\))*\)|\d*>&\d*|&>|[^\s;|&()])+|(?<separator>[;|&()]+)/gs;

const QUOTED = /\\(.)|"((?:\\.|[^"\\])*)"?|'([^']*)'?/gs;

const SUBSTITUTION = /\$\(((?:[^()]|\([^()]*\))*)\)|`([^`]*)`/g;

/** What a shell would run: also in `sh -c '…'` and in substitutions. No variable is expanded. */
export function splitShellCommands(line: string): readonly ShellCommand[] {
  const commands: ShellCommand[] = [];
  let words: { text: string; start: number }[] = [];
  let end = 0;
  const endCommand = () => {
    if (words.length > 0) commands.push({ words, source: line.slice(0, end) });
    words = [];
  };
  for (const { 0: token, index: start, groups } of line.matchAll(TOKEN)) {
    if (groups?.["separator"] !== undefined) endCommand();
    if (Object.values(groups ?? {}).some((group) => group !== undefined)) continue;
    const text = removeQuotes(token);
    const isScript = words.at(-1)?.text === "-c" || words.at(-1)?.text === "eval";
    words.push({ text, start });
    end = start + token.length;
    const inner = isScript ? [text] : [...token.matchAll(SUBSTITUTION)].map(([, a, b]) => a ?? b ?? "");
    commands.push(...inner.flatMap(splitShellCommands));
  }
  endCommand();
  return commands;
}

function removeQuotes(word: string): string {
  return word.replace(
    QUOTED,
    (_, escaped?: string, double?: string, single?: string) =>
      escaped ?? double?.replace(/\\(["\\$`])/g, "$1") ?? single ?? "",
  );
}
