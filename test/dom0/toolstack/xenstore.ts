import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname } from "node:path";
import * as v from "valibot";
import type { Database } from "../simulator/database.ts";

// xen/include/public/io/xs_wire.h
const XS_READ = 2;
const XS_ERROR = 16;
const HEADER = 16;

/** What makes a domain another VM's, or nobody's (null), while the records still say otherwise; without a VM, what they say. */
export const DomainSchema = v.object({ domid: v.number(), vm: v.optional(v.nullable(v.string())) });

/** Whose domain is which on one host. */
export class Domains {
  /** Domains that are not what the records say: of a VM that is on its way. An empty UUID is nobody's. */
  readonly #overrides = new Map<number, string>();

  constructor(
    private readonly database: Database,
    private readonly hostRef: string,
  ) {}

  override({ domid, vm }: v.InferOutput<typeof DomainSchema>): void {
    if (vm === undefined) this.#overrides.delete(domid);
    else this.#overrides.set(domid, vm ?? "");
  }

  /** The UUID of a domain's VM. */
  findVm(domid: number): string | undefined {
    const override = this.#overrides.get(domid);
    if (override !== undefined) return override === "" ? undefined : override;
    const vm = [...this.database.records("VM").values()].find(
      (record) => record["resident_on"] === this.hostRef && record["domid"] === domid,
    );
    return vm === undefined ? undefined : String(vm["uuid"]);
  }
}

/** A xenstored that knows whose domain is which, and nothing else. */
export function serveXenstore(path: string, domains: Domains): Server {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    let received: Buffer = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= HEADER) {
        const length = received.readUInt32LE(12);
        if (received.length < HEADER + length) break;
        socket.write(answer(received.subarray(0, HEADER + length), domains));
        received = received.subarray(HEADER + length);
      }
    });
  });
  server.listen(path);
  return server;
}

function answer(request: Buffer, domains: Domains): Buffer {
  const path = request.toString("latin1", HEADER).replace(/\0$/, "");
  const [, domid] = /^\/local\/domain\/(\d+)\/vm$/.exec(path) ?? [];
  const vm = domid === undefined ? undefined : domains.findVm(Number(domid));
  const isKnown = request.readUInt32LE(0) === XS_READ && vm !== undefined;
  // A value has no zero byte at its end, the name of an error has.
  const body = Buffer.from(isKnown ? `/vm/${vm}` : "ENOENT\0", "latin1");
  const header = Buffer.from(request.subarray(0, HEADER));
  header.writeUInt32LE(isKnown ? XS_READ : XS_ERROR, 0);
  header.writeUInt32LE(body.length, 12);
  return Buffer.concat([header, body]);
}
