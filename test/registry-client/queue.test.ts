import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import { LadingError } from "../../src/errors.ts";
import type { HttpRequest, HttpResponse, Priority } from "../../src/registry/http/message.ts";
import { Congestion } from "../../src/registry/queue/congestion.ts";
import { HostQueue, type Turn } from "../../src/registry/queue/host-queue.ts";
import { queue } from "../../src/registry/queue/queue.ts";
import { Rate } from "../../src/registry/queue/rate.ts";
import { plainEndpoint, plainSettings } from "../../src/registry/settings/plain.ts";
import { ManualClock } from "../manual-clock.ts";
import { emptyResponse } from "./empty-response.ts";

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the number of requests under way", () => {
  it("starts at the most, is halved when pushed back, and grows by one a round", () => {
    const congestion = new Congestion(16);
    expect(congestion.limit).toBe(16);
    congestion.ended(congestion.round, "pushed-back");
    expect(congestion.limit).toBe(8);
    for (let n = 0; n < 8; n += 1) congestion.ended(congestion.round, "ok");
    expect(congestion.limit).toBe(9);
  });

  it("is cut once for requests that were under way together", () => {
    const congestion = new Congestion(16);
    const { round } = congestion;
    for (let n = 0; n < 16; n += 1) congestion.ended(round, "pushed-back");
    expect(congestion.limit).toBe(8);
  });

  it("stays between one and the most, whatever happens", () => {
    const outcomes = fc.array(fc.constantFrom("ok", "pushed-back", "failed" as const));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), outcomes, (most, all) => {
        const congestion = new Congestion(most);
        for (const outcome of all) {
          congestion.ended(congestion.round, outcome);
          expect(congestion.limit).toBeGreaterThanOrEqual(1);
          expect(congestion.limit).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  it("is not changed by what fails for its own reasons", () => {
    const congestion = new Congestion(4);
    congestion.ended(0, "failed");
    expect(congestion.limit).toBe(4);
  });
});

describe("a rate", () => {
  it("lets so many go a second, and not more", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), gaps, (perSecond, all) => {
        const rate = new Rate(perSecond, 0);
        const went: number[] = [];
        let now = 0;
        for (const gap of all) {
          now += gap;
          if (rate.waitMs(now) > 0) continue;
          rate.take(now);
          went.push(now);
        }
        for (const [index, start] of went.entries()) {
          for (let end = index; end < went.length; end += 1) {
            const seconds = ((went[end] ?? 0) - start) / 1000;
            expect(end - index + 1).toBeLessThanOrEqual(perSecond + perSecond * seconds + 1e-6);
          }
        }
      }),
    );
  });

  it("is as slow as one in five seconds", () => {
    const rate = new Rate(0.2, 0);
    rate.take(0);
    expect(rate.waitMs(0)).toBe(5000);
    expect(rate.waitMs(5000)).toBe(0);
  });
});

describe("the queue of a host", () => {
  function rig(most: number, requestsPerSecond?: number) {
    const clock = new ManualClock();
    const line = new HostQueue({ most, requestsPerSecond, clock });
    const went: string[] = [];
    const turns: Turn[] = [];
    const take = (priority: Priority, name: string, signal?: AbortSignal): Promise<void> =>
      line.take(priority, { signal }).then((turn) => {
        went.push(name);
        turns.push(turn);
      });
    const end = async (): Promise<void> => {
      turns.shift()?.done("ok");
      await settled();
    };
    return { clock, line, went, turns, take, end };
  }

  it("lets tokens pass manifests, manifests configs, and configs blobs that wait", async () => {
    const { take, end, went } = rig(1);
    const took = [take("blob", "first")];
    for (const name of ["blob", "config", "manifest", "token"] as const) {
      took.push(take(name, name));
    }
    for (let n = 0; n < 5; n += 1) await end();
    await Promise.all(took);
    expect(went).toEqual(["first", "token", "manifest", "config", "blob"]);
  });

  it("lets no blob wait for ever", async () => {
    const { take, end, went } = rig(1);
    const took = [take("manifest", "m"), take("blob", "blob")];
    for (let n = 0; n < 20; n += 1) took.push(take("manifest", "m"));
    for (let n = 0; n < 22; n += 1) await end();
    await Promise.all(took);
    expect(went.indexOf("blob")).toBe(9);
  });

  it("keeps the order among equals", async () => {
    const { take, end, went } = rig(1);
    const took = [1, 2, 3, 4].map((n) => take("blob", String(n)));
    for (let n = 0; n < 4; n += 1) await end();
    await Promise.all(took);
    expect(went).toEqual(["1", "2", "3", "4"]);
  });

  it("is left by who no longer wants to wait", async () => {
    const { take, end, went } = rig(1);
    const abort = new AbortController();
    const first = take("blob", "first");
    const second = take("blob", "second", abort.signal);
    const third = take("blob", "third");
    abort.abort();
    await expect(second).rejects.toMatchObject({ code: "aborted" });
    await first;
    await end();
    await third;
    expect(went).toEqual(["first", "third"]);
  });

  it("takes in nobody who has given up already", async () => {
    const { take } = rig(1);
    await expect(take("blob", "never", AbortSignal.abort())).rejects.toMatchObject({
      code: "aborted",
    });
  });

  it("stands still during a pause, and goes on after it", async () => {
    const { clock, line, take, went } = rig(4);
    line.pause(5000);
    const took = [take("token", "a"), take("blob", "b")];
    clock.advance(4999);
    await settled();
    expect(went).toEqual([]);
    clock.advance(1);
    await settled();
    await Promise.all(took);
    expect(went).toEqual(["a", "b"]);
  });

  it("keeps a pause that was made longer while others waited", async () => {
    const { clock, line, take, went } = rig(4);
    line.pause(1000);
    void take("blob", "a");
    line.pause(3000);
    clock.advance(2000);
    await settled();
    expect(went).toEqual([]);
    await settled();
    clock.advance(1000);
    await settled();
    expect(went).toEqual(["a"]);
  });

  it("sleeps for nobody when nobody waits, so that no exit is held up", async () => {
    const { clock, line } = rig(1);
    line.pause(60_000);
    expect(clock.timers).toBe(0);
  });

  it("sends twenty a second and not more", async () => {
    const { clock, take, went } = rig(1000, 20);
    for (let n = 0; n < 100; n += 1) void take("blob", String(n));
    await settled();
    expect(went).toHaveLength(20);
    for (let second = 1; second <= 3; second += 1) {
      for (let n = 0; n < 20; n += 1) {
        clock.advance(50);
        await settled();
      }
      expect(went).toHaveLength(20 + 20 * second);
    }
  });

  it("tells how long one waited", async () => {
    const { clock, line } = rig(1);
    const first = await line.take("blob");
    const second = line.take("blob");
    clock.advance(700);
    first.done("ok");
    expect((await second).queuedMs).toBe(700);
    expect(first.queuedMs).toBe(0);
  });
});

