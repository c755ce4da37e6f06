/** A fenced block of a page, and what the page says about testing it. */
export interface Block {
  /** Where its fence opens, counted from 1. */
  readonly line: number;
  /** The heading above it. */
  readonly heading: string;
  /** What the fence is marked with: `sh` for commands, anything else for what is only to be read. */
  readonly language: string;
  readonly text: string;
  readonly directives: readonly Directive[];
}

/**
 * What stands in a comment `<!-- test: … -->` before a block. `not run`: it cannot be run in a throwaway
 * dom0, and why. `after`: what has to be done before it. `dom0`: what kind of dom0 it is for.
 * `ends with`: the exit code of its last command. `printed by`: the command whose very output the block is.
 */
export type Directive =
  | { readonly kind: "not run"; readonly reason: string }
  | { readonly kind: "after"; readonly command: string }
  | { readonly kind: "dom0"; readonly scenarios: readonly string[] }
  | { readonly kind: "ends with"; readonly exitCode: number }
  | { readonly kind: "printed by"; readonly command: string };

const COMMENT = /^<!-- test: (.*) -->$/;
const FENCE = /^```(\S*)$/;

/** The blocks of a page. Fails for a directive that is not understood, or that stands before no block. */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = [];
  let directives: Directive[] = [];
  let heading = "";
  let open: { line: number; heading: string; language: string; text: string[] } | null = null;
  for (const [index, line] of page.split("\n").entries()) {
    const fence = FENCE.exec(line);
    if (open !== null) {
      if (fence === null) {
        open.text.push(line);
        continue;
      }
      blocks.push({ ...open, text: `${open.text.join("\n")}\n`, directives });
      open = null;
      directives = [];
      continue;
    }
    if (fence !== null) {
      open = { line: index + 1, heading, language: fence[1] ?? "", text: [] };
      continue;
    }
    heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    const [, words] = COMMENT.exec(line) ?? [];
    if (words !== undefined) directives.push(directiveOf(words, index + 1));
    else if (line.trim() !== "" && directives.length > 0) {
      throw new Error(`line ${index + 1}: a test directive stands before no block`);
    }
  }
  if (open !== null) throw new Error(`line ${open.line}: this block does not end`);
  return blocks;
}

function directiveOf(words: string, line: number): Directive {
  const [, reason] = /^not run, (.{15,})$/.exec(words) ?? [];
  if (reason !== undefined) return { kind: "not run", reason };
  const [, command] = /^after (.+)$/.exec(words) ?? [];
  if (command !== undefined) return { kind: "after", command };
  const [, scenarios] = /^dom0 ([a-z0-9, -]+)$/.exec(words) ?? [];
  if (scenarios !== undefined) return { kind: "dom0", scenarios: scenarios.split(/, */) };
  const [, code] = /^ends with (\d+)$/.exec(words) ?? [];
  if (code !== undefined) return { kind: "ends with", exitCode: Number(code) };
  const [, printing] = /^printed by (.+)$/.exec(words) ?? [];
  if (printing !== undefined) return { kind: "printed by", command: printing };
  throw new Error(`line ${line}: what is "test: ${words}"?`);
}

/** Words in backticks in the running text that are command lines of this program. */
export function inlineCommands(page: string): readonly string[] {
  const prose = page.replace(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/`(offload [a-z][^`]*)`/g)].map(([, command]) => command ?? "");
}
