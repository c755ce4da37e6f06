import { connect, type Socket } from "node:net";
import { unavailableError } from "../core/command-error.ts";
import { XENSTORE_SOCKET } from "../paths.ts";

// xen/include/public/io/xs_wire.h
const XS_READ = 2;
const XS_ERROR = 16;
const HEADER_SIZE = 16;

/** How long xenstored may take for all of it, in milliseconds. */
const TIMEOUT_MS = 5000;

/**
 * The UUIDs of the VMs that these domains of this host are now, by domid. Xen gives no domid twice
 * before it has given all others, and the toolstack writes `/local/domain/<domid>/vm` when it makes a
 * domain (xenopsd domain.ml make): what is read here is true until the domain ends. A domain that
 * does not exist is not in the answer.
 */
export async function readVmUuids(domids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  if (domids.length === 0) return new Map();
  let socket: Socket | undefined;
  try {
    socket = await connectToXenstore();
    return await requestVmUuids(socket, domids);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = REASONS_BY_CODE.get(code) ?? (error instanceof Error ? error.message : String(error));
    throw unavailableError(
      "no-xenstore",
      `xenstore cannot be asked whose domain is which: ${reason}; is xenstored running?`,
    );
  } finally {
    socket?.destroy();
  }
}

const REASONS_BY_CODE: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "its socket does not exist"],
  ["ECONNREFUSED", "connection refused"],
]);

function connectToXenstore(): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ path: XENSTORE_SOCKET }, () => resolve(socket));
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("it does not answer")));
  socket.on("error", reject);
  return promise;
}

/** All questions in one go; xenstored answers them in turn, with the number of the question. */
async function requestVmUuids(socket: Socket, domids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  socket.write(Buffer.concat(domids.map(encodeRequest)));
  const vmUuids = new Map<number, string>();
  let received: Buffer = Buffer.alloc(0);
  let replyCount = 0;
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= HEADER_SIZE) {
      const length = received.readUInt32LE(12);
      if (received.length < HEADER_SIZE + length) break;
      const domid = domids[received.readUInt32LE(4)];
      const type = received.readUInt32LE(0);
      const body = received.toString("latin1", HEADER_SIZE, HEADER_SIZE + length);
      const [, uuid] = /^\/vm\/([0-9a-f-]{36})$/.exec(body) ?? [];
      if (domid !== undefined && type === XS_READ && uuid !== undefined) vmUuids.set(domid, uuid);
      else if (type !== XS_READ && type !== XS_ERROR) throw new Error(`a reply of type ${type}`);
      received = received.subarray(HEADER_SIZE + length);
      replyCount += 1;
    }
    if (replyCount === domids.length) return vmUuids;
  }
  throw new Error("it closed the connection");
}

/** The header counts, its transaction is none, and the path ends with a zero byte. */
function encodeRequest(domid: number, index: number): Buffer {
  const path = Buffer.from(`/local/domain/${domid}/vm\0`, "latin1");
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(XS_READ, 0);
  header.writeUInt32LE(index, 4);
  header.writeUInt32LE(0, 8);
  header.writeUInt32LE(path.length, 12);
  return Buffer.concat([header, path]);
}
