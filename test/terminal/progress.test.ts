import { describe, expect, test } from "bun:test";
import { Progress, type ProgressMode } from "../../src/terminal/progress.ts";

/** A progress whose clock is moved by hand, and everything that it writes. */
function bench(mode: ProgressMode) {
  const written: string[] = [];
  let time = 0;
  const output = { mode, columns: 40, write: (text: string) => void written.push(text) };
  const progress = new Progress(
    () => output,
    () => time,
  );
  return {
    progress,
    written,
    pass(milliseconds: number) {
      time += milliseconds;
    },
  };
}

describe("progress", () => {
  test("is silent for less than a second", () => {
    const { progress, written, pass } = bench("drawn");
    progress.begin("writing", 100);
    for (let n = 0; n < 99; n++) {
      pass(10);
      progress.finishObject(`vif${n}.0`, "done");
    }
    progress.end();
    expect(written).toEqual([]);
  });

  test("redraws one line in place and clears it for longer work", () => {
    const { progress, written, pass } = bench("drawn");
    progress.begin("writing", 3);
    progress.finishObject("vif1.0", "done");
    pass(1500);
    progress.finishObject("vif2.0", "done");
    progress.end();
    expect(written).toEqual(["\r\x1b[2Koffload: writing: 2 of 3, vif2.0 (1 s)", "\r\x1b[2K"]);
  });

  test("is drawn at most ten times a second", () => {
    const { progress, written, pass } = bench("drawn");
    progress.begin("writing", 1000);
    pass(1000);
    for (let n = 0; n < 1000; n++) {
      pass(1);
      progress.finishObject(`vif${n}.0`, "done");
    }
    expect(written.length).toBeLessThanOrEqual(11);
    progress.end();
  });

  test("does not let names wrap the line or send control sequences", () => {
    const { progress, written, pass } = bench("drawn");
    progress.begin("writing");
    pass(2000);
    progress.finishObject(`\x1b[2J\n${"界".repeat(100)}`, "done");
    const [line = ""] = written;
    expect(Bun.stringWidth(Bun.stripANSI(line))).toBeLessThan(40);
    expect(line.replace("\r\x1b[2K", "")).not.toMatch(/\p{Cc}/u);
    progress.end();
  });

  test("does not restart the delay for consecutive phases", () => {
    const { progress, written, pass } = bench("drawn");
    progress.begin("reading");
    pass(900);
    progress.end();
    pass(20);
    progress.begin("writing", 2);
    pass(200);
    progress.finishObject("vif1.0", "done");
    expect(written).toHaveLength(1);
    progress.end();
  });

  test("restarts the delay after a prompt", () => {
    const { progress, written, pass } = bench("drawn");
    progress.begin("reading");
    pass(900);
    progress.end();
    pass(30_000);
    progress.begin("writing", 2);
    pass(200);
    progress.finishObject("vif1.0", "done");
    progress.end();
    expect(written).toEqual([]);
  });
});

test("prints a line for long work without cursor control", () => {
  const { progress, written, pass } = bench("plain");
  progress.begin("writing");
  pass(1500);
  progress.finishObject("vif1.0", "done");
  pass(1500);
  progress.finishObject("vif2.0", "done");
  progress.end();
  expect(written).toEqual(["offload: writing\n"]);
});

test("prints a line per phase and object at once when verbose", () => {
  const { progress, written } = bench("verbose");
  progress.begin("writing", 2);
  progress.finishObject("vif1.0", "ethtool-tso=off set");
  progress.finishObject("two\nlines", "changed");
  progress.end();
  expect(written).toEqual([
    "offload: writing\n",
    "offload: vif1.0: ethtool-tso=off set\n",
    "offload: twolines: changed\n",
  ]);
});

test("prints nothing without a terminal", () => {
  const { progress, written, pass } = bench("silent");
  progress.begin("writing");
  pass(5000);
  progress.finishObject("vif1.0", "done");
  progress.end();
  expect(written).toEqual([]);
});
