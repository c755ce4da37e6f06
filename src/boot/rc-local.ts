import { type Result, success } from "../core/result.ts";
import { fromLatin1, latin1 } from "../fs/latin1.ts";
import { interpreterOf } from "./interpreter.ts";
import { blockText, brokenMarkers, type Frame, findBlock } from "./rc-local-markers.ts";

const SHEBANG = "#!/bin/sh\n";

/**
 * The file with a block of these lines right after its first line, before anything that could end the script or
 * keep what follows from being run; a block in another place is moved. Every other byte stays. Without
 * a file (null), or with an empty one, a whole new one. `path`: for the words of a failure.
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
  const interpreter = interpreterOf(text, path);
  if (!interpreter.ok) return interpreter;
  const found = findBlock(text);
  if (found.state === "broken") return brokenMarkers(found, path);
  if (found.state === "present" && isInPlace(text, found.frame)) {
    const { from, to, memory } = found.frame;
    return success(fromLatin1(text.slice(0, from) + blockText(lines, memory) + text.slice(to)));
  }
  const rest = found.state === "present" ? cutOut(text, found.frame) : text;
  const place = rest.indexOf("\n") + 1;
  return success(
    fromLatin1(
      place === 0
        ? `${rest}\n${blockText(lines, "unended")}`
        : rest.slice(0, place) + blockText(lines, "nothing") + rest.slice(place),
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
  const found = findBlock(text);
  if (found.state === "broken") return brokenMarkers(found, path);
  if (found.state === "absent") return success(bytes);
  const { frame } = found;
  if (text.slice(0, frame.from) === SHEBANG && text.slice(frame.to) === "") {
    if (frame.memory === "made") return success(null);
    if (frame.memory === "empty") return success(new Uint8Array());
  }
  return success(fromLatin1(cutOut(text, frame)));
}

/** Whether a block stands right after the first line, where nothing can keep it from being run. */
export function isInPlace(text: string, { from }: Frame): boolean {
  return from > 0 && text.indexOf("\n") + 1 === from;
}

function cutOut(text: string, { from, to, memory }: Frame): string {
  const [before, after] = [text.slice(0, from), text.slice(to)];
  // When something follows by now, the newline is no longer the last.
  const ended = memory !== "unended" || after !== "";
  return (ended ? before : before.replace(/\n$/, "")) + after;
}
