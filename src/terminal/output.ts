import { createConsola } from "consola/core";
import { sayOnStderr } from "./streams.ts";
import { printable } from "./text.ts";
import type { View } from "./view.ts";

/**
 * Messages to the person, all on stderr: consola would put half of them on stdout, among the
 * results.
 */
export function messages({ paint, ellipsis }: Pick<View, "paint" | "ellipsis">) {
  return createConsola({
    level: 3,
    throttle: 0,
    reporters: [
      {
        log({ type, args }) {
          const text = printable(args.map(String).join(" ")).replaceAll("…", ellipsis);
          const label = type === "error" ? paint.bad("offload:") : "offload:";
          sayOnStderr(`${label} ${text}`);
        },
      },
    ],
  });
}
