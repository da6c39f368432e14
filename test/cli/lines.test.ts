import { describe, expect, it } from "vitest";
import { jsonProgress } from "../../src/cli/progress/json.ts";
import { noProgress } from "../../src/cli/progress/none.ts";
import { plainProgress } from "../../src/cli/progress/plain.ts";
import type { Progress, ProgressOptions, Subject } from "../../src/cli/progress/progress.ts";
import type { LadingEvent } from "../../src/content/events.ts";
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

function setUp(
  make: (options: ProgressOptions) => Progress,
  options: { subject?: Subject; quiet?: boolean; verbose?: boolean } = {},
): { progress: Progress; clock: ManualClock; lines: () => string[] } {
  const screen = new TestScreen(500, 24);
  const clock = new ManualClock();
  const defaults = { subject: "pull", quiet: false, verbose: false } as const;
  const progress = make({ screen, clock, ...defaults, ...options });
  return { progress, clock, lines: () => screen.writes.join("").split("\n").slice(0, -1) };
}

const warning: LadingEvent = { type: "warning", code: "store", message: "mind this" };
const request: LadingEvent = {
  type: "request",
  id: 1,
  method: "GET",
  url: "https://r/v2/",
  role: "registry",
  attempt: 1,
  queuedMs: 0,
  ms: 12.3,
  bytes: 0,
};

