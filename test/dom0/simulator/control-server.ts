import { rmSync } from "node:fs";
import * as v from "valibot";
import { ChangesSchema } from "./control-protocol.ts";
import { CostSchema } from "./cost.ts";
import { FaultSchema } from "./faults.ts";
import { toJson, toJsonObject } from "./json.ts";
import type { Simulator } from "./simulator.ts";

/** The way in for tests, beside the socket that is tested. */
export interface ControlServer {
  stop(): void;
}

/** Carries out one more control, and gives what the test is told. */
export type Control = (body: unknown) => unknown;

/** Serves the control socket of a simulator; `more` is what else can be steered, as `POST /path`. */
export function serveControl(
  simulator: Simulator,
  path: string,
  more: Readonly<Record<string, Control>> = {},
): ControlServer {
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    async fetch(request) {
      try {
        const own = more[`${request.method} ${new URL(request.url).pathname}`];
        if (own === undefined) return await answer(simulator, request);
        return Response.json((await own(await request.json())) ?? null);
      } catch (error) {
        // Mistakes of a test are told to the test.
        return new Response(String(error), { status: 400 });
      }
    },
  });
  return {
    stop() {
      void server.stop(true);
      rmSync(path, { force: true });
    },
  };
}

async function answer(simulator: Simulator, request: Request): Promise<Response> {
  const { coordinator } = simulator;
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case "GET /calls":
      return Response.json(coordinator.calls);
    case "GET /held":
      return Response.json(coordinator.lock.heldMs);
    case "GET /connections":
      return Response.json(simulator.connections);
    case "POST /calls/clear":
      simulator.clearCalls();
      break;
    case "GET /database":
      return Response.json(coordinator.database.toJson());
    case "POST /database":
      change(simulator, await request.json());
      break;
    case "POST /fault":
      simulator.setFault(v.parse(FaultSchema, await request.json()));
      break;
    case "POST /cost":
      coordinator.cost = v.parse(CostSchema, await request.json());
      break;
    case "GET /sessions":
      return Response.json(coordinator.sessions.count);
    default:
      return new Response("no such control", { status: 404 });
  }
  return Response.json(null);
}

function change(simulator: Simulator, body: unknown): void {
  const { put, set, remove } = v.parse(ChangesSchema, body);
  const { database } = simulator.coordinator;
  for (const [className, ref, record] of put) database.put(className, ref, toJsonObject(record));
  for (const [className, ref, field, value] of set) {
    database.set(className, ref, field, toJson(value));
  }
  for (const [className, ref] of remove) database.remove(className, ref);
}
