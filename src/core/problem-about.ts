import { type Interface, nameOf, uuidOf } from "./interface.ts";
import type { Problem, ProblemCode } from "./problem.ts";

/**
 * A problem of an interface or of one of its devices, in the shape that all of them have: the
 * message begins with what it is about, so that those that say the same can be told together.
 */
export function problemAbout(
  code: ProblemCode,
  subject: Interface,
  says: string,
  device?: string,
): Problem {
  const uuid = uuidOf(subject);
  const name = device ?? nameOf(subject);
  return {
    code,
    message: `${name}: ${says}`,
    interface: name,
    ...(device === undefined ? {} : { device }),
    ...(uuid === null ? {} : { uuid }),
  };
}