describe("plain progress", () => {
  it("says what begins, what ends and what was there, without escape codes", () => {
    const { progress, clock, lines } = setUp(plainProgress);
    const [a, b, c] = [layer("a", 10 * MB), layer("b", 10 * MB), layer("c", 20)];
    progress.onEvent(planned(a, b, c));
    progress.onEvent(exists(a));
    progress.onEvent(started(b, 2 * MB));
    progress.onEvent(started(c));
    progress.onEvent(verified(c));
    for (let at = 2; at < 10; at += 1) progress.onEvent(bytes(b, at * MB));
    clock.advance(3000);
    progress.onEvent(verified(b));
    expect(lines()).toEqual([
      "aaaaaaaaaaaa: 10.0 MB already here",
      "bbbbbbbbbbbb: downloading 10.0 MB, resuming at 2.0 MB",
      "cccccccccccc: 20 B done in 0.0 s",
      "bbbbbbbbbbbb: 10.0 MB done in 3.0 s",
    ]);
  });

  it("says what was unpacked, and how long it took", () => {
    const { progress, clock, lines } = setUp(plainProgress);
    const [a, b, c] = [layer("a", 10 * MB), layer("b", 10 * MB), layer("c", 20)];
    progress.onEvent(planned(a, b, c));
    progress.onEvent(exists(a));
    progress.onEvent(unpackStarted(a));
    progress.onEvent(started(b));
    progress.onEvent(unpackStarted(b));
    clock.advance(2000);
    progress.onEvent(unpacked(a));
    progress.onEvent(verified(b));
    progress.onEvent(unpacking(b, 5 * MB));
    clock.advance(8000);
    progress.onEvent(unpacked(b));
    progress.onEvent(unpacked(c, true));
    expect(lines()).toEqual([
      "aaaaaaaaaaaa: 10.0 MB already here",
      "bbbbbbbbbbbb: downloading 10.0 MB",
      "aaaaaaaaaaaa: unpacked 3 entries",
      "bbbbbbbbbbbb: 10.0 MB done in 2.0 s",
      "20.0 MB of 20.0 MB, 1 of 3 layers, 74% unpacked",
      "bbbbbbbbbbbb: unpacked 3 entries in 8.0 s",
    ]);
  });

  it("says what was copied from the store's unpacked layers", () => {
    const { progress, lines } = setUp(plainProgress);
    progress.onEvent(unpackStarted(layer("a")));
    progress.onEvent(unpacked(layer("a"), true));
    expect(lines()).toEqual(["aaaaaaaaaaaa: copied the unpacked layer"]);
  });

  it("gives a sign of life every ten seconds, and stops", () => {
    const { progress, clock, lines } = setUp(plainProgress);
    const a = layer("a", 100 * MB);
    progress.onEvent(planned(a));
    progress.onEvent(started(a));
    progress.onEvent(bytes(a, 40 * MB));
    clock.advance(25_000);
    expect(lines().slice(1)).toEqual([
      "40.0 MB of 100 MB, 0 of 1 layers",
      "40.0 MB of 100 MB, 0 of 1 layers, 0 B/s",
    ]);
    progress.stop();
    clock.advance(60_000);
    expect(lines()).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  it("tells of waits, retries and pauses", () => {
    const { progress, lines } = setUp(plainProgress, { subject: "other" });
    const { digest } = layer("a");
    progress.onEvent({ type: "waiting", why: { kind: "same-download", digest, pid: 42 } });
    progress.onEvent({ type: "waiting", why: { kind: "store-lock" } });
    progress.onEvent({
      type: "waiting",
      why: { kind: "retry-after", host: "r.example", ms: 30_000 },
    });
    progress.onEvent({ type: "retry", attempt: 1, delayMs: 250, reason: "reset" });
    progress.onEvent(warning);
    expect(lines()).toEqual([
      "aaaaaaaaaaaa: waiting for process 42, which downloads it",
      "waiting for another process, which holds the store",
      "r.example asks for a pause of 30 s",
      "retry 1 in 0.3 s: reset",
      "warning: mind this",
    ]);
  });

  it("tells of requests only when asked to be verbose", () => {
    const silent = setUp(plainProgress);
    silent.progress.onEvent(request);
    expect(silent.lines()).toEqual([]);
    const verbose = setUp(plainProgress, { verbose: true });
    verbose.progress.onEvent({ ...request, status: 200 });
    expect(verbose.lines()).toEqual(["GET https://r/v2/ 200, 12 ms"]);
  });
});

describe("no progress", () => {
  it("still warns, unless quiet", () => {
    const none = setUp(noProgress);
    none.progress.onEvent(planned(layer("a")));
    none.progress.onEvent(warning);
    expect(none.lines()).toEqual(["warning: mind this"]);
    const quiet = setUp(noProgress, { quiet: true });
    quiet.progress.onEvent(warning);
    expect(quiet.lines()).toEqual([]);
  });
});

describe("progress as JSON", () => {
  it("writes each event as one object with version and time", () => {
    const { progress, lines } = setUp(jsonProgress);
    progress.onEvent(exists(layer("a")));
    progress.onEvent(warning);
    progress.note("a note\nof two lines");
    expect(lines().map((line) => JSON.parse(line))).toEqual([
      { v: 1, time: "1970-01-01T00:16:40.000Z", type: "exists", ...layer("a") },
      { v: 1, time: "1970-01-01T00:16:40.000Z", ...warning },
      { v: 1, time: "1970-01-01T00:16:40.000Z", type: "note", message: "a note\nof two lines" },
    ]);
  });

  it("reports bytes of one blob at most five times a second", () => {
    const { progress, clock, lines } = setUp(jsonProgress);
    const [a, b] = [layer("a", 1000), layer("b", 1000)];
    for (let at = 0; at < 1000; at += 1) {
      progress.onEvent(bytes(a, at));
      if (at % 500 === 0) progress.onEvent(bytes(b, at));
      clock.advance(1);
    }
    expect(lines().length).toBeGreaterThanOrEqual(6);
    expect(lines().length).toBeLessThanOrEqual(7);
  });

  it("reports unpacking as often, beside the download", () => {
    const { progress, clock, lines } = setUp(jsonProgress);
    const a = layer("a", 1000);
    progress.onEvent(unpackStarted(a));
    for (let at = 0; at < 1000; at += 1) {
      progress.onEvent(bytes(a, at));
      progress.onEvent(unpacking(a, at));
      clock.advance(1);
    }
    progress.onEvent(unpacked(a));
    const types = lines().map((line) => JSON.parse(line).type);
    expect(types.filter((type) => type === "unpack-progress")).toHaveLength(5);
    expect([types[0], types.at(-1)]).toEqual(["unpack-started", "unpacked"]);
  });

  it("leaves requests out unless verbose, and says nothing after its end", () => {
    const { progress, lines } = setUp(jsonProgress);
    progress.onEvent(request);
    progress.stop();
    progress.onEvent(warning);
    expect(lines()).toEqual([]);
  });
});
