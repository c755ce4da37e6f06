import { type Result, success } from "../offload/result.ts";
import { fromLatin1, latin1 } from "./latin1.ts";
import { examine } from "./rc-local-inspection.ts";
import { blockText } from "./rc-local-markers.ts";
import { brokenMarkers, refusal } from "./rc-local-refusal.ts";

const SHEBANG = "#!/bin/sh\n";

/**
 * The file with a block of these lines: in the place of the block that is there, else before a
 * statement that ends the script, else at the end. Every other byte stays. Without a file (null),
 * or with an empty one, a whole new one. `path`: for the words of a failure.
 */
export function withBlock(
  bytes: Uint8Array | null,
  lines: readonly string[],
  path: string,
): Result<Uint8Array> {
  const text = bytes === null ? "" : latin1(bytes);
  if (text === "") {
    return success(fromLatin1(SHEBANG + blockText(lines, bytes === null ? "made" : "empty")));
  }
  const { inspection, frame, place } = examine(text);
  const failure = refusal(inspection, path);
  if (failure !== null) return { ok: false, failures: [failure] };
  if (frame !== null) {
    const block = blockText(lines, frame.memory);
    return success(fromLatin1(text.slice(0, frame.from) + block + text.slice(frame.to)));
  }
  const [before, after] = [text.slice(0, place), text.slice(place)];
  const unended = after === "" && !before.endsWith("\n");
  return success(
    fromLatin1(
      unended
        ? `${before}\n${blockText(lines, "unended")}`
        : before + blockText(lines, "nothing") + after,
    ),
  );
}

/**
 * The file as it was before our block came, with whatever others changed since; the same bytes when
 * there is no block. Null: there was no file, and there is nothing of anyone else in it. `path`: for
 * the words of a failure.
 */
export function withoutBlock(bytes: Uint8Array, path: string): Result<Uint8Array | null> {
  const text = latin1(bytes);
  const { inspection, frame } = examine(text);
  if (inspection.state === "broken") {
    return { ok: false, failures: [brokenMarkers(inspection, path)] };
  }
  if (frame === null) return success(bytes);
  const [before, after] = [text.slice(0, frame.from), text.slice(frame.to)];
  if (before === SHEBANG && after === "") {
    if (frame.memory === "made") return success(null);
    if (frame.memory === "empty") return success(new Uint8Array());
  }
  // When something follows by now, the newline is no longer the last.
  const ended = frame.memory !== "unended" || after !== "";
  return success(fromLatin1((ended ? before : before.replace(/\n$/, "")) + after));
}
