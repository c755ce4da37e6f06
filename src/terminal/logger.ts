import { createConsola } from "consola/core";
import { stripUnprintable } from "../core/text.ts";
import { writeStderrLine } from "./streams.ts";
import type { TerminalView } from "./view.ts";

/**
 * Messages to the person, all on stderr: consola would put half of them on stdout, among the
 * results.
 */
export function createLogger({ paint, ellipsis }: Pick<TerminalView, "paint" | "ellipsis">) {
  return createConsola({
    level: 3,
    throttle: 0,
    reporters: [
      {
        log({ type, args }) {
          const text = stripUnprintable(args.map(String).join(" ")).replaceAll("…", ellipsis);
          const label = type === "error" ? paint.bad("offload:") : "offload:";
          writeStderrLine(`${label} ${text}`);
        },
      },
    ],
  });
}
