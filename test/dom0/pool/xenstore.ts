import { rmSync } from "node:fs";
import { createServer, type Server } from "node:net";

// xen/include/public/io/xs_wire.h
const XS_READ = 2;
const XS_ERROR = 16;
const HEADER = 16;

/** A xenstored that knows whose domain is which, and nothing else. `vmOf`: the UUID of a domain's VM. */
export function serveXenstore(path: string, vmOf: (domid: number) => string | undefined): Server {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    let received: Buffer = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= HEADER) {
        const length = received.readUInt32LE(12);
        if (received.length < HEADER + length) break;
        socket.write(answer(received.subarray(0, HEADER + length), vmOf));
        received = received.subarray(HEADER + length);
      }
    });
  });
  server.listen(path);
  return server;
}

function answer(request: Buffer, vmOf: (domid: number) => string | undefined): Buffer {
  const path = request.toString("latin1", HEADER).replace(/\0$/, "");
  const [, domid] = /^\/local\/domain\/(\d+)\/vm$/.exec(path) ?? [];
  const vm = domid === undefined ? undefined : vmOf(Number(domid));
  const isKnown = request.readUInt32LE(0) === XS_READ && vm !== undefined;
  // A value has no zero byte at its end, the name of an error has.
  const body = Buffer.from(isKnown ? `/vm/${vm}` : "ENOENT\0", "latin1");
  const header = Buffer.from(request.subarray(0, HEADER));
  header.writeUInt32LE(isKnown ? XS_READ : XS_ERROR, 0);
  header.writeUInt32LE(body.length, 12);
  return Buffer.concat([header, body]);
}