describe("the step that queues", () => {
  interface Waiting {
    readonly host: string;
    answer(response: HttpResponse): void;
    fail(error: unknown): void;
  }

  function rig(perHost: number, settings = plainSettings()) {
    const clock = new ManualClock();
    const sent: Waiting[] = [];
    const step = queue({ settings, perHost, clock })(
      ({ url }) =>
        new Promise((resolve, reject) => {
          sent.push({ host: url.host, answer: resolve, fail: reject });
        }),
    );
    return { clock, sent, step };
  }

  it("counts for each host, and in order", async () => {
    const { sent, step } = rig(2);
    const all = ["a", "a", "a", "b"].map((host) => step(requestFor(host)));
    await settled();
    expect(sent.map(({ host }) => host)).toEqual(["a.example", "a.example", "b.example"]);
    sent[0]?.answer(response(200));
    await all[0];
    await settled();
    expect(sent).toHaveLength(4);
    for (const { answer } of sent) answer(response(200));
    await Promise.all(all);
  });

  it("takes the number of a host from its settings", async () => {
    const settings = {
      ...plainSettings(),
      forOrigin: async (origin: string) => ({
        ...plainEndpoint,
        concurrency: origin === "https://a.example" ? 1 : undefined,
      }),
    };
    const { sent, step } = rig(2, settings);
    for (const host of ["a", "a", "b", "b"]) void step(requestFor(host));
    await settled();
    expect(sent.map(({ host }) => host)).toEqual(["a.example", "b.example", "b.example"]);
  });

  it("asks a host that wants a pause for nothing meanwhile, whoever wants it, and says so", async () => {
    const { clock, sent, step } = rig(4);
    const events: LadingEvent[] = [];
    const first = step(requestFor("a"));
    await settled();
    sent[0]?.answer(response(429, { "retry-after": "7" }));
    await first;
    void step(requestFor("a", (event) => events.push(event)));
    void step(requestFor("b"));
    await settled();
    expect(sent.map(({ host }) => host)).toEqual(["a.example", "b.example"]);
    const why = { kind: "host-pause", host: "a.example", ms: 7000 };
    expect(events).toEqual([{ type: "waiting", why }]);
    clock.advance(7000);
    await settled();
    expect(sent.map(({ host }) => host)).toEqual(["a.example", "b.example", "a.example"]);
  });

  it("has fewer under way after 429, and more again after success", async () => {
    const { sent, step } = rig(4);
    for (let n = 0; n < 12; n += 1) void step(requestFor("a"));
    await settled();
    expect(sent).toHaveLength(4);
    for (const { answer } of sent.slice(0, 4)) answer(response(429));
    await settled();
    expect(sent).toHaveLength(6);
    for (const { answer } of sent.slice(4, 6)) answer(response(200));
    await settled();
    expect(sent).toHaveLength(9);
  });

  it.each(["ECONNRESET", "ECONNREFUSED"])(
    "has fewer under way after %s among others",
    async (code) => {
      const { sent, step } = rig(4);
      const all = [0, 1, 2, 3, 4, 5, 6].map(() => step(requestFor("a")).catch(() => undefined));
      await settled();
      const cause = Object.assign(new Error(code), { code });
      for (const { fail } of sent.slice(0, 4)) fail(new LadingError("network", code, { cause }));
      await settled();
      expect(sent).toHaveLength(6);
      expect(all).toHaveLength(7);
    },
  );

  it("has as many as before after a reset of the only one", async () => {
    const { sent, step } = rig(4);
    const alone = step(requestFor("a")).catch(() => undefined);
    await settled();
    const cause = Object.assign(new Error(), { code: "ECONNRESET" });
    sent[0]?.fail(new LadingError("network", "reset", { cause }));
    await alone;
    for (let n = 0; n < 5; n += 1) void step(requestFor("a"));
    await settled();
    expect(sent).toHaveLength(5);
  });
});

function requestFor(host: string, onEvent?: (event: LadingEvent) => void): HttpRequest {
  return {
    method: "GET",
    url: new URL(`https://${host}.example/`),
    headers: {},
    scope: { registry: "registry.example", repository: "app", action: "pull" },
    operation: { onEvent },
  };
}

function response(status: number, headers: Record<string, string> = {}): HttpResponse {
  return emptyResponse("https://registry.example/", status, headers);
}
