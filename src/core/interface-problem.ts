import { formatInterfaceName, getUuid, type Interface } from "./interface.ts";
import type { Problem, ProblemCode } from "./problem.ts";

/**
 * A problem of an interface or of one of its devices, in the shape that all of them have: the
 * message begins with what it is about, so that those that say the same can be told together.
 */
export function createInterfaceProblem(code: ProblemCode, iface: Interface, detail: string, device?: string): Problem {
  const uuid = getUuid(iface);
  const name = device ?? formatInterfaceName(iface);
  return {
    code,
    message: `${name}: ${detail}`,
    interface: name,
    ...(device === undefined ? {} : { device }),
    ...(uuid === null ? {} : { uuid }),
  };
}
