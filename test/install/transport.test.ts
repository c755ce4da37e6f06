import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ended, makeRelease, Place, piped, type Release, type RunOptions, SHELLS, Site, start } from "./installer.ts";

const store = new Place();
let release: Release;
let plain: Site;
/** A server with TLS that sends whoever asks on to another address. */
let redirecting: Bun.Server<undefined>;
let target = "";
const certificate = join(store.base, "certificate.pem");

beforeAll(async () => {
  release = await makeRelease(store, "1.0.0");
  plain = new Site([release.directory]);
  const key = join(store.base, "key.pem");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const made = Bun.spawnSync(
    [
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      key,
      "-out",
      certificate,
      "-days",
      "2",
      ...subject,
    ],
    { stderr: "pipe" },
  );
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  redirecting = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: Bun.file(key), cert: Bun.file(certificate) },
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/here/")) return new Response(Bun.file(join(release.directory, pathname.slice(6))));
      return Response.redirect(`${target}${pathname}`);
    },
  });
});

afterAll(async () => {
  await redirecting.stop(true);
  await plain[Symbol.asyncDispose]();
  store[Symbol.dispose]();
});

const secureUrl = () => `https://127.0.0.1:${redirecting.port}`;

describe.each(SHELLS.map((shell) => [shell.name, shell] as const))("under %s", (_, shell) => {
  function install(place: Place, options: RunOptions = {}) {
    const args = ["--dir", place.target, "--force", ...(options.args ?? [])];
    const env = { CURL_CA_BUNDLE: certificate, SSL_CERT_FILE: certificate, ...options.env };
    return piped(shell, place, release.script, { ...options, args, env });
  }

  function installed(): Record<string, string> {
    return { offload: `755 ${Bun.SHA256.hash(readFileSync(release.executable), "hex")}` };
  }

  const toHttp = ["--version", "0.9.0"];

  test("curl follows https to https", async () => {
    using place = new Place().without("wget");
    target = `${secureUrl()}/here`;
    const run = await install(place, { args: ["--base-url", secureUrl()] });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(place.state()).toEqual(installed());
  });

  test("curl does not follow https to http, neither for the executable nor for another version's script", async () => {
    target = plain.url("good");
    for (const args of [[], toHttp]) {
      using place = new Place().without("wget");
      plain.requests.length = 0;
      const run = await install(place, { args: ["--base-url", secureUrl(), ...args] });
      expect(run.code).toBe(1);
      expect(run.stderr).toContain("cannot fetch https://");
      expect(plain.requests).toEqual([]);
      expect(place.state()).toEqual({});
    }
  });

  test("wget does not leave https", async () => {
    target = plain.url("good");
    for (const args of [[], toHttp]) {
      using place = new Place().without("curl").with("wget");
      plain.requests.length = 0;
      const run = await install(place, { args: ["--base-url", secureUrl(), ...args] });
      expect(run.code).not.toBe(0);
      expect(plain.requests).toEqual([]);
      expect(place.state()).toEqual({});
    }
  });

  test("a file that is larger than the released one is not fetched to its end", async () => {
    let sent = 0;
    await using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              if (sent > 500e6) return controller.close();
              controller.enqueue(new Uint8Array(1e6));
              sent += 1e6;
            },
          }),
        ),
    });
    using place = new Place();
    const run = await install(place, { args: ["--base-url", `http://127.0.0.1:${server.port}`] });
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/larger than the \d+ bytes|bytes instead of/);
    expect(sent).toBeLessThan(200e6);
    expect(place.state()).toEqual({});
  }, 30_000);

  test.each([[">&-"], [">/dev/full"], ["| true"]])(
    "installs all of it with standard output %s",
    async (redirection) => {
      using place = new Place();
      await Bun.write(join(place.base, "install.sh"), release.script);
      const words = shell.argv.map((word) => Bun.which(word) ?? word).join(" ");
      const script = `set -e
mount -t tmpfs tmpfs /usr/local/bin
mount -t tmpfs tmpfs /etc
mkdir -p /etc/xapi.d/plugins
${words} ${release.directory}/install.sh --force ${redirection} || exit
i=0
until [ -L /etc/xapi.d/plugins/offload ] || [ $i = 50 ]; do sleep 0.1; i=$((i + 1)); done
readlink /etc/xapi.d/plugins/offload >&2`;
      const unshare = ["unshare", "--mount", "--propagation", "private"];
      const run = await ended(start([...unshare, "/bin/sh", "-c", script], place, {}));
      expect(run).toMatchObject({ code: 0, stderr: "/usr/local/bin/offload\n" });
    },
  );

  test.each(["failglob", "nocasematch", "nullglob"])("installs where the environment sets %s", async (option) => {
    using place = new Place();
    const env = { BASHOPTS: option, SHELLOPTS: "noclobber:noglob" };
    const run = await install(place, { args: ["--base-url", plain.url("good")], env });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(place.state()).toEqual(installed());
  });

  test.each(["uname", "sed"])("says so and ends with 3 when %s fails", async (program) => {
    using place = new Place();
    const run = await install(place, { fakes: { [program]: "exit 1" } });
    expect(run.code).toBe(3);
    expect(run.stderr).toMatch(/^install\.sh: (?:uname does not say|cannot read from \/proc\/cpuinfo)/);
    expect(run.stderr).toContain("nothing was changed");
  });

  test("says that it failed when any program that it needs ends with an error", async () => {
    using place = new Place();
    const run = await install(place, { args: ["--base-url", plain.url("good")], fakes: { chmod: "exit 9" } });
    expect(run.code).not.toBe(0);
    expect(run.stderr).toMatch(/^install\.sh: /);
    expect(place.state()).toEqual({});
  });
});
