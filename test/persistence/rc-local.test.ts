import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Failure, Result } from "../../src/offload/result.ts";
import { withBlock, withoutBlock } from "../../src/persistence/rc-local.ts";
import { inspect } from "../../src/persistence/rc-local-inspection.ts";
import { refusal } from "../../src/persistence/rc-local-refusal.ts";

const BEGIN =
  '# BEGIN offload (written by "offload persist"; remove with "offload persist --remove")';
const PATH = "/etc/rc.d/rc.local";
const LINES = ["(", "  echo offloads off", ") || :"];
const CORPUS = join(import.meta.dir, "rc-local");

/**
 * Each file of the corpus is named for what is special about it. Next to `x.before` there is either
 * `x.after`, the file with the block, or `x.refused`, the code and the message. When the file has a
 * block of ours already, `x.removed` is the file without it.
 */
const names = readdirSync(CORPUS)
  .filter((file) => file.endsWith(".before"))
  .map((file) => file.slice(0, -".before".length))
  .sort();

function corpus(name: string, part: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(join(CORPUS, `${name}.${part}`)));
  } catch {
    return null;
  }
}

function before(name: string): Uint8Array {
  return corpus(name, "before") ?? new Uint8Array();
}

/** A result's value; every byte of it can be seen when a test fails. */
function bytesOf(result: Result<Uint8Array | null>): string | null {
  if (!result.ok) throw new Error(result.failures.map(({ message }) => message).join("; "));
  return result.value === null ? null : shown(result.value);
}

function shown(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function failureOf(result: Result<unknown>): Failure | undefined {
  return result.ok ? undefined : result.failures[0];
}

test("the corpus is complete", () => {
  expect(names.length).toBeGreaterThan(70);
  for (const name of names) {
    expect([name, corpus(name, "after") === null]).toEqual([
      name,
      corpus(name, "refused") !== null,
    ]);
  }
});

describe("the block goes where it is run, and nothing else changes", () => {
  for (const name of names) {
    const after = corpus(name, "after");
    if (after === null) continue;
    test(name, () => {
      const written = withBlock(before(name), LINES, PATH);
      expect(bytesOf(written)).toBe(shown(after));
      expect(inspect(after)).toMatchObject({ state: "present", block: { lines: LINES } });
      expect(bytesOf(withBlock(after, LINES, PATH))).toBe(shown(after));
      const removed = corpus(name, "removed") ?? before(name);
      expect(bytesOf(withoutBlock(after, PATH))).toBe(shown(removed));
    });
  }
});

describe("a file in which the block would not be run, or that is not clear, is refused", () => {
  for (const name of names) {
    const refused = corpus(name, "refused");
    if (refused === null) continue;
    test(name, () => {
      const [code, message] = new TextDecoder().decode(refused).split("\n");
      const expected = { kind: "usage", code, message };
      expect(failureOf(withBlock(before(name), LINES, PATH))).toMatchObject(expected);
      expect(refusal(inspect(before(name)), PATH)).toMatchObject(expected);
    });
  }
});

test("a message names the file that it is about", () => {
  const result = withBlock(before("no-shebang"), LINES, "/etc/rc.local");
  expect(failureOf(result)?.message).toStartWith("/etc/rc.local does not begin with #!/bin/sh");
});

describe("what is there already can be removed, whatever else is wrong with the file", () => {
  for (const name of names) {
    const removed = corpus(name, "removed");
    if (removed === null) continue;
    test(name, () => expect(bytesOf(withoutBlock(before(name), PATH))).toBe(shown(removed)));
  }

  test("but not when the markers make no single block", () => {
    expect(failureOf(withoutBlock(before("two-blocks"), PATH))?.code).toBe(
      "rc-local-broken-markers",
    );
  });

  test("a file without a block is given back as it is", () => {
    for (const name of ["centos-7", "nul-byte", "invalid-utf-8", "carriage-returns", "python"]) {
      expect(bytesOf(withoutBlock(before(name), PATH))).toBe(shown(before(name)));
    }
  });
});

describe("a file that is made for the block", () => {
  const made = withBlock(null, LINES, PATH);

  test("is a whole shell script, and says that it was made", () => {
    expect(bytesOf(made)).toBe(
      `#!/bin/sh\n${BEGIN}\n${LINES.join("\n")}\n# END offload (this file was made for it)\n`,
    );
  });

  test("is to be deleted with the block, also when the block was written again", () => {
    const again = withBlock(made.ok ? made.value : null, ["other"], PATH);
    expect(bytesOf(withoutBlock(again.ok ? again.value : new Uint8Array(), PATH))).toBeNull();
  });

  test("stays with what others wrote into it", () => {
    const theirs = textBytes(`${bytesOf(made)}echo theirs\n`);
    expect(bytesOf(withoutBlock(theirs, PATH))).toBe("#!/bin/sh\necho theirs\n");
  });
});

describe("inspect", () => {
  test("finds nothing", () => {
    expect(inspect(before("centos-7"))).toEqual({ state: "absent" });
    expect(inspect(before("empty"))).toEqual({ state: "absent" });
  });

  test("gives the lines of the block as text, and the line that it begins on", () => {
    const lines = ["# für", "é"];
    const written = withBlock(before("invalid-utf-8"), lines, PATH);
    expect(inspect(written.ok ? written.value : new Uint8Array())).toEqual({
      state: "present",
      block: { line: 3, lines },
    });
  });

  test("numbers the lines of markers that do not match", () => {
    expect(inspect(before("two-blocks"))).toEqual({
      state: "broken",
      begins: [2, 8],
      ends: [6, 12],
    });
  });

  test("says what keeps the block that is there from being run", () => {
    expect(inspect(before("block-behind-an-exit"))).toEqual({
      state: "unreachable",
      obstacle: { kind: "ends-early", line: 2, statement: "exit 0" },
      block: { line: 3, lines: LINES },
    });
  });

  test("an exit behind the block is no obstacle", () => {
    const text = `#!/bin/sh\n${BEGIN}\n:\n# END offload\nexit 0\necho theirs\n`;
    expect(inspect(textBytes(text))).toMatchObject({ state: "present" });
  });

  test("a statement of any length is quoted shortly, and as plain text", () => {
    const text = `#!/bin/sh\nexec /bin/\x1b[31m${"x".repeat(200)}\n:\n`;
    const statement = `exec /bin/ [31m${"x".repeat(44)}…`;
    expect(inspect(textBytes(text))).toMatchObject({ obstacle: { statement } });
  });
});

describe("what a shell could read before, it can read with the block", () => {
  for (const shell of ["dash", "bash"]) {
    test(shell, () => {
      const directory = mkdtempSync(join(tmpdir(), "rc-local-"));
      const file = join(directory, "rc.local");
      const valid = (bytes: Uint8Array) => {
        writeFileSync(file, bytes);
        return Bun.spawnSync([shell, "-n", file]).exitCode === 0;
      };
      let readable = 0;
      for (const name of names) {
        const after = corpus(name, "after");
        if (after === null || !valid(before(name))) continue;
        readable += 1;
        expect([name, valid(after)]).toEqual([name, true]);
      }
      rmSync(directory, { recursive: true });
      expect(readable).toBeGreaterThan(45);
    });
  }
});
