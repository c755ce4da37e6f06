import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { withBlock, withoutBlock } from "../../src/persistence/rc-local.ts";
import { inspect } from "../../src/persistence/rc-local-inspection.ts";
import { mentionsBlock } from "../../src/persistence/rc-local-markers.ts";

const PATH = "/etc/rc.d/rc.local";

/** Texts hold one character a byte, as the files do. */
function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** The text with the block, or null when it is refused. */
function added(text: string, lines: readonly string[]): string | null {
  const result = withBlock(bytesOf(text), lines, PATH);
  return result.ok ? textOf(result.value) : null;
}

/** The text without the block; null when the file is to be deleted. */
function removed(text: string): string | null {
  const result = withoutBlock(bytesOf(text), PATH);
  if (!result.ok) throw new Error(result.failures.map(({ message }) => message).join("; "));
  return result.value === null ? null : textOf(result.value);
}

const anyBytes = fc.uint8Array({ maxLength: 20 }).map(textOf);

/** Lines as files of this kind have them, and such as no file has. */
const line = fc.oneof(
  fc.constantFrom(
    "",
    " \t",
    "echo a",
    "echo a\r",
    "exit 0",
    "  exit",
    "exit 0 # done",
    "echo a; exit 1",
    "exec >>/var/log/x 2>&1",
    "exec /bin/agent",
    "# exit 0",
    "echo a \\",
    "if true; then",
    "fi",
    "f() {",
    "}",
    "(",
    ")",
    "case a in",
    "a) exit 0 ;;",
    "esac",
    "cat <<EOF",
    "EOF",
    "echo 'a",
    "b'",
    'echo "$(echo `echo a`)"',
    "${",
    "false ||",
    "# END of offload",
    "# BEGIN other",
  ),
  anyBytes.map((text) => text.replaceAll("\n", "")),
);

const files = fc
  .record({
    first: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom("#!/bin/sh", "#!/bin/bash -e") },
      { weight: 1, arbitrary: fc.constantFrom("#!/bin/sh\r", "", "echo a") },
    ),
    rest: fc.array(line, { maxLength: 12 }),
    end: fc.constantFrom("", "\n", "\n\n"),
  })
  .map(({ first, rest, end }) => [first, ...rest].join("\n") + end);

const blocks = fc.array(fc.constantFrom("(", "  /bin/offload", ") || :", "", "# ü", "\texit 0"), {
  maxLength: 4,
});

const runs = { numRuns: 3000 };

