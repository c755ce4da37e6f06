import { quoteShellWord } from "./disable/manual-commands.ts";
import type { TargetRequest } from "./targets/target-request.ts";

/** What was asked to be turned off. */
export interface UndoRequest {
  readonly targets: readonly TargetRequest[];
  /** Null where none were named: then all of these targets is restored. */
  readonly features: readonly string[] | null;
  readonly pool: boolean;
}

/** The command that takes a `disable` back. */
export function formatRestoreCommand({ targets, features, pool }: UndoRequest): string {
  const words = [
    ...targets.flatMap(formatTargetWords),
    ...(features === null ? [] : ["--features", features.join(",")]),
    ...(pool ? ["--pool"] : []),
  ];
  return ["offload", "restore", ...words].map(quoteShellWord).join(" ");
}

/** A target as it is typed: a name that begins with a dash is no option. */
export function formatTargetWords({ text, kind }: TargetRequest): readonly string[] {
  switch (kind) {
    case "vm":
    case "pif":
      return [`--${kind}=${text}`];
    case "host":
      return ["--host"];
    case "nics":
      return ["NICS"];
    case "vifs":
      return ["VIFS"];
    case "any":
      return [text.startsWith("-") ? `--vm=${text}` : text];
  }
}
