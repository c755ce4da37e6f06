import { describe, expect, test } from "bun:test";
import { blocksOf, inlineCommands } from "./blocks.ts";

const PAGE = `# A page
<!-- test: dom0 coordinator, hostile -->
<!-- test: after offload disable ALL --yes -->
<!-- test: ends with 1 -->

\`\`\`sh
offload verify
\`\`\`

Text with \`offload verify --strict\` and \`ethtool\`.

\`\`\`text
eth0
\`\`\`
`;

describe("the code blocks of a page", () => {
  test("are found with their test directives", () => {
    expect(blocksOf(PAGE)).toEqual([
      {
        line: 6,
        heading: "A page",
        language: "sh",
        text: "offload verify\n",
        directives: [
          { kind: "dom0", scenarios: ["coordinator", "hostile"] },
          { kind: "after", command: "offload disable ALL --yes" },
          { kind: "ends with", exitCode: 1 },
        ],
      },
      { line: 12, heading: "A page", language: "text", text: "eth0\n", directives: [] },
    ]);
  });

  test("can be excluded only with a reason", () => {
    const left = (words: string) => blocksOf(`<!-- test: ${words} -->\n\`\`\`sh\nx\n\`\`\`\n`);
    expect(left("not run, it fetches from an address of yours")[0]?.directives).toEqual([
      { kind: "not run", reason: "it fetches from an address of yours" },
    ]);
    expect(() => left("not run")).toThrow();
    expect(() => left("not run, no")).toThrow();
    expect(() => left("skip")).toThrow();
  });

  test("can be the output of a command", () => {
    const page = "<!-- test: printed by offload verify eth1 -->\n\n```text\nfine\n```\n";
    expect(blocksOf(page)[0]).toMatchObject({
      text: "fine\n",
      directives: [{ kind: "printed by", command: "offload verify eth1" }],
    });
  });

  test("are rejected when unterminated, as is a directive without a block", () => {
    expect(() => blocksOf("<!-- test: ends with 1 -->\ntext\n```sh\nx\n```\n")).toThrow();
    expect(() => blocksOf("```sh\nx\n")).toThrow();
  });
});

test("command lines in running text are found", () => {
  expect(inlineCommands(PAGE)).toEqual(["offload verify --strict"]);
});
