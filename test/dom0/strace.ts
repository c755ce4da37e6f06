/** A system call in the log of a program that can run again and again. */
export interface Call {
  readonly name: string;
  /** Which one of that name it is, from 1. */
  readonly occurrence: number;
  /** The call without what differs in every run, and which one of these it is. */
  readonly identity: string;
}

/** Parses a log of strace. `normalize` removes from a line what differs in every run. */
export function parseTrace(log: string, normalize: (line: string) => string): readonly Call[] {
  const byName = new Map<string, number>();
  const byText = new Map<string, number>();
  return log.split("\n").flatMap((line) => {
    const [, name] = /^(\w+)\(/.exec(line) ?? [];
    if (name === undefined) return [];
    const text = normalize(line);
    return [{ name, occurrence: countNext(byName, name), identity: `${text} #${countNext(byText, text)}` }];
  });
}

function countNext(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}
