import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { insertBlock, stripBlock } from "../../src/boot/rc-local-text.ts";
import { attempt, CommandError } from "../../src/core/command-error.ts";
import { Scratch, SHELLS } from "./script/shells.ts";

const PATH = "/etc/rc.d/rc.local";

/** The text with the block, or null when it is refused. */
function added(text: string, lines: readonly string[]): string | null {
  const result = attempt(() => insertBlock(text, lines, PATH));
  return result instanceof CommandError ? null : result;
}

/** The text without the block; null when the file is to be deleted. */
function removed(text: string): string | null {
  return stripBlock(text, PATH);
}

/** Texts hold one character a byte, as the files do. */
const anyBytes = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

/** Lines as files of this kind have them, and such as no file has. */
const line = fc.oneof(
  fc.constantFrom(
    ...["", " \t", "echo a", "echo a\r", "exit 0", "  exit", "echo a; exit 1", "# exit 0"],
    ...["exec >>/var/log/x 2>&1", "exec /bin/agent", "echo a \\", "if true; then", "fi", "f() {"],
    ...["}", "(", ")", "case a in", "esac", "cat <<EOF", "EOF", "echo 'a", "b'", "${", "false ||"],
    ...["# END of offload", "# BEGIN other", "set -e", "set -u", "unset PATH", "trap 'exit 9' EXIT"],
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

describe("the block in any file that can take it", () => {
  const accepted = fc
    .record({ file: fc.oneof({ weight: 9, arbitrary: files }, anyBytes), lines: blocks })
    .map(({ file, lines }) => ({ file, lines, once: added(file, lines) }))
    .filter(({ once }) => once !== null)
    .map(({ file, lines, once }) => ({ file, lines, once: once ?? "" }));

  test("is the same when it is added twice", () => {
    fc.assert(
      fc.property(accepted, ({ lines, once }) => expect(added(once, lines)).toBe(once)),
      runs,
    );
  });

  test("leaves the same bytes as before when it is removed", () => {
    fc.assert(
      fc.property(accepted, ({ file, once }) => expect(removed(once)).toBe(file)),
      runs,
    );
  });

  test("is replaced by a later block as if it had never been there", () => {
    fc.assert(
      fc.property(accepted, blocks, ({ file, once }, other) => {
        expect(added(once, other)).toBe(added(file, other));
      }),
      runs,
    );
  });

  test("begins on the second line", () => {
    fc.assert(
      fc.property(accepted, ({ once }) => {
        expect(once.split("\n")[1]).toStartWith("# BEGIN offload (");
      }),
      runs,
    );
  });

  test("keeps changes by others when it is removed, and leaves nothing of itself", () => {
    const edit = fc.record({
      insertBefore: fc.array(line, { maxLength: 3 }),
      dropAfter: fc.nat(2),
      append: fc.array(line, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(accepted, edit, ({ once }, { insertBefore, dropAfter, append }) => {
        const begin = once.indexOf("# BEGIN offload (");
        const end = once.indexOf("\n", once.indexOf("# END offload", begin)) + 1;
        const before = `${once.slice(0, begin)}${insertBefore.map((text) => `${text}\n`).join("")}`;
        const after =
          once.slice(end).split("\n").slice(dropAfter).join("\n") + append.map((text) => `${text}\n`).join("");
        const block = once.slice(begin, end);
        const undone = removed(before + block + after);
        if (undone === null || undone === "") {
          // Nothing but our frame was left.
          expect([before, after]).toEqual(["#!/bin/sh\n", ""]);
          return;
        }
        const unended = block.includes("(there was no newline before it)") && after === "";
        expect(undone).toBe(unended ? before.slice(0, -1) : before + after);
        expect(removed(added(before + block + after, []) ?? "")).toBe(undone);
      }),
      runs,
    );
  });
});

test("a file is refused with a reason, and reading it never throws", () => {
  fc.assert(
    fc.property(fc.oneof(files, anyBytes), (file) => {
      const result = attempt(() => insertBlock(file, [], PATH));
      if (result instanceof CommandError) expect(result.failures.map(({ message }) => message)).not.toContain("");
    }),
    runs,
  );
});

test("every shell runs the block whatever follows it, and the rest runs unchanged", () => {
  using scratch = new Scratch();
  const shells = fc.constantFrom(...SHELLS.flatMap((shell) => [shell, [...shell, "-e"], [...shell, "-eu"]]));
  scratch.executable("script-that-fails", "#!/bin/sh\necho ran > ran\nexit 1\n");
  const block = [`/bin/sh ${scratch.directory}/script-that-fails || :`];
  fc.assert(
    fc.property(shells, fc.array(line, { maxLength: 6 }), (shell, rest) => {
      // A NUL in the first lines makes bash take the whole file for a binary, which it does not run.
      const lines = rest.filter((text) => !text.includes("exec /") && !text.includes("\0"));
      const file = ["#!/bin/sh", ...lines, ""].join("\n");
      const text = added(file, block) ?? "";
      const plain = scratch.run(Buffer.from(file, "latin1"), { shell });
      scratch.remove("ran");
      const ended = scratch.run(Buffer.from(text, "latin1"), { shell });
      expect(scratch.remove("ran")).toBe(true);
      expect([ended.exitCode, ended.stdout]).toEqual([plain.exitCode, plain.stdout]);
    }),
    { numRuns: 200 },
  );
});