describe("for every file that can take the block", () => {
  const accepted = fc
    .record({ file: fc.oneof({ weight: 9, arbitrary: files }, anyBytes), lines: blocks })
    .map(({ file, lines }) => ({ file, lines, once: added(file, lines) }))
    .filter(({ once }) => once !== null)
    .map(({ file, lines, once }) => ({ file, lines, once: once ?? "" }));

  test("adding it twice is adding it once", () => {
    fc.assert(
      fc.property(accepted, ({ lines, once }) => expect(added(once, lines)).toBe(once)),
      runs,
    );
  });

  test("removing it gives the very bytes that were there", () => {
    fc.assert(
      fc.property(accepted, ({ file, once }) => expect(removed(once)).toBe(file)),
      runs,
    );
  });

  test("the last block counts, as if the ones before had never been", () => {
    fc.assert(
      fc.property(accepted, blocks, ({ file, once }, other) => {
        expect(added(once, other)).toBe(added(file, other));
      }),
      runs,
    );
  });

  test("it is found, with its lines", () => {
    fc.assert(
      fc.property(accepted, ({ lines, once }) => {
        expect(inspect(bytesOf(once))).toMatchObject({ state: "present", block: { lines } });
      }),
      runs,
    );
  });

  test("what others change in the meantime survives, and nothing else is left", () => {
    const edit = fc.record({
      keepBefore: fc.nat(12),
      insertBefore: fc.array(line, { maxLength: 3 }),
      dropAfter: fc.nat(2),
      append: fc.array(line, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(accepted, edit, ({ once }, { keepBefore, insertBefore, dropAfter, append }) => {
        const begin = once.indexOf("# BEGIN offload (");
        const end = once.indexOf("\n", once.indexOf("# END offload", begin)) + 1;
        const head = once.slice(0, begin).split("\n");
        const before = [
          ...head.slice(0, Math.min(keepBefore, head.length - 1)),
          ...insertBefore,
          ...head.slice(Math.min(keepBefore, head.length - 1)),
        ].join("\n");
        const after =
          once.slice(end).split("\n").slice(dropAfter).join("\n") +
          append.map((text) => `${text}\n`).join("");
        const undone = removed(before + once.slice(begin, end) + after);
        const unended = once.slice(begin, end).includes("(there was no newline before it)");
        if (undone !== null && undone !== "") {
          expect(undone).toBe(unended && after === "" ? before.slice(0, -1) : before + after);
        } else {
          // Nothing but our frame was left.
          expect([before, after]).toEqual(["#!/bin/sh\n", ""]);
        }
      }),
      runs,
    );
  });
});

test("a refused file is refused for a reason that has words, and looking never throws", () => {
  fc.assert(
    fc.property(fc.oneof(files, anyBytes), (file) => {
      const result = withBlock(bytesOf(file), [], PATH);
      if (!result.ok) expect(result.failures.map(({ message }) => message)).not.toContain("");
    }),
    runs,
  );
});

test("where nothing mentions a block, there is neither one nor a part of one", () => {
  /** Markers, whole and in part, and what somebody makes of them by hand. */
  const marks = fc
    .array(
      fc.oneof(
        fc.constantFrom(" ", "\t", "#", "# ", "BEGIN", "END", "begin", " offload", " of offload"),
        fc.constantFrom("(", ")", ' (written by "offload persist"', "# BEGIN offload", "\r"),
        fc.constantFrom("# END offload", '# BEGIN offload (written by "offload persist"'),
        anyBytes,
      ),
      { maxLength: 5 },
    )
    .map((pieces) => pieces.join(""));
  const texts = fc.array(fc.oneof(marks, line), { maxLength: 6 }).map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(fc.oneof(texts, files, anyBytes), (text) => {
      const inspection = inspect(bytesOf(text));
      const none =
        inspection.state === "absent" ||
        (inspection.state === "unreachable" && inspection.block === null);
      expect(none || mentionsBlock(bytesOf(text))).toBe(true);
    }),
    runs,
  );
});

test("a text of any depth is looked at in reasonable time", () => {
  for (const piece of ["$(", "${", "`", '"$(', "((", "case a in a) ", "if a; then ", "<(", "a=("]) {
    const text = `#!/bin/bash\n${piece.repeat(50_000)}\n`;
    const begun = performance.now();
    inspect(bytesOf(text));
    expect([piece, performance.now() - begun < 2000]).toEqual([piece, true]);
  }
});

const directory = mkdtempSync(join(tmpdir(), "rc-local-"));
afterAll(() => rmSync(directory, { recursive: true }));

interface Run {
  readonly valid: boolean;
  readonly output: string;
  readonly exitCode: number;
}

function run(shell: string, text: string): Run {
  const file = join(directory, "rc.local");
  writeFileSync(file, bytesOf(text));
  const valid = Bun.spawnSync([shell, "-n", file]).exitCode === 0;
  const { stdout, exitCode } = Bun.spawnSync([shell, file, "start"], { cwd: directory });
  return { valid, output: stdout.toString(), exitCode };
}

/** Statements in which an `exit` is not reached, or ends no more than a part. */
const harmless = fc.constantFrom(
  "echo exit 0",
  "x=1 echo a",
  "! false",
  "exec 3</dev/null 4>&1",
  "exec 2>/dev/null",
  "false && exit 9",
  "true ||\n  exit 9",
  "true \\\n|| exit 9",
  "exit 9 | :",
  "(exit 9)",
  "(\nexit 9\n) || :",
  "echo $(exit 9)",
  "echo `exit 9`",
  "echo \"$(\nexit 9 # )\n)\" 'a\nexit 9\nb'",
  `echo "a\nexit 9\n\${x:-"b\nexit 9"}"`,
  "# exit 9 'a\n# \\",
  "echo a # b \\",
  "cat <<EOF\nexit 9 ' \" $(echo b) `echo c`\n EOF\nEOF",
  "cat <<-'EOF'; cat <<B\nexit 9 $(\n\tEOF\na\\\nB\nexit 9\nB",
  "cat <<\\EOF &&\n$(\nEOF\necho then",
  "f() {\n  exit 9\n}",
  "g ()\n(\n  exit 9\n)",
  "case b in\n  a) exit 9 ;;\n  (c | d) exit 9\nesac",
  "case esac in 'esac') ;; *) exit 9;; esac",
  "for i in exit 9; do echo $i; done",
  "for i in; do\nexit 9\ndone",
  "while false; do exit 9; done </dev/null",
  "until true\ndo\n  exit 9\ndone",
  "echo $((1 + (2 * 3)))",
  `echo \${x#\\}} \${#} $# \${x%%#*}`,
  "echo if then fi { done",
  "if false; then exit 9; elif false; then exit 9; else :; fi",
  "{ echo a; } >&1",
  "echo a;",
  "echo a &\nwait",
  "",
  "\t \t",
);

const { statement } = fc.letrec<{ statement: string }>((tie) => ({
  statement: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 4, arbitrary: harmless },
    tie("statement").map((inner) => `if true; then\n${inner}\n:\nfi`),
    tie("statement").map((inner) => `if false; then\n:\n${inner}\nelse\n:\nfi`),
    tie("statement").map((inner) => `{\n${inner}\n:\n}`),
    tie("statement").map((inner) => `(\n${inner}\n:\n)`),
    tie("statement").map((inner) => `case a in\na)\n${inner}\n;;\nesac`),
    tie("statement").map((inner) => `for i in 1 2; do\n${inner}\n:\ndone`),
    tie("statement").map((inner) => `h() {\n${inner}\n:\n}\nh`),
    tie("statement").map((inner) => `x=$(\n${inner}\n)`),
    tie("statement").map((inner) => `true && {\n${inner}\n:\n}`),
  ),
}));

