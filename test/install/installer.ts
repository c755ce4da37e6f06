import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The root of the checkout. */
export const ROOT = resolve(import.meta.dir, "../..");

/** The shells that a dom0 or a rescue system has; install.sh must mean the same to all of them. */
export const SHELLS: readonly Shell[] = [
  { name: "dash", argv: ["dash"], standalone: false },
  { name: "bash --posix", argv: ["bash", "--posix"], standalone: false },
  { name: "busybox sh", argv: ["busybox", "sh"], standalone: true },
];

export interface Shell {
  readonly name: string;
  readonly argv: readonly string[];
  /** Whether it prefers programs of its own to those in PATH, so that only a function can fake one. */
  readonly standalone: boolean;
}

/** How a run of the script ended. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What install.sh calls. PATH holds these alone, so that a test can take one away. */
const TOOLS = [
  ...["sh", "uname", "getconf", "ldd", "sed", "head", "tail", "tr", "grep", "wc", "df", "dd", "env"],
  ...["mktemp", "mkdir", "rmdir", "rm", "mv", "cat", "chmod", "dirname", "sha256sum", "xz", "curl"],
  ...["sleep", "mount", "ls", "ln", "readlink"],
];

/** A place of its own for one test: a target directory, a PATH, a home. */
export class Place {
  readonly base = mkdtempSync(join(tmpdir(), "offload-install-"));
  readonly target = join(this.base, "bin");
  private readonly tools = join(this.base, "tools");

  constructor() {
    for (const name of ["bin", "tools", "fakes", "home"]) mkdirSync(join(this.base, name));
    const found = TOOLS.map((tool) => Bun.which(tool, { PATH: SYSTEM_PATH }));
    Bun.spawnSync(["ln", "-s", ...found.filter((path) => path !== null), this.tools]);
  }

  /** Takes a program away. */
  without(...tools: readonly string[]): this {
    for (const tool of tools) Bun.spawnSync(["rm", "-f", join(this.tools, tool)]);
    return this;
  }

  /** Adds a program that TOOLS does not have. */
  with(tool: string): this {
    const path = Bun.which(tool, { PATH: SYSTEM_PATH });
    if (path === null) throw new Error(`${tool} is not installed`);
    Bun.spawnSync(["ln", "-s", path, this.tools]);
    return this;
  }

  get path(): string {
    return `${join(this.base, "fakes")}:${this.tools}`;
  }

  /** Puts a program of a test's own first in PATH. */
  fake(name: string, body: string): void {
    const file = join(this.base, "fakes", name);
    Bun.spawnSync(["tee", file], { stdin: Buffer.from(`#!/bin/sh\n${body}\n`), stdout: "ignore" });
    chmodSync(file, 0o755);
  }

  /** Every name in the target directory with mode and hash: what must be the old state or the new one. */
  state(directory = this.target): Record<string, string> {
    const entries = readdirSync(directory).sort();
    return Object.fromEntries(
      entries.map((name) => {
        const path = join(directory, name);
        const stat = statSync(path);
        const hash = stat.isFile() ? Bun.SHA256.hash(readFileSync(path), "hex") : "directory";
        return [name, `${(stat.mode & 0o7777).toString(8)} ${hash}`];
      }),
    );
  }

  [Symbol.dispose](): void {
    Bun.spawnSync(["rm", "-rf", "--one-file-system", this.base]);
  }
}

/** How to run the script. */
export interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Programs that say something else than the machine would, by their name. */
  readonly fakes?: Readonly<Record<string, string>>;
  /** Goes before the shell, such as `unshare`. */
  readonly before?: readonly string[];
  readonly cwd?: string;
}

/** The script through standard input, as `curl … | sh` has it. */
export function piped(shell: Shell, place: Place, script: string, options: RunOptions = {}) {
  const { args = [], fakes = {} } = options;
  for (const [name, body] of Object.entries(fakes)) {
    if (!shell.standalone) place.fake(name, body);
  }
  // A standalone shell would not look at PATH.
  const functions = shell.standalone ? Object.entries(fakes).map(([name, body]) => `${name}() {\n${body}\n}\n`) : [];
  const text = functions.join("") + script;
  return ended(start([...shell.argv, "-s", "--", ...args], place, options, Buffer.from(text)));
}

/** Starts a command in the environment of a place. */
export function start(
  argv: readonly string[],
  place: Place,
  { env = {}, before = [], cwd = place.base }: RunOptions,
  stdin: Buffer | "ignore" = "ignore",
) {
  // The shell is looked for here, because PATH of the place has none but `sh`.
  const words = [...before, ...argv].map((word, at) =>
    at === 0 || at === before.length ? (Bun.which(word, { PATH: SYSTEM_PATH }) ?? word) : word,
  );
  return Bun.spawn(words, {
    cwd,
    env: { PATH: place.path, HOME: join(place.base, "home"), ...env },
    stdin,
    stdout: "pipe",
    stderr: "pipe",
  });
}

