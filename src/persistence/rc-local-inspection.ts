import { latin1 } from "./latin1.ts";
import { type Block, type BrokenMarkers, type Frame, findBlock } from "./rc-local-markers.ts";
import { type Obstacle, obstacleBefore, obstacleForNew } from "./rc-local-obstacle.ts";
import { scan } from "./shell-scan.ts";

/** What an rc.local is to us. */
export type Inspection =
  | { readonly state: "absent" }
  | { readonly state: "present"; readonly block: Block }
  | ({ readonly state: "broken" } & BrokenMarkers)
  /** The block that is there is not run, or one that would be added were not. */
  | { readonly state: "unreachable"; readonly obstacle: Obstacle; readonly block: Block | null };

/** What an rc.local is to us, and where in its text, as offsets, our block is or goes. */
export interface Examination {
  readonly inspection: Inspection;
  /** Where our block is; null: there is none. */
  readonly frame: Frame | null;
  /** Where a block goes that is not there yet. */
  readonly place: number;
}

/** Looks for our block, and for what would keep it from being run. */
export function inspect(bytes: Uint8Array): Inspection {
  return examine(latin1(bytes)).inspection;
}

/** The same, for who is going to change the text. `text`: the file, one character a byte. */
export function examine(text: string): Examination {
  const found = findBlock(text);
  if (found.state === "broken") return { inspection: found, frame: null, place: text.length };
  if (found.state === "absent") {
    const scanned = scan(text);
    const obstacle = text === "" ? null : obstacleForNew(text, scanned);
    const inspection: Inspection =
      obstacle === null ? found : { state: "unreachable", obstacle, block: null };
    return { inspection, frame: null, place: scanned.place };
  }
  const { block, frame } = found;
  const obstacle = obstacleBefore(text.slice(0, frame.from));
  const inspection: Inspection =
    obstacle === null ? { state: "present", block } : { state: "unreachable", obstacle, block };
  return { inspection, frame, place: frame.from };
}
