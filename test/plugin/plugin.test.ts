import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { LONGEST_REQUEST, pack } from "../../src/plugin/envelope.ts";
import { VERSION } from "../../src/version.ts";
import { holdLock } from "../commands/pool-run.ts";
import { PLUGIN, Pool } from "../dom0/pool/pool.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
});
afterAll(() => pool.stop());

/** Calls a function of the coordinator's plugin as any client of XAPI can. */
async function call(
  fn: string,
  args: Record<string, string>,
): Promise<{ result: unknown; error: readonly string[] | null }> {
  const host = pool.host(0);
  const rpc = async (method: string, params: readonly unknown[]) => {
    const body = JSON.stringify({ id: 1, method, params });
    const url = "http://localhost/jsonrpc";
    const text = await host.text([
      "curl",
      "-sS",
      "--unix-socket",
      "/var/lib/xcp/xapi",
      "-d",
      body,
      url,
    ]);
    return JSON.parse(text);
  };
  const { result: session } = await rpc("session.login_with_password", ["root", ""]);
  return await rpc("host.call_plugin", [session, host.world.host.ref, "offload", fn, args]);
}

function packed(document: unknown): Record<string, string> {
  const request = pack(document, LONGEST_REQUEST);
  if (!request.ok) throw new Error("too long");
  return { request: request.value };
}

const self = () => ({ version: VERSION, host: pool.host(0).world.host.record.uuid });
const WHOLE = () => ({
  ...self(),
  nics: [],
  vms: [],
  keywords: ["tso"],
  record: true,
  wholeHost: false,
  trial: null,
  wait: 0,
});

describe("the plugin", () => {
  test("answers nobody but XAPI: not a shell of root's, nor who calls itself xapi", async () => {
    const host = pool.host(0);
    const byHand = await host.run([PLUGIN, "<methodCall/>"]);
    expect(byHand).toMatchObject({ exitCode: 3, stdout: "" });
    expect(byHand.stderr).toContain("is for XAPI to start, not");
    const claimed = `printf xapi >/proc/$$/comm; ${PLUGIN} '<methodCall/>'; exit $?`;
    expect(await host.run(["sh", "-c", claimed])).toMatchObject({ exitCode: 3, stdout: "" });
  });

  test("answers xapi that was updated while it ran", async () => {
    const host = pool.host(0);
    const script = `cp /opt/xensource/bin/xapi /tmp/xapi; mkdir -p /tmp/old; mv /tmp/xapi /tmp/old/xapi
/tmp/old/xapi -c 'rm /tmp/old/xapi; ${PLUGIN} "<methodCall/>"; exit $?'`;
    const run = await host.run(["sh", "-c", script]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toContain("<name>Status</name><value>Failure</value>");
  });

  test("has a fixed list of functions", async () => {
    for (const fn of ["guard", "toString", "__proto__", "persist --remove", ""]) {
      expect(await call(fn, packed(self()))).toMatchObject({
        error: ["UNKNOWN_XENAPI_PLUGIN_FUNCTION", fn],
      });
    }
  });

  test("takes one document, checked as a whole, for this host and this version", async () => {
    const refused = async (args: Record<string, string>, code: string) => {
      const { error } = await call("disable", args);
      expect({ code, error: error?.slice(0, 3) }).toMatchObject({
        error: ["OFFLOAD_FAILED", "usage", code],
      });
    };
    await refused({}, "bad-request");
    await refused({ ...packed(WHOLE()), more: "1" }, "bad-request");
    await refused({ request: "{}" }, "not-packed");
    await refused(packed([]), "bad-request");
    await refused(
      packed({ ...WHOLE(), host: pool.host(1).world.host.record.uuid }),
      "another-host",
    );
    await refused(packed({ ...WHOLE(), keywords: ["all"] }), "bad-request");
    await refused(packed({ ...WHOLE(), command: "rm" }), "bad-request");
    const nic = {
      uuid: self().host,
      device: "../../etc",
      management: false,
      managed: true,
      gro: null,
      slaveOf: null,
      records: {},
    };
    await refused(packed({ ...WHOLE(), nics: [nic] }), "bad-request");
    expect(await call("disable", packed({ ...WHOLE(), version: "0.0.1" }))).toMatchObject({
      error: ["OFFLOAD_VERSION_DIFFERENT", VERSION],
    });
    expect(await call("disable", packed(WHOLE()))).toMatchObject({ error: null });
  });

  test("takes from other hosts what they have noted of VIFs, and of nothing else", async () => {
    const { world } = pool.host(0);
    const nic = world.pif("eth0", world.host).record.uuid;
    const vm = world.vms.find(({ vifs }) => vifs.length > 0);
    const vif = vm?.vifs[0]?.record.uuid ?? "";
    const restore = (noted: string, kind = "vif", main = 0) =>
      packed({
        ...self(),
        nics: [
          {
            ...{ uuid: nic, device: "eth0", management: false, managed: true },
            ...{ gro: null, slaveOf: null, records: {} },
          },
        ],
        vms: [
          {
            ...{ uuid: vm?.record.uuid, name: "x", powerState: "Running" },
            ...{ domid: null, elsewhere: null },
            vifs: [{ uuid: vif, device: "0", attached: true, sriov: false, records: {} }],
          },
        ],
        noted: {
          version: 1,
          features: [{ "rx-gro": { requested: true, active: true } }],
          interfaces: {
            [noted]: { name: "x", kind, main, tap: null, records: {}, unplugged: [] },
          },
        },
        ...{ gone: [], force: false, wait: 0 },
      });
    expect(await call("restore", restore(vif))).toMatchObject({ error: null });
    for (const refused of [restore(nic), restore(nic, "pif"), restore(vif, "vif", 1)]) {
      const { error } = await call("restore", refused);
      expect(error?.slice(0, 3)).toEqual(["OFFLOAD_FAILED", "usage", "bad-request"]);
    }
  });

  test("does not work beside another offload, and says who has the lock", async () => {
    const host = pool.host(0);
    const busy = await holdLock(host, 20);
    const { error } = await call("disable", packed(WHOLE()));
    expect(error?.[2]).toBe("locked");
    await busy.signal("SIGKILL");
    await busy.exited;
  });
});