export async function ended(child: Bun.Subprocess<Buffer | "ignore", "pipe", "pipe">): Promise<Run> {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** A release of a stand-in: small, and otherwise what scripts/release makes. */
export interface Release {
  readonly version: string;
  readonly directory: string;
  readonly executable: string;
  readonly compressed: string;
  /** The text of its install.sh. */
  readonly script: string;
}

/**
 * The stand-in is a script that answers as offload does. The padding behind its end makes it large
 * enough to be cut, and differ between versions.
 */
export function standIn(version: string): string {
  const padding = Array.from({ length: 3000 }, (_, line) => Bun.hash(`${version} ${line}`).toString(36).repeat(4));
  return `#!/bin/sh
case "$*" in
--version) echo ${version} ;;
"completions bash") echo "# made by offload completions bash"; echo "# of ${version}" ;;
"completions fish") echo "# made by offload completions fish" ;;
"completions man") printf '%s\\n' '.\\" made by offload completions man' ".Nd ${version}" ;;
"persist --remove")
  echo "persist --remove of ${version}" >>"\${PERSIST_LOG:-/dev/null}"
  [ -z "\${PERSIST_FAILS:-}" ] || { echo "offload: cannot" >&2; exit 3; } ;;
wait) echo waiting; read -r _; echo "still ${version}" ;;
*) exit 2 ;;
esac
exit 0
${padding.join("\n")}
`;
}

/** Makes a release of the stand-in in a new directory under a place; with a public key of GnuPG, for that one. */
export async function makeRelease(place: Place, version: string, key = ""): Promise<Release> {
  const directory = join(place.base, `release-${version}`);
  const executable = join(directory, `offload-${version}-x86_64`);
  const compressed = `${executable}.xz`;
  await Bun.write(executable, standIn(version));
  chmodSync(executable, 0o755);
  await Bun.write(compressed, Bun.spawnSync(["xz", "-kc", executable]).stdout);
  const embed = join(ROOT, "packaging/embed-release");
  const filled = Bun.spawnSync([embed, version, "0".repeat(40), "", executable, compressed, key]);
  if (filled.exitCode !== 0) throw new Error(filled.stderr.toString());
  const script = filled.stdout.toString();
  await Bun.write(join(directory, "install.sh"), script);
  await Bun.write(join(directory, `install-${version}.sh`), script);
  return { version, directory, executable, compressed, script };
}

/** A web server for folders of releases, with every way of serving them badly under a path of its own. */
export class Site {
  readonly requests: string[] = [];
  private readonly server: Bun.Server<undefined>;
  private readonly raw: Bun.TCPSocketListener<undefined>;

  constructor(private readonly directories: readonly string[]) {
    this.server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => this.answer(new URL(request.url)),
    });
    // What a web server never does on purpose: it breaks off, or falls silent, in the middle.
    this.raw = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket, data) => {
          const path = data.toString().split(" ")[1] ?? "";
          const bytes = this.read(path.replace(/^\/\w+/, ""));
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
          socket.write(bytes.subarray(0, bytes.length / 2));
          this.requests.push(path);
          if (path.startsWith("/broken/")) socket.end();
        },
      },
    });
  }

  /** Where each version has a folder of its own. */
  versionUrl(version: string): string {
    return `http://127.0.0.1:${this.server.port}/v${version}`;
  }

  url(kind: "good" | "wrong" | "short" | "html"): string {
    return `http://127.0.0.1:${this.server.port}/${kind}`;
  }

  rawUrl(kind: "broken" | "silent"): string {
    return `http://127.0.0.1:${this.raw.port}/${kind}`;
  }

  private answer({ pathname }: URL): Response {
    this.requests.push(pathname);
    const [, kind, name = ""] = pathname.split("/");
    const bytes = this.read(`/${name}`);
    if (kind === "html") {
      const page = "<!DOCTYPE html>\n<html><body>Please log in</body></html>\n";
      return new Response(page, { headers: { "Content-Type": "text/html" } });
    }
    if (bytes.length === 0) return new Response("not found", { status: 404 });
    if (kind === "short") return new Response(bytes.slice(0, bytes.length / 2));
    if (kind !== "wrong") return new Response(bytes.slice());
    const changed = Uint8Array.from(bytes);
    const middle = changed.length >> 1;
    changed[middle] = (changed[middle] ?? 0) ^ 1;
    return new Response(changed);
  }

  private read(name: string): Uint8Array<ArrayBuffer> {
    for (const directory of this.directories) {
      const path = join(directory, name);
      if (dirname(path) === directory && statSync(path, { throwIfNoEntry: false })?.isFile()) {
        return Uint8Array.from(readFileSync(path));
      }
    }
    return new Uint8Array();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.raw.stop(true);
    await this.server.stop(true);
  }
}
