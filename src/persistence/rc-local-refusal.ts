import type { Failure } from "../offload/result.ts";
import type { Inspection } from "./rc-local-inspection.ts";
import type { Block, BrokenMarkers } from "./rc-local-markers.ts";

/** Why nothing can be written into the rc.local of this path, as a failure; null: it can. */
export function refusal(inspection: Inspection, path: string): Failure | null {
  if (inspection.state === "broken") return brokenMarkers(inspection, path);
  if (inspection.state !== "unreachable") return null;
  const { obstacle } = inspection;
  switch (obstacle.kind) {
    case "ends-early":
      return refused(
        "rc-local-unreachable",
        `line ${obstacle.line} of ${path} (${obstacle.statement}) ends it before ${blockWords(inspection.block)} could run; move or remove that line`,
      );
    case "unfinished":
      return refused(
        "rc-local-unfinished",
        inspection.block === null
          ? `the ${obstacle.what} that begins on line ${obstacle.line} of ${path} is not ended, and lines after it would become part of it; end it`
          : `the block of offload on line ${inspection.block.line} of ${path} is part of the ${obstacle.what} that begins on line ${obstacle.line}; end that before it`,
      );
    case "no-interpreter":
      return refused(
        "rc-local-no-interpreter",
        `${path} does not begin with #!/bin/sh, so it is not run at boot; make that its first line`,
      );
    case "carriage-return":
      return refused(
        "rc-local-carriage-return",
        `line 1 of ${path} ends in a carriage return, so it is not run at boot; convert the file: sed -i 's/\\r$//' ${path}`,
      );
    case "not-shell":
      return refused(
        "rc-local-not-shell",
        `${path} is not a shell script (line 1 names ${obstacle.interpreter}); use the systemd unit instead`,
      );
  }
}

/** The markers in the rc.local of this path do not make one block, so that it cannot be taken out. */
export function brokenMarkers(markers: BrokenMarkers, path: string): Failure {
  return refused("rc-local-broken-markers", `${brokenWords(markers, path)}; ${MEND}`);
}

const MEND = 'leave one pair of "# BEGIN offload (…)" and "# END offload", or delete those lines';

function refused(code: string, message: string): Failure {
  return { kind: "usage", code, message };
}

function blockWords(block: Block | null): string {
  return block === null ? "a block of offload" : `the block of offload on line ${block.line}`;
}

function brokenWords({ begins, ends }: BrokenMarkers, path: string): string {
  const [begin, secondBegin] = begins;
  const [end, secondEnd] = ends;
  if (begin === undefined) {
    return `line ${end} of ${path} ends a block of offload that does not begin`;
  }
  if (end === undefined) {
    return `line ${begin} of ${path} begins a block of offload that does not end`;
  }
  if (secondBegin !== undefined || secondEnd !== undefined) {
    const lines = [...begins, ...ends].sort((a, b) => a - b).join(", ");
    return `${path} has more than one block of offload, or parts of one (lines ${lines})`;
  }
  return `line ${end} of ${path} ends a block of offload that begins only on line ${begin}`;
}
