/**
 * A TCP transfer. `transfer.ts serve` takes what comes; `transfer.ts ADDRESS...` sends to each address and exits 0
 * when all of it has arrived in time, and 1 otherwise.
 */
const PORT = 7000;
const BYTES = 200_000;
const TIMEOUT_MS = 1500;

function serve(): void {
  Bun.listen<{ received: number }>({
    hostname: "0.0.0.0",
    port: PORT,
    socket: {
      open(socket) {
        socket.data = { received: 0 };
      },
      data(socket, chunk) {
        socket.data.received += chunk.byteLength;
        if (socket.data.received === BYTES) socket.end("done");
      },
    },
  });
  console.log("ready");
}

async function transfer(hostname: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  setTimeout(() => resolve(false), TIMEOUT_MS);
  let sent = 0;
  const payload = new Uint8Array(BYTES);
  const send = (socket: Bun.Socket) => {
    sent += socket.write(payload.subarray(sent));
  };
  Bun.connect({
    hostname,
    port: PORT,
    socket: {
      open: send,
      drain: send,
      data: (_, chunk) => resolve(new TextDecoder().decode(chunk) === "done"),
      error: () => resolve(false),
    },
  }).catch(() => resolve(false));
  return await promise;
}

const words = process.argv.slice(2);
if (words[0] === "serve") {
  serve();
} else {
  const arrived = await Promise.all(words.map(transfer));
  process.exit(arrived.every(Boolean) ? 0 : 1);
}

export {};
