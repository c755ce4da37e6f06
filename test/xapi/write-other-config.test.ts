import { describe, expect, test } from "bun:test";
import type { SettingStep } from "../../src/core/disable/steps.ts";
import type { OtherConfigOwner } from "../../src/core/ports.ts";
import type { CallResult } from "../../src/xapi/rpc/reply.ts";
import { guest, nic, pif, vif, vm } from "../builders/hosts.ts";
import { openSession } from "../fakes/scripted-socket.ts";

const NEVER = () => false;
const web = vm("web");
const vif0 = vif(web, "0", { ref: "OpaqueRef:vif0" });
const eth0 = pif("eth0", { ref: "OpaqueRef:eth0" });

function vifStep(key: string, from: string | null = null, one = vif0): SettingStep {
  return { iface: guest(one), feature: "tso", key, from, to: "off" };
}

function pifStep(key: string, from: string | null = null): SettingStep {
  return { iface: nic(eth0), feature: "tso", key, from, to: "off" };
}

function refused(code: string, ...params: readonly string[]): CallResult {
  return { ok: false, error: { kind: "refused", code, params } };
}

const DEAD: CallResult = {
  ok: false,
  error: { kind: "unreachable", reason: "it closed the connection" },
};

/** Objects with three keys each. */
function manyObjects(count: number): readonly SettingStep[] {
  return Array.from({ length: count }, (_, index) => vif(web, String(index), { ref: `OpaqueRef:vif${index}` })).flatMap(
    (one) => ["tx", "sg", "tso"].map((key) => vifStep(`ethtool-${key}`, null, one)),
  );
}

describe("writing a setting", () => {
  test("only adds a missing key", async () => {
    const { socket, session } = await openSession();
    const step = vifStep("ethtool-tso");
    expect(await session.writeSettings([step], NEVER)).toEqual([{ step, state: "written", reason: "" }]);
    expect(socket.calls("VIF.")).toEqual(["VIF.add_to_other_config OpaqueRef:vif0 ethtool-tso off"]);
  });

  test("removes another value, then adds", async () => {
    const { socket, session } = await openSession();
    await session.writeSettings([pifStep("ethtool-tso", "on")], NEVER);
    expect(socket.calls("PIF.")).toEqual([
      "PIF.remove_from_other_config OpaqueRef:eth0 ethtool-tso",
      "PIF.add_to_other_config OpaqueRef:eth0 ethtool-tso off",
    ]);
  });

  test("removes an empty value too", async () => {
    const { socket, session } = await openSession();
    await session.writeSettings([vifStep("ethtool-tso", "")], NEVER);
    expect(socket.calls("VIF.remove_from_other_config")).toHaveLength(1);
  });

  test("never replaces the whole map", async () => {
    const { socket, session } = await openSession();
    await session.writeSettings([...manyObjects(2), pifStep("ethtool-rx", "true")], NEVER);
    const methods = new Set(socket.sent.map(({ method }) => method.split(".")[1]));
    expect([...methods].sort()).toEqual(["add_to_other_config", "login_with_password", "remove_from_other_config"]);
  });
});

describe("writing many settings", () => {
  test("writes the keys of one object in order, and objects concurrently", async () => {
    const { socket, session } = await openSession();
    const busy = new Set<unknown>();
    socket.answer = async ({ params: [ref] }) => {
      expect(busy.has(ref)).toBe(false);
      busy.add(ref);
      await new Promise<void>((resume) => setImmediate(resume));
      busy.delete(ref);
      return { ok: true, value: "" };
    };
    socket.maxPendingCount = 0;
    const outcomes = await session.writeSettings(manyObjects(9), NEVER);
    expect(outcomes.every(({ state }) => state === "written")).toBe(true);
    expect(outcomes).toHaveLength(27);
    expect(socket.maxPendingCount).toBeGreaterThan(1);
    expect(socket.maxPendingCount).toBeLessThanOrEqual(4);
    for (const [index] of Array.from({ length: 9 }).entries()) {
      const keys = socket.calls(`VIF.add_to_other_config`).filter((call) => call.includes(`OpaqueRef:vif${index} `));
      expect(keys.map((call) => call.split(" ")[2])).toEqual(["ethtool-tx", "ethtool-sg", "ethtool-tso"]);
    }
  });

  test("returns the outcomes in the order of the steps", async () => {
    const { session } = await openSession();
    const steps = [...manyObjects(5), pifStep("ethtool-rx")];
    const outcomes = await session.writeSettings(steps, NEVER);
    expect(outcomes.map(({ step }) => step)).toEqual(steps);
  });

  test("makes no call with nothing to write", async () => {
    const { socket, session } = await openSession();
    expect(await session.writeSettings([], NEVER)).toEqual([]);
    expect(socket.sent).toHaveLength(1);
  });
});

describe("a refused setting", () => {
  test("fails alone, and the others continue", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ params: [, key] }) =>
      key === "ethtool-sg" ? refused("RBAC_PERMISSION_DENIED", "no") : { ok: true, value: "" };
    const outcomes = await session.writeSettings(manyObjects(2), NEVER);
    expect(outcomes.map(({ state }) => state)).toEqual([
      "written",
      "refused",
      "written",
      "written",
      "refused",
      "written",
    ]);
    expect(outcomes[1]?.reason).toBe("RBAC_PERMISSION_DENIED no");
  });

  test("keeps the old value when the removal is refused", async () => {
    const { socket, session } = await openSession();
    socket.answer = () => refused("HANDLE_INVALID", "VIF");
    const [outcome] = await session.writeSettings([vifStep("ethtool-tso", "on")], NEVER);
    expect(outcome).toMatchObject({ state: "refused", reason: "HANDLE_INVALID VIF" });
    expect(socket.calls("VIF.add")).toEqual([]);
  });

  test("reports the lost previous value when the addition is refused", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method }) => (method.includes("add") ? refused("INTERNAL_ERROR", "x") : { ok: true, value: "" });
    const [outcome] = await session.writeSettings([vifStep("ethtool-tso", "on")], NEVER);
    expect(outcome).toMatchObject({
      state: "failed",
      reason: 'its previous value "on" is gone; INTERNAL_ERROR x',
    });
  });
});

