import { join } from "node:path";
import { GENERATED } from "./files.ts";

const root = join(import.meta.dir, "../..");
for (const [path, make] of Object.entries(GENERATED)) await Bun.write(join(root, path), make());
