import { BISECT } from "./bisect.ts";
import { COMPLETIONS } from "./completions.ts";
import { CONFIRM } from "./confirm.ts";
import { DISABLE } from "./disable.ts";
import { DOCTOR } from "./doctor.ts";
import { ENABLE } from "./enable.ts";
import { PERSIST } from "./persist.ts";
import { RESTORE } from "./restore.ts";
import type { CommandDefinition } from "./spec.ts";
import { STATUS } from "./status.ts";
import { VERIFY } from "./verify.ts";

/** Every command that people use, in the order in which they need them. */
export const COMMANDS: readonly CommandDefinition[] = [
  STATUS,
  DISABLE,
  ENABLE,
  VERIFY,
  PERSIST,
  RESTORE,
  CONFIRM,
  BISECT,
  DOCTOR,
  COMPLETIONS,
];

/** The command of that name. */
export function findCommand(name: string): CommandDefinition | undefined {
  return COMMANDS.find((command) => command.name === name);
}
