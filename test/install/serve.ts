/**
 * Serves a folder on 127.0.0.1, as it is: `bun serve.ts DIRECTORY PORT`. A program of its own, because a
 * throwaway dom0 has a network of its own, and the server must be inside.
 */
import { basename, join } from "node:path";

const [directory = ".", port = "0"] = process.argv.slice(2);
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  async fetch(request) {
    const file = Bun.file(join(directory, basename(new URL(request.url).pathname)));
    return (await file.exists()) ? new Response(file) : new Response("not found", { status: 404 });
  },
});
console.log("serving");
