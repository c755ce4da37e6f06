import { expect, test } from "bun:test";
import { callHosts, createRuns, type Schedule } from "../../src/pool/scheduler.ts";
import { openSession } from "../fakes/scripted-socket.ts";

const REPORT = {
  ...{ version: 1, command: "disable", host: { uuid: "", name: "" }, exitCode: 0, dryRun: false },
  ...{ devices: [], changes: [], problems: [], notes: [], boot: null, pending: null, advice: [] },
};

test("the scheduler makes four calls to each of 64 hosts, 16 hosts at a time", async () => {
  const { socket, session } = await openSession();
  socket.answer = ({ method }) =>
    method === "host.call_plugin"
      ? { ok: true, value: JSON.stringify({ report: REPORT, text: null }) }
      : { ok: true, value: crypto.randomUUID() };
  const hosts = Array.from({ length: 64 }, (_, at) => ({
    ...{ ref: `OpaqueRef:${at}`, uuid: crypto.randomUUID(), name: `h${at}`, enabled: true },
    vms: new Set<string>(),
  }));
  const [local] = hosts;
  if (local === undefined) throw new Error("no host");
  const schedule: Schedule = {
    pool: {
      session,
      local,
      hosts,
      runId: crypto.randomUUID(),
      getCoordinatorTimeAfter: () => new Date(),
    },
    ...{ command: "disable", movableVms: null, timeoutSeconds: 30 },
    buildArgs: () => [],
    signal: new AbortController().signal,
  };
  const runs = createRuns(schedule);
  socket.sent.length = 0;
  await callHosts(schedule, runs);
  expect(runs.map(({ answer }) => answer?.report.exitCode)).toEqual(hosts.map(() => 0));
  expect(socket.maxPendingCount).toBe(16);
  const count = (method: string) => socket.calls(method).length;
  expect(count("host.call_plugin")).toBe(64);
  expect(count("session.login")).toBe(64);
  expect(count("session.logout")).toBe(64);
  expect(socket.sent).toHaveLength(4 * 64);
});
