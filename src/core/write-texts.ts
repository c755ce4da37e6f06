import type { StoredIface, TextStep } from "./disable/plan.ts";
import type { Interface } from "./interface.ts";
import { storedOf } from "./policy.ts";
import {
  makeInterfaceText,
  makeRuleText,
  type NamedText,
  readInterfaceTexts,
  type StandingRule,
  type StoredRule,
} from "./policy-text.ts";
import type { KeyWrite, Toolstack } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { problemAbout } from "./problem-about.ts";

/** What became of texts that were to be stored. */
export interface TextsStored {
  readonly texts: ReadonlyMap<Interface, NamedText>;
  /** Why there is none, by interface. */
  readonly failed: ReadonlyMap<Interface, string>;
}

/** Adds a text to each interface, under a name that was never used before. */
export async function storeTexts(
  steps: readonly TextStep[],
  toolstack: Toolstack,
  isStopped: () => boolean,
): Promise<TextsStored> {
  const failed = new Map<Interface, string>();
  const made = steps.flatMap(({ iface, features }) => {
    const text = makeInterfaceText(features, storedOf(iface));
    const isReadable = readInterfaceTexts({ [text.name]: text.text }).problem === null;
    // Whatever cannot be read again is not stored: a setting of any length may stand on a VIF.
    if (!isReadable) {
      failed.set(iface, "its settings do not fit into a text");
      return [];
    }
    const write: KeyWrite = { owner: ownerOf(iface), key: text.name, from: null, to: text.text };
    return [{ iface, text, write }];
  });
  const outcomes = await toolstack.writeKeys(
    made.map(({ write }) => write),
    isStopped,
  );
  const byWrite = new Map(outcomes.map((outcome) => [outcome.write, outcome]));
  const texts = new Map<Interface, NamedText>();
  for (const { iface, text, write } of made) {
    const outcome = byWrite.get(write);
    if (outcome?.state === "written") texts.set(iface, text);
    else failed.set(iface, outcome?.because ?? "it was not attempted");
  }
  return { texts, failed };
}

/**
 * Removes the texts that newer ones have taken in, and no others. That one is left does no harm: all of
 * them count.
 */
export async function removeTexts(
  texts: ReadonlyMap<Interface, NamedText>,
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const ifaces = [...texts.keys()].filter((iface): iface is StoredIface => iface.kind !== "bare");
  return await removeNames(ifaces, toolstack);
}

/** Removes the texts of interfaces that were read, by their names. */
export async function removeNames(
  ifaces: readonly StoredIface[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const writes = ifaces.flatMap((iface) =>
    storedOf(iface).names.map((key) => ({
      iface,
      write: { owner: ownerOf(iface), key, from: "", to: null } satisfies KeyWrite,
    })),
  );
  if (writes.length === 0) return [];
  const outcomes = await toolstack.writeKeys(
    writes.map(({ write }) => write),
    () => false,
  );
  const byWrite = new Map(outcomes.map((outcome) => [outcome.write, outcome]));
  return writes.flatMap(({ iface, write }) => {
    const outcome = byWrite.get(write);
    if (outcome?.state === "written") return [];
    const detail = `an older text with its originals could not be removed: ${outcome?.because ?? ""}`;
    return [problemAbout("text-failed", iface, detail)];
  });
}

/** The standing rule that a host is to have. */
export interface RuleStep {
  /** XAPI's handle of the host, valid for this session only. */
  readonly ref: string;
  /** What is stored with it now. */
  readonly stored: StoredRule;
  readonly rule: StandingRule;
}

/** Stores the standing rule with the host, then removes the texts that said it before. */
export async function storeRule(
  { ref, stored, rule }: RuleStep,
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const owner = { class: "host", ref } as const;
  const isNothing = rule.nics.length + rule.vifs.length === 0;
  const failure = (detail: string): Problem => ({
    code: "text-failed",
    message: `the standing rule of this host could not be stored: ${detail}`,
  });
  if (stored.problem !== null) return [failure(stored.problem)];
  if (!isNothing) {
    const text = makeRuleText(rule, stored);
    const add: KeyWrite = { owner, key: text.name, from: null, to: text.text };
    const [added] = await toolstack.writeKeys([add], () => false);
    if (added?.state !== "written") return [failure(added?.because ?? "it was not attempted")];
  }
  const removals = stored.names.map((key): KeyWrite => ({ owner, key, from: "", to: null }));
  const outcomes = await toolstack.writeKeys(removals, () => false);
  return outcomes.flatMap(({ state, because }) => (state === "written" ? [] : [failure(because)]));
}

function ownerOf(iface: StoredIface): KeyWrite["owner"] {
  return iface.kind === "pif"
    ? { class: "PIF", ref: iface.pif.ref }
    : { class: "VIF", ref: iface.vif.ref };
}
