import { describe, expect, test } from "bun:test";
import { insertBlock, stripBlock } from "../../src/boot/rc-local-text.ts";
import { attempt, CommandError, type Failure } from "../../src/core/command-error.ts";

const BEGIN = '# BEGIN offload (written by "offload persist"; remove with "offload persist --remove")';
const END = "# END offload";
const PATH = "/etc/rc.d/rc.local";
const LINES = ["/bin/sh /etc/offload/disable-offloads || :"];
const BLOCK = `${[BEGIN, ...LINES, END].join("\n")}\n`;

function added(text: string | null): string {
  return insertBlock(text, LINES, PATH);
}

function removed(text: string): string | null {
  return stripBlock(text, PATH);
}

function failureOf(work: () => unknown): Failure | undefined {
  const result = attempt(work);
  return result instanceof CommandError ? result.failures[0] : undefined;
}

const CENTOS = "#!/bin/bash\n# THIS FILE IS ADDED FOR COMPATIBILITY PURPOSES\n\ntouch /var/lock/subsys/local\n";

/** Files that others wrote, by what is special about them, and what they are with the block. */
const FILES: readonly (readonly [what: string, before: string, after: string])[] = [
  ["that of CentOS 7", CENTOS, CENTOS.replace("\n", `\n${BLOCK}`)],
  ["one that ends with exit", "#!/bin/sh -e\nexit 0\n", `#!/bin/sh -e\n${BLOCK}exit 0\n`],
  ["one that runs another program", "#!/bin/sh\nexec x\n", `#!/bin/sh\n${BLOCK}exec x\n`],
  ["one with an open here-document", "#!/bin/sh\ncat <<E\n", `#!/bin/sh\n${BLOCK}cat <<E\n`],
  ["one without a last newline", "#!/bin/sh\necho a", `#!/bin/sh\n${BLOCK}echo a`],
  ["one of a first line only", "#!/bin/sh\n", `#!/bin/sh\n${BLOCK}`],
  ["one by env", "#!/usr/bin/env bash\n:\n", `#!/usr/bin/env bash\n${BLOCK}:\n`],
  ["one by busybox", "#! /bin/busybox sh\n:\n", `#! /bin/busybox sh\n${BLOCK}:\n`],
  ["one with a NUL and bytes of no text", "#!/bin/sh\n\0\xff\n", `#!/bin/sh\n${BLOCK}\0\xff\n`],
  ["one with carriage returns further down", "#!/bin/sh\n:\r\n", `#!/bin/sh\n${BLOCK}:\r\n`],
];

describe.each(FILES)("the block in %s", (_, before, after) => {
  test("goes right after the first line", () => expect(added(before)).toBe(after));

  test("is the same when it is written twice", () => expect(added(after)).toBe(after));

  test("leaves the same bytes as before when it is removed", () => {
    expect(removed(after)).toBe(before);
  });
});

test("the block follows a first line without a newline, and removes that newline with itself", () => {
  const after = added("#!/bin/sh");
  expect(after).toBe(`#!/bin/sh\n${BLOCK.replace(END, `${END} (there was no newline before it)`)}`);
  expect(removed(after)).toBe("#!/bin/sh");
  // When something follows by now, the newline is no longer the last.
  expect(removed(`${after}echo theirs\n`)).toBe("#!/bin/sh\necho theirs\n");
});

test("a new block replaces an older one, whatever is in it", () => {
  const old = `#!/bin/sh\n${BEGIN.replace(")", ", in other words)")}\n(\n  old\n) || :\n${END}\n:\n`;
  expect(added(old)).toBe(`#!/bin/sh\n${BLOCK}:\n`);
});

test("a block elsewhere is moved to the second line", () => {
  expect(added(`#!/bin/sh\necho a\n${BLOCK}exit 0\n`)).toBe(`#!/bin/sh\n${BLOCK}echo a\nexit 0\n`);
  const last = BLOCK.replace(END, `${END} (there was no newline before it)`);
  expect(added(`#!/bin/sh\necho a\n${last}`)).toBe(`#!/bin/sh\n${BLOCK}echo a`);
});

describe("a file created for the block", () => {
  const made = added(null);

  test("is a complete shell script, and says that offload created it", () => {
    expect(made).toBe(`#!/bin/sh\n${BLOCK.replace(END, `${END} (this file was made for it)`)}`);
  });

  test("is deleted with the block, even when the block was written again", () => {
    expect(removed(made)).toBeNull();
    expect(removed(added(made))).toBeNull();
  });

  test("stays when others have written into it", () => {
    expect(removed(`${made}echo theirs\n`)).toBe("#!/bin/sh\necho theirs\n");
  });
});

test("an empty file becomes a complete one, and is empty again after removal", () => {
  expect(removed(added(""))).toBe("");
});

describe("insertBlock", () => {
  const refusals: readonly (readonly [what: string, text: string, code: string, words: string])[] = [
    ["no first line", "echo a\n", "rc-local-no-interpreter", "does not begin with #!/bin/sh"],
    ["an empty first line", "#!\n", "rc-local-no-interpreter", "does not begin with #!/bin/sh"],
    ["a carriage return in it", "#!/bin/sh\r\n:\n", "rc-local-carriage-return", "line 1 of"],
    ["another language", "#!/usr/bin/python3 -E\n", "rc-local-not-shell", "python3 -E"],
    ["a language by env", "#!/usr/bin/env perl\n", "rc-local-not-shell", "env perl"],
    ["a block without an end", `#!/bin/sh\n${BEGIN}\n`, "rc-local-broken-markers", "line 2"],
    ["an end without a block", `#!/bin/sh\n${END}\n`, "rc-local-broken-markers", "line 2"],
    ["two blocks", `#!/bin/sh\n${BLOCK}${BLOCK}`, "rc-local-broken-markers", "2, 4, 5, 7"],
    ["an end before it", `#!/bin/sh\n${END}\n${BEGIN}\n`, "rc-local-broken-markers", "line 3"],
  ];
  test.each(refusals)("refuses a file with %s", (_, text, code, words) => {
    const failure = failureOf(() => insertBlock(text, LINES, PATH));
    expect(failure).toMatchObject({ kind: "usage", code });
    expect(failure?.message).toContain(words);
    expect(failure?.message).toContain(PATH);
  });

  test("quotes a long first line shortened and as plain text", () => {
    const text = `#!/bin/\x1b[31m${"x".repeat(200)}\n`;
    expect(failureOf(() => insertBlock(text, LINES, PATH))?.message).toContain(`names /bin/ [31m${"x".repeat(49)}…)`);
  });
});

describe("stripBlock", () => {
  test.each(["", "#!/bin/sh\r\n", "#!/usr/bin/python3\n", "#!/bin/sh\nexit 0\n"])(
    "removes a block after the otherwise refused start %j",
    (head) => {
      expect(removed(`${head}${BLOCK}:\n`)).toBe(`${head}:\n`);
    },
  );

  test("refuses markers that do not form a single block", () => {
    const file = `#!/bin/sh\n${BEGIN}\n`;
    expect(failureOf(() => stripBlock(file, PATH))?.code).toBe("rc-local-broken-markers");
  });

  test("returns a file without a block unchanged", () => {
    for (const text of ["", CENTOS, "\0\xff", "#!/usr/bin/python3\r\n"]) {
      expect(removed(text)).toBe(text);
    }
  });
});