describe("when XAPI stops answering, writing", () => {
  test.each([
    ["unreachable", DEAD],
    [
      "silent",
      {
        ok: false,
        error: { kind: "timeout", method: "VIF.add_to_other_config", timeoutSeconds: 20 },
      },
    ],
    ["broken", { ok: false, error: { kind: "bad-response", status: 500, reason: "HTTP 500" } }],
  ] as const satisfies readonly (readonly [string, CallResult])[])(
    "attempts nothing more and returns every outcome: %s",
    async (_, dead) => {
      const { socket, session } = await openSession();
      socket.answer = () => (socket.calls("VIF.").length > 5 ? dead : { ok: true, value: "" });
      const outcomes = await session.writeSettings(manyObjects(9), NEVER);
      const count = (wanted: string) => outcomes.filter(({ state }) => state === wanted).length;
      expect(count("written") + count("failed")).toBe(socket.calls("VIF.").length);
      expect(socket.calls("VIF.").length).toBeLessThan(12);
      expect(count("unattempted")).toBe(27 - socket.calls("VIF.").length);
      expect(count("failed")).toBeGreaterThan(0);
      const because = outcomes.find(({ state }) => state === "failed")?.reason ?? "";
      expect(outcomes.find(({ state }) => state === "unattempted")?.reason).toBe(because);
    },
  );

  test("fails the setting and names its previous value between removal and addition", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method }) => (method.includes("add") ? DEAD : { ok: true, value: "" });
    const steps = [pifStep("ethtool-tso", "true"), pifStep("ethtool-gso", "true")];
    const outcomes = await session.writeSettings(steps, NEVER);
    expect(outcomes.map(({ state }) => state)).toEqual(["failed", "unattempted"]);
    expect(outcomes[0]?.reason).toContain('its previous value "true" is gone');
    expect(socket.calls("PIF.remove")).toHaveLength(1);
  });
});

describe("when interrupted, writing", () => {
  test("makes no call before the first setting", async () => {
    const { socket, session } = await openSession();
    const outcomes = await session.writeSettings(manyObjects(3), () => true);
    expect(socket.calls("VIF.")).toEqual([]);
    expect(new Set(outcomes.map(({ state, reason }) => `${state}: ${reason}`))).toEqual(
      new Set(["unattempted: interrupted"]),
    );
  });

  test("finishes the setting that it has begun", async () => {
    const { socket, session } = await openSession();
    const steps = ["tx", "sg", "tso"].map((key) => pifStep(`ethtool-${key}`, "on"));
    const outcomes = await session.writeSettings(steps, () => socket.calls("PIF.").length >= 1);
    expect(outcomes.map(({ state }) => state)).toEqual(["written", "unattempted", "unattempted"]);
    expect(socket.calls("PIF.")).toHaveLength(2);
  });
});

describe("writing keys", () => {
  const host: OtherConfigOwner = { class: "host", ref: "OpaqueRef:host" };

  test("uses the class of each host, PIF and VIF", async () => {
    const { socket, session } = await openSession();
    const outcomes = await session.writeOtherConfig(
      [
        { owner: host, key: "offload-1-a", from: null, to: "{}" },
        { owner: { class: "PIF", ref: "OpaqueRef:p" }, key: "ethtool-tx", from: "on", to: "off" },
        { owner: { class: "VIF", ref: "OpaqueRef:v" }, key: "ethtool-tx", from: "off", to: null },
      ],
      NEVER,
    );
    expect(outcomes.map(({ state }) => state)).toEqual(["written", "written", "written"]);
    expect(socket.calls("host.")).toEqual(["host.add_to_other_config OpaqueRef:host offload-1-a {}"]);
    expect(socket.calls("PIF.")).toHaveLength(2);
    expect(socket.calls("VIF.")).toEqual(["VIF.remove_from_other_config OpaqueRef:v ethtool-tx"]);
  });

  test("keeps the order within an object, so that the policy entry precedes the setting", async () => {
    const { socket, session } = await openSession();
    const keys = ["offload-1-a", "ethtool-tx", "offload-0-b"];
    const writes = keys.map((key) => ({ owner: host, key, from: null, to: "x" }));
    const heard: string[] = [];
    await session.writeOtherConfig(writes, NEVER, ({ write }) => heard.push(write.key));
    expect(socket.calls("host.").map((call) => call.split(" ")[2])).toEqual(keys);
    expect(heard).toEqual(keys);
  });

  test("fails as unknown when no answer came, because XAPI may still apply it", async () => {
    const { socket, session } = await openSession();
    socket.answer = ({ method }) => ({
      ok: false,
      error: { kind: "timeout", method, timeoutSeconds: 20 },
    });
    const write = { owner: host, key: "offload-1-a", from: null, to: "x" };
    expect(await session.writeOtherConfig([write], NEVER)).toEqual([
      {
        write,
        state: "failed",
        reason: "XAPI gave no reply to host.add_to_other_config in 20 seconds",
      },
    ]);
  });
});
