import { describe, expect, it } from "vitest";
import { bar } from "../../src/cli/progress/bar.ts";
import type { Progress, Subject } from "../../src/cli/progress/progress.ts";
import { ttyProgress } from "../../src/cli/progress/tty.ts";
import type { BlobEvent } from "../../src/content/events.ts";
import { ManualClock } from "../manual-clock.ts";
import {
  bytes,
  exists,
  layer,
  planned,
  started,
  unpacked,
  unpacking,
  unpackStarted,
  verified,
} from "./events.ts";
import { TestScreen } from "./screen.ts";

const MB = 1_000_000;
const FRAME = 100;

interface Scene {
  readonly screen: TestScreen;
  readonly clock: ManualClock;
  readonly progress: Progress;
}

function scene(columns = 100, rows = 24, subject: Subject = "pull"): Scene {
  const screen = new TestScreen(columns, rows);
  const clock = new ManualClock();
  const progress = ttyProgress({ screen, clock, subject, quiet: false, verbose: false });
  return { screen, clock, progress };
}

function lines({ screen }: Scene): string[] {
  return screen.text.split("\n");
}

describe("progress on a terminal", () => {
  it("draws a line for each layer and a total", () => {
    const show = scene();
    const [a, b, c] = [layer("a", 10 * MB), layer("b", 10 * MB), layer("c", 20 * MB)];
    show.progress.onEvent(planned(a, b, c));
    show.progress.onEvent(exists(a));
    show.progress.onEvent(started(b));
    show.progress.onEvent(bytes(b, 5 * MB));
    show.clock.advance(200);
    expect(lines(show).map((line) => line.replace(/ +/g, " "))).toEqual([
      `aaaaaaaaaaaa ${"━".repeat(38)} 10.0 MB already here`,
      `bbbbbbbbbbbb ${"━".repeat(19)}${"─".repeat(19)} 5.0 MB / 10.0 MB`,
      `cccccccccccc ${"─".repeat(38)} 20.0 MB queued`,
      `total 1/3 ${"━".repeat(14)}${"─".repeat(24)} 15.0 MB / 40.0 MB`,
    ]);
  });

  it("shows download and unpacking of a layer on one line", () => {
    const show = scene();
    const [a, b, c] = [layer("a", 10 * MB), layer("b", 10 * MB), layer("c", 20 * MB)];
    show.progress.onEvent(planned(a, b, c));
    show.progress.onEvent(exists(a));
    show.progress.onEvent(unpackStarted(a));
    show.progress.onEvent(unpacking(a, 6.3 * MB));
    show.progress.onEvent(started(b));
    show.progress.onEvent(unpackStarted(b));
    show.progress.onEvent(bytes(b, 5 * MB));
    show.progress.onEvent(unpacking(b, 2.5 * MB));
    show.progress.onEvent(exists(c));
    show.progress.onEvent(unpacked(c, true));
    show.clock.advance(200);
    expect(lines(show).map((line) => line.replace(/ +/g, " "))).toEqual([
      `aaaaaaaaaaaa ${"━".repeat(23)}${"╍".repeat(15)} 10.0 MB unpacking 63%`,
      `bbbbbbbbbbbb ${"━".repeat(9)}${"╍".repeat(10)}${"─".repeat(19)} 5.0 MB / 10.0 MB`,
      `cccccccccccc ${"━".repeat(38)} 20.0 MB already here`,
      `total 1/3 ${"━".repeat(27)}${"╍".repeat(6)}${"─".repeat(5)} 35.0 MB / 40.0 MB`,
    ]);
    show.progress.onEvent(verified(b));
    show.progress.onEvent(unpacked(a));
    show.clock.advance(FRAME);
    expect(lines(show)[0]).toMatch(/━ +10\.0 MB {2}done$/);
    expect(lines(show)[1]).toMatch(/unpacking 25%$/);
    expect(lines(show)[3]).toMatch(/^total 2\/3 .* unpacking$/);
    show.progress.onEvent(unpacked(b));
    show.clock.advance(FRAME);
    expect(lines(show)[3]).toMatch(/^total 3\/3 +━{38} +40\.0 MB \/ 40\.0 MB$/);
  });

  it("says who unpacks a layer that is waited for", () => {
    const show = scene();
    const { diffId } = unpackStarted(layer("a"));
    const why = { kind: "same-layer", digest: diffId, pid: 4711 } as const;
    show.progress.onEvent({ type: "waiting", why });
    show.clock.advance(200);
    expect(show.screen.text).toBe("waiting for process 4711, which unpacks 1 layer");
    show.progress.onEvent(unpacked(layer("a"), true));
    show.clock.advance(FRAME);
    expect(show.screen.text).not.toContain("4711");
  });

  it("shows the rate and how long it will take", () => {
    const show = scene();
    const a = layer("a", 100 * MB);
    show.progress.onEvent(planned(a));
    show.progress.onEvent(started(a));
    show.clock.advance(200);
    for (let second = 1; second <= 4; second += 1) {
      show.progress.onEvent(bytes(a, second * 10 * MB));
      show.clock.advance(1000);
    }
    expect(lines(show)[0]).toMatch(/40\.0 MB \/ 100 MB {2}\d+(\.\d)? MB\/s$/);
    expect(lines(show)[1]).toMatch(/MB\/s, \d+(\.\d)? s left$/);
  });

  it("draws nothing for what is over at once", () => {
    const show = scene();
    show.progress.onEvent(planned(layer("a")));
    show.progress.onEvent(exists(layer("a")));
    show.clock.advance(150);
    show.progress.stop();
    expect(show.screen.writes).toEqual([]);
  });

  it("leaves nothing on the screen, the cursor included, and no timer (fault 38)", () => {
    const show = scene();
    show.screen.write("$ lading pull app\n");
    show.progress.onEvent(planned(layer("a"), layer("b")));
    show.progress.onEvent(started(layer("a")));
    show.clock.advance(1000);
    expect(show.screen.cursorHidden).toBe(true);
    show.progress.stop();
    expect(show.screen.text).toBe("$ lading pull app");
    expect(show.screen.cursorHidden).toBe(false);
    expect(show.clock.timers).toBe(0);
    show.progress.onEvent(bytes(layer("a"), 50));
    expect(show.screen.text).toBe("$ lading pull app");
  });

  it("writes each frame at once, and none when nothing changed", () => {
    const show = scene();
    show.progress.onEvent(planned(layer("a")));
    show.clock.advance(200);
    expect(show.screen.writes).toHaveLength(1);
    show.clock.advance(10 * FRAME);
    expect(show.screen.writes).toHaveLength(1);
    show.progress.onEvent(started(layer("a")));
    show.progress.onEvent(bytes(layer("a"), 50));
    show.clock.advance(FRAME);
    expect(show.screen.writes).toHaveLength(2);
  });

  it("draws at most fifteen frames a second", () => {
    const show = scene();
    const a = layer("a", 1000 * MB);
    show.progress.onEvent(planned(a));
    show.progress.onEvent(started(a));
    for (let at = 0; at < 1000; at += 1) {
      show.progress.onEvent(bytes(a, at * 1_000_000));
      show.clock.advance(1);
    }
    expect(show.screen.writes.length).toBeLessThanOrEqual(15);
  });

  it("never draws more lines than the window has, and says what it leaves out", () => {
    const show = scene(100, 6);
    const many = Array.from({ length: 12 }, (_, index) => blob(index));
    show.progress.onEvent(planned(...many));
    for (const one of many.slice(0, 9)) show.progress.onEvent(verified(one));
    show.progress.onEvent(started(blob(10)));
    show.progress.onEvent(bytes(blob(10), 1));
    show.clock.advance(200);
    expect(lines(show)).toHaveLength(5);
    expect(show.screen.text).toContain("and 9 more, 9 of them done");
    expect(lines(show)[1]).toMatch(/^aaaaaaaaaaaa /);
    expect(lines(show)[4]).toMatch(/^total 9\/12 /);
  });

  it.each([79, 60, 50, 40, 20, 8, 2])("fits into a window of %i columns", (columns) => {
    const show = scene(columns, 10);
    show.progress.onEvent({
      type: "resolving",
      reference: "registry.example/a/rather/long/name:and-tag",
      from: "r",
    });
    show.progress.onEvent(planned(layer("a", 100 * MB), layer("b", 5)));
    show.progress.onEvent(started(layer("a", 100 * MB)));
    show.progress.onEvent(bytes(layer("a", 100 * MB), 50 * MB));
    show.clock.advance(2000);
    expect(Math.max(...lines(show).map((line) => line.length))).toBeLessThan(columns);
  });

  it.each([
    [100, 50],
    [100, 33],
    [60, 120],
  ])("is right after the window goes from %i to %i columns", (before, after) => {
    const show = scene(before, 20);
    show.screen.write("above\n");
    show.progress.onEvent(planned(layer("a", 100 * MB), layer("b", 5 * MB)));
    show.progress.onEvent(started(layer("a", 100 * MB)));
    show.clock.advance(300);
    show.screen.resize(after, 20);
    show.progress.onEvent(bytes(layer("a", 100 * MB), 50 * MB));
    show.clock.advance(FRAME);
    expect(lines(show).map((line) => line.split(" ")[0])).toEqual([
      "above",
      "aaaaaaaaaaaa",
      "bbbbbbbbbbbb",
      "total",
    ]);
    show.progress.stop();
    expect(show.screen.text).toBe("above");
  });

  it("prints warnings above the bars", () => {
    const show = scene();
    show.progress.onEvent(planned(layer("a")));
    show.clock.advance(200);
    show.progress.onEvent({ type: "warning", code: "store", message: "mind\u001b[2Jthis" });
    show.clock.advance(FRAME);
    expect(lines(show)[0]).toBe("warning: mind\\u001b[2Jthis");
    expect(lines(show)[1]).toMatch(/^aaaaaaaaaaaa/);
    show.progress.stop();
    expect(show.screen.text).toBe("warning: mind\\u001b[2Jthis");
  });

  it("shows who is waited for, and when a retry comes", () => {
    const show = scene();
    const [a, b] = [layer("a"), layer("b")];
    show.progress.onEvent(planned(a, b));
    const why = { kind: "same-download", digest: a.digest, pid: 4711 } as const;
    show.progress.onEvent({ type: "waiting", why });
    show.progress.onEvent({
      type: "retry",
      attempt: 3,
      delayMs: 5000,
      reason: "reset",
      digest: b.digest,
    });
    show.clock.advance(200);
    expect(lines(show)[0]).toContain("waiting for process 4711");
    expect(lines(show)[1]).toContain("retry 3 in 4.8 s");
    show.clock.advance(2000);
    expect(lines(show)[1]).toContain("retry 3 in 2.8 s");
  });

  it("counts what a verification has hashed", () => {
    const show = scene(80, 24, "verify");
    show.progress.onEvent(verified({ ...layer("a", 5 * MB), role: "other" }));
    show.clock.advance(200);
    expect(show.screen.text).toBe("verified 1 blob, 5.0 MB");
  });
});

describe("a bar", () => {
  it("is full only when all is there", () => {
    expect(bar(0, 4, true)).toBe("────");
    expect(bar(0.999, 4, true)).toBe("━━━╾");
    expect(bar(1, 4, true)).toBe("━━━━");
    expect(bar(0.5, 4, false)).toBe("==..");
  });

  it("tells what is unpacked from what is only there", () => {
    expect(bar(0.75, 4, true, 0.5)).toBe("━━╍─");
    expect(bar(0.75, 4, false, 0.5)).toBe("==-.");
    expect(bar(1, 4, true, 0.99)).toBe("━━━╍");
    expect(bar(0.5, 4, true, 1)).toBe("━━──");
  });

  it("is as wide as it was asked to be, whatever the fraction", () => {
    for (const fraction of [-1, Number.NaN, 0.3, 2, Number.POSITIVE_INFINITY]) {
      expect(bar(fraction, 7, true)).toHaveLength(7);
    }
  });
});

function blob(index: number): BlobEvent {
  return layer(index.toString(16));
}
