import { join } from "node:path";
import { drawSession } from "./session.ts";

await Bun.write(join(import.meta.dir, "../../docs/session.svg"), await drawSession());
