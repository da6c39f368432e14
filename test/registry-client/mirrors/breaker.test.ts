import { describe, expect, it } from "vitest";
import { Breaker } from "../../../src/registry/mirrors/breaker.ts";
import { ManualClock } from "../../manual-clock.ts";

describe("a mirror that fails", () => {
  const mirror = new URL("https://mirror.example/v2/");
  const other = new URL("https://mirror.example/other/v2/");
  const app = { repository: "app", name: "1" };

  function rig() {
    const clock = new ManualClock();
    const breaker = new Breaker(clock);
    return { clock, breaker, allows: () => breaker.allows(mirror, app) };
  }

  it("rests half a minute, longer each time, and ten minutes at most", () => {
    const { clock, breaker, allows } = rig();
    const rests: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      expect(allows()).toBe(true);
      const ms = breaker.failed(mirror);
      rests.push(ms / 1000);
      clock.advance(ms - 1);
      expect(allows()).toBe(false);
      clock.advance(1);
    }
    expect(rests).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  it("is probed by one request when the rest is over, while the others go on elsewhere", () => {
    const { clock, breaker, allows } = rig();
    clock.advance(breaker.failed(mirror));
    expect([allows(), allows(), allows()]).toEqual([true, false, false]);
    breaker.worked(mirror);
    expect([allows(), allows()]).toEqual([true, true]);
  });

  it("is probed again when a probe is never heard of", () => {
    const { clock, breaker, allows } = rig();
    clock.advance(breaker.failed(mirror));
    expect(allows()).toBe(true);
    clock.advance(30_000);
    expect([allows(), allows()]).toEqual([true, false]);
  });

  it("is one failure, however many requests fail at it side by side", () => {
    const { clock, breaker, allows } = rig();
    const rests = [1, 2, 3].map(() => breaker.failed(mirror));
    expect(rests).toEqual([30_000, 30_000, 30_000]);
    clock.advance(30_000);
    expect(allows()).toBe(true);
    expect(breaker.failed(mirror)).toBe(60_000);
  });

  it("rests as long as it asks for, up to ten minutes", () => {
    const { breaker } = rig();
    expect(breaker.failed(mirror, 50_000)).toBe(50_000);
    expect(breaker.failed(other, 3_600_000)).toBe(600_000);
  });

  it("is another one under another path", () => {
    const { breaker } = rig();
    breaker.failed(mirror);
    expect(breaker.allows(other, app)).toBe(true);
  });

  it("is asked for other repositories when it refuses one", () => {
    const { clock, breaker, allows } = rig();
    breaker.refused(mirror, "app");
    clock.advance(24 * 3_600_000);
    expect(allows()).toBe(false);
    expect(breaker.allows(mirror, { repository: "app", name: "2" })).toBe(false);
    expect(breaker.allows(mirror, { repository: "tool" })).toBe(true);
  });

  it("is asked a minute later for what it lacked", () => {
    const { clock, breaker, allows } = rig();
    breaker.lacks(mirror, app);
    expect(allows()).toBe(false);
    expect(breaker.allows(mirror, { ...app, name: "2" })).toBe(true);
    clock.advance(60_000);
    expect(allows()).toBe(true);
  });

  it("is never asked again for what it lied about", () => {
    const { clock, breaker, allows } = rig();
    breaker.distrusted(mirror, app);
    clock.advance(24 * 3_600_000);
    expect(allows()).toBe(false);
    expect(breaker.allows(mirror, { ...app, name: "2" })).toBe(true);
  });

  it("keeps a bounded memory", () => {
    const { breaker } = rig();
    for (let n = 0; n < 10_001; n += 1) {
      breaker.distrusted(mirror, { repository: "app", name: String(n) });
    }
    expect(breaker.allows(mirror, { repository: "app", name: "0" })).toBe(true);
    expect(breaker.allows(mirror, { repository: "app", name: "10000" })).toBe(false);
  });
});
