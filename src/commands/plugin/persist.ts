import type { Coverage } from "../../offload/boot.ts";
import type { Host, Inventory } from "../../offload/inventory.ts";
import type { Problem } from "../../offload/problem.ts";
import { type Result, success } from "../../offload/result.ts";
import { removeBoot, usualMethod } from "../../persistence/boot-layer.ts";
import { bootToWire, fromWire } from "../../plugin/interfaces.ts";
import type { AnswerOf, RequestOf } from "../../plugin/messages.ts";
import { settleTrial } from "../../state/trial.ts";
import { bootFound, coverageKnown, installNow, piecesAsText } from "../boot.ts";
import { changing } from "./changing.ts";

type Answer = AnswerOf<"persist">;

/** `persist` on this host, by its own files and the NICs that the caller has named. */
export async function persist(request: RequestOf<"persist">, host: Host): Promise<Result<Answer>> {
  const { remove, dryRun, wait } = request;
  const inventory = inventoryOf(request, host);
  const method = request.method ?? usualMethod();
  if (dryRun) {
    const coverage = remove ? null : coverageFor(request, inventory);
    if (coverage?.ok === false) return coverage;
    const text = coverage === null ? "" : piecesAsText(coverage.value, method);
    return answerOf(request, [], text);
  }
  return await changing(wait, async (kernel): Promise<Result<Answer>> => {
    if (remove) {
      const removed = await removeBoot();
      return removed.ok ? answerOf(request, [], "") : removed;
    }
    const settled = await settleTrial(kernel);
    if (!settled.ok) return settled;
    const coverage = coverageFor(request, inventory);
    if (!coverage.ok) return coverage;
    const installed = await installNow(coverage.value, method, { kernel, inventory });
    return installed.ok ? answerOf(request, installed.value, "") : installed;
  });
}

/** What the boot layer goes by: the host's own NICs, and nothing of guests. */
function inventoryOf(request: RequestOf<"persist">, host: Host): Inventory {
  const pifs = fromWire(request, host).flatMap((one) => (one.kind === "pif" ? [one.pif] : []));
  return { host, hosts: [host], pifs, vms: [], vifs: [] };
}

function coverageFor(request: RequestOf<"persist">, inventory: Inventory): Result<Coverage> {
  if (!request.everything) return coverageKnown(inventory, request);
  const devices = inventory.pifs.map(({ device }) => device);
  return success({ keywords: request.keywords, devices, everything: true });
}

function answerOf(
  request: RequestOf<"persist">,
  problems: readonly Problem[],
  text: string,
): Result<Answer> {
  const found = bootFound(request, problems);
  if (!found.ok) return found;
  const { boot } = found.value;
  return success({ problems: [...found.value.problems], boot: bootToWire(boot), text });
}
