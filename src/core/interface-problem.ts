import type { Feature } from "./features.ts";
import { formatInterfaceName, getUuid, type Interface } from "./interface.ts";
import type { Note, NoteCode, Problem, ProblemCode } from "./problem.ts";

/** What a finding says besides its sentence. */
export interface FindingDetails {
  readonly device?: string | undefined;
  readonly features?: readonly Feature[];
  /** What fixes it on this interface alone, and the words before it: `remove with`. */
  readonly fix?: { readonly intro: string; readonly command: string };
}

/**
 * A problem of an interface or of one of its devices, in the shape that all of them have: the message begins with what
 * it is about and ends with what is to be run there, so that those that say the same can be reported together.
 */
export function createInterfaceProblem(
  code: ProblemCode,
  iface: Interface,
  detail: string,
  device?: string,
  details: Omit<FindingDetails, "device"> = {},
): Problem {
  return { code, ...createFinding(iface, detail, { ...details, device }) };
}

/** The same of something that is no problem. */
export function createInterfaceNote(code: NoteCode, iface: Interface, detail: string, details: FindingDetails): Note {
  return { code, ...createFinding(iface, detail, details) };
}

function createFinding(iface: Interface, detail: string, { device, features, fix }: FindingDetails) {
  const uuid = getUuid(iface);
  const name = formatInterfaceName(iface, device);
  return {
    message: `${name}: ${detail}${fix === undefined ? "" : `; ${fix.intro}: ${fix.command}`}`,
    interface: name,
    ...(device === undefined ? {} : { device }),
    ...(uuid === null ? {} : { uuid }),
    ...(features === undefined ? {} : { features }),
    ...(fix === undefined ? {} : { command: fix.command }),
  };
}
