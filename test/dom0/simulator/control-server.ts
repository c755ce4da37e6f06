import { rmSync } from "node:fs";
import * as v from "valibot";
import { ChangesSchema, CostSchema } from "./control-protocol.ts";
import { FaultSchema } from "./faults.ts";
import { toJson, toJsonObject } from "./json.ts";
import type { Simulator } from "./simulator.ts";

/** The way in for tests, beside the socket that is tested. */
export interface ControlServer {
  stop(): void;
}

/** Serves the control socket of a simulator; `more` is what else can be steered, as `POST /path`. */
export function serveControl(
  simulator: Simulator,
  path: string,
  more: Readonly<Record<string, (body: unknown) => void>> = {},
): ControlServer {
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    async fetch(request) {
      try {
        const own = more[`${request.method} ${new URL(request.url).pathname}`];
        if (own === undefined) return await answer(simulator, request);
        own(await request.json());
        return Response.json(null);
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
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case "GET /calls":
      return Response.json(simulator.calls);
    case "GET /held":
      return Response.json(simulator.heldMs);
    case "POST /calls/clear":
      simulator.clearCalls();
      break;
    case "GET /database":
      return Response.json(simulator.database.toJson());
    case "POST /database":
      change(simulator, await request.json());
      break;
    case "POST /fault":
      simulator.setFault(v.parse(FaultSchema, await request.json()));
      break;
    case "POST /cost":
      simulator.setCost(v.parse(CostSchema, await request.json()));
      break;
    case "GET /sessions":
      return Response.json(simulator.sessions.count);
    default:
      return new Response("no such control", { status: 404 });
  }
  return Response.json(null);
}

function change(simulator: Simulator, body: unknown): void {
  const { put, set, remove } = v.parse(ChangesSchema, body);
  const { database } = simulator;
  for (const [className, ref, record] of put) database.put(className, ref, toJsonObject(record));
  for (const [className, ref, field, value] of set) {
    database.set(className, ref, field, toJson(value));
  }
  for (const [className, ref] of remove) database.remove(className, ref);
}