const bodies = fc.array(statement, { maxLength: 6 });
const finals = fc.constantFrom(
  "",
  "exit 0",
  "exit 7 # end\n\n# of it",
  " exit",
  "exec true",
  "exit;",
);
const shells = fc.constantFrom("dash", "bash");
const probe = ["(", "  echo REACHED", ") || :"];

describe("as the shells themselves run it", () => {
  test("the block is run once, last, and the rest does what it did", () => {
    fc.assert(
      fc.property(shells, bodies, finals, (shell, body, final) => {
        const text = ["#!/bin/sh", ...body, final].join("\n");
        const text2 = added(text, probe);
        expect(text2).not.toBeNull();
        const [before, after] = [run(shell, text), run(shell, text2 ?? "")];
        expect(before.valid).toBe(true);
        expect(after).toMatchObject({ valid: true, output: `${before.output}REACHED\n` });
      }),
      { numRuns: 250 },
    );
  });

  test("an exit at the top level before the end is found, on its line", () => {
    const early = fc.constantFrom("exit 0", "exit", "exit $?", "exec echo a", "exec true 2>&1 # b");
    fc.assert(
      fc.property(bodies, early, bodies, (body, exit, rest) => {
        const head = ["#!/bin/sh", ...body].join("\n");
        const text = [head, exit, ...rest, "echo end", ""].join("\n");
        expect(inspect(bytesOf(text))).toMatchObject({
          state: "unreachable",
          obstacle: { kind: "ends-early", line: head.split("\n").length + 1 },
        });
      }),
      { numRuns: 1000 },
    );
  });

  test("what is refused as unreachable is not reached, whatever the file is", () => {
    const loose = fc.oneof(
      statement,
      fc.constantFrom(
        "true && exit 0",
        "exit 0 || :",
        "exit 0 &",
        "return 0",
        "exit 1 2",
        'exec "$nothing"',
        "exec $nothing",
        "{ exit 0; }",
        "exit() { :; }",
        "alias exit=echo",
        "exec () (:)",
        "echo ')'",
        "fi",
        ")",
        "cat <<EOF",
        "EOF",
        "echo $'a\\'",
        "case a in",
        "esac",
        "if true",
        "then",
        "\\",
        "'",
        '"',
        "exit 0",
        "exec :",
        "exit 0",
      ),
    );
    fc.assert(
      fc.property(shells, fc.array(loose, { maxLength: 6 }), (shell, body) => {
        const text = ["#!/bin/sh", ...body, ""].join("\n");
        const inspection = inspect(bytesOf(text));
        if (inspection.state !== "unreachable" || inspection.obstacle.kind !== "ends-early") return;
        const { output } = run(shell, `${text}echo REACHED\n`);
        expect(output.split("\n")).not.toContain("REACHED");
      }),
      { numRuns: 1000 },
    );
    const before = fc.array(loose, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shells, before, fc.array(loose, { maxLength: 4 }), (shell, above, below) => {
        const block = added("#!/bin/sh\n", probe)?.split("\n").slice(1, -1) ?? [];
        const text = ["#!/bin/sh", ...above, ...block, ...below, ""].join("\n");
        if (inspect(bytesOf(text)).state !== "unreachable") return;
        expect(run(shell, text).output.split("\n")).not.toContain("REACHED");
      }),
      { numRuns: 1000 },
    );
  });
});
