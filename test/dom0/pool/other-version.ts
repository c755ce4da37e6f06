import { cp, mkdtemp, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../../..");

/** Compiles this program under another version; gives the path of the executable. */
export async function buildVersion(version: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "offload-version-"));
  for (const name of ["src", "scripts", "packaging", "tsconfig.json"]) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  }
  const manifest = await Bun.file(join(ROOT, "package.json")).json();
  await Bun.write(join(copy, "package.json"), JSON.stringify({ ...manifest, version }));
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  const build = Bun.spawn([join(copy, "scripts/build")], { stdout: "ignore", stderr: "pipe" });
  if ((await build.exited) !== 0) throw new Error(await new Response(build.stderr).text());
  return join(copy, "dist/offload");
}
