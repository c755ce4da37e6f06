import { NetworkDevices } from "../../kernel/devices.ts";
import type { Host } from "../../offload/inventory.ts";
import { type Result, success } from "../../offload/result.ts";
import { survey } from "../../offload/survey.ts";
import { inspectBoot } from "../../persistence/boot-layer.ts";
import { bootToWire, fromWire, viewToWire } from "../../plugin/interfaces.ts";
import type { AnswerOf, RequestOf } from "../../plugin/messages.ts";
import { prove } from "./proof.ts";

/** Reads what the devices of this host show, and what is installed for boot. Changes nothing. */
export async function observe(
  request: RequestOf<"observe">,
  host: Host,
): Promise<Result<AnswerOf<"observe">>> {
  using kernel = new NetworkDevices();
  const { interfaces, strangers } = await prove(fromWire(request, host));
  const view = survey(interfaces, kernel);
  if (!view.ok) return view;
  const boot = inspectBoot();
  if (!boot.ok) return boot;
  return success({
    view: viewToWire(view.value),
    boot: bootToWire(boot.value),
    strangers: [...strangers],
  });
}
