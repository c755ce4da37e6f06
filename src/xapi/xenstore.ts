import { connect, type Socket } from "node:net";
import { type Result, success, unavailable } from "../core/result.ts";

/** Where both xenstoreds of a dom0 listen (xs_lib.c xs_daemon_socket; oxenstored's paths.ml). */
export const XENSTORE_SOCKET = "/var/run/xenstored/socket";

// xen/include/public/io/xs_wire.h
const XS_READ = 2;
const XS_ERROR = 16;
const HEADER = 16;

/** How long xenstored may take for all of it, in milliseconds. */
const PATIENCE = 5000;

/**
 * The UUIDs of the VMs that these domains of this host are now, by domid. Xen gives no domid twice
 * before it has given all others, and the toolstack writes `/local/domain/<domid>/vm` when it makes a
 * domain (xenopsd domain.ml make): what is read here is true until the domain ends. A domain that
 * does not exist is not in the answer.
 */
export async function readDomains(
  domids: readonly number[],
): Promise<Result<ReadonlyMap<number, string>>> {
  if (domids.length === 0) return success(new Map());
  let socket: Socket | undefined;
  try {
    socket = await open();
    return success(await ask(socket, domids));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return unavailable("no-xenstore", `xenstore cannot be asked whose domain is which: ${words}`);
  } finally {
    socket?.destroy();
  }
}

function open(): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ path: XENSTORE_SOCKET }, () => resolve(socket));
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error("it does not answer")));
  socket.on("error", reject);
  return promise;
}

/** All questions in one go; xenstored answers them in turn, with the number of the question. */
async function ask(
  socket: Socket,
  domids: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  socket.write(Buffer.concat(domids.map(question)));
  const vms = new Map<number, string>();
  let received: Buffer = Buffer.alloc(0);
  let answers = 0;
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= HEADER) {
      const length = received.readUInt32LE(12);
      if (received.length < HEADER + length) break;
      const domid = domids[received.readUInt32LE(4)];
      const type = received.readUInt32LE(0);
      const body = received.toString("latin1", HEADER, HEADER + length);
      const [, uuid] = /^\/vm\/([0-9a-f-]{36})$/.exec(body) ?? [];
      if (domid !== undefined && type === XS_READ && uuid !== undefined) vms.set(domid, uuid);
      else if (type !== XS_READ && type !== XS_ERROR) throw new Error(`a reply of type ${type}`);
      received = received.subarray(HEADER + length);
      answers += 1;
    }
    if (answers === domids.length) return vms;
  }
  throw new Error("it closed the connection");
}

/** The header counts, its transaction is none, and the path ends with a zero byte. */
function question(domid: number, index: number): Buffer {
  const path = Buffer.from(`/local/domain/${domid}/vm\0`, "latin1");
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(XS_READ, 0);
  header.writeUInt32LE(index, 4);
  header.writeUInt32LE(0, 8);
  header.writeUInt32LE(path.length, 12);
  return Buffer.concat([header, path]);
}
