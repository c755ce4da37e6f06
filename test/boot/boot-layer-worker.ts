import { inspectBootLayer, rewriteBootScript } from "../../src/boot/boot-layer.ts";
import { toBootReport } from "../../src/core/boot-layer.ts";
import { attemptAsync } from "../../src/core/command-error.ts";
import { parseCoverage } from "../../src/core/verify/coverage-json.ts";

/** Run inside a dom0: rewrites the boot script for the coverage that it is given, and prints what came of it. */
const coverage = parseCoverage(JSON.parse(process.argv[2] ?? ""));
if (coverage === null) throw new Error("that is no coverage");
const rewritten = await attemptAsync(() => rewriteBootScript(coverage));
const layer = inspectBootLayer();
console.log(JSON.stringify({ rewritten, layer: toBootReport(layer) }));
