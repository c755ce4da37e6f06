interface Style {
  readonly weight: "" | "strong" | "faint";
  readonly color: "" | "good" | "bad";
}

/** The SGR codes (ECMA-48) that `createPaint` of src/terminal/text.ts writes, and what each changes. */
const CHANGES: ReadonlyMap<string, Partial<Style>> = new Map<string, Partial<Style>>([
  ["1", { weight: "strong" }],
  ["2", { weight: "faint" }],
  ["22", { weight: "" }],
  ["31", { color: "bad" }],
  ["32", { color: "good" }],
  ["39", { color: "" }],
]);

const CELL = { width: 8.45, height: 19 };
const MARGIN = 16;

/** A picture of what a terminal shows: lines with the colors of this program, `columns` wide. */
export function drawTerminal(title: string, lines: readonly string[], columns: number): string {
  const width = Math.ceil(columns * CELL.width) + 2 * MARGIN;
  const height = lines.length * CELL.height + 2 * MARGIN;
  const rows = lines.map((line, row) => drawLine(line, (row + 1) * CELL.height + MARGIN - 5)).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escapeXml(title)}</title>
<style>
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 14px; fill: #d5dae1; white-space: pre; }
.strong { font-weight: bold; fill: #ffffff; }
.faint { fill: #8b949e; }
.good { fill: #56d364; }
.bad { fill: #ff7b72; }
</style>
<rect width="100%" height="100%" rx="8" fill="#12171f"/>
${rows}</svg>
`;
}

function drawLine(line: string, y: number): string {
  let style: Style = { weight: "", color: "" };
  const spans: string[] = [];
  for (const [index, piece] of line.split(/\x1b\[(\d+)m/).entries()) {
    // The codes are every second piece.
    if (index % 2 === 0) spans.push(drawSpan(piece, style));
    else style = { ...style, ...changeOf(piece) };
  }
  const text = spans.join("");
  return text === "" ? "" : `<text x="${MARGIN}" y="${y}" xml:space="preserve">${text}</text>\n`;
}

function changeOf(code: string): Partial<Style> {
  const change = CHANGES.get(code);
  if (change === undefined) throw new Error(`the picture knows no SGR code ${code}`);
  return change;
}

function drawSpan(text: string, { weight, color }: Style): string {
  if (text === "") return "";
  if (/\p{Cc}/u.test(text))
    throw new Error(`${JSON.stringify(text)} has control characters that the picture cannot show`);
  const classes = [weight, color].filter((name) => name !== "").join(" ");
  return classes === "" ? escapeXml(text) : `<tspan class="${classes}">${escapeXml(text)}</tspan>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
