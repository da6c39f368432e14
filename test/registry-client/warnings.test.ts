import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import type { HttpRequest, HttpResponse } from "../../src/registry/http/message.ts";
import { parseRateLimit, rateLimits } from "../../src/registry/rate-limit.ts";
import { parseWarnings, warnings } from "../../src/registry/warnings.ts";

describe("the Warning header", () => {
  it.each([
    ['299 - "this repository moves"', ["this repository moves"]],
    ['299 - "one", 299 - "two"', ["one", "two"]],
    ['299 - "a, b; \\"c\\""', ['a, b; "c"']],
    ['299 - "1", 299 - "2", 299 - "3", 299 - "4"', ["1", "2", "3"]],
    ['299 - "no secret \u001b[31m here"', ["no secret  [31m here"]],
    ['199 - "another code"', []],
    ['299 proxy.lan "another agent"', []],
    ['299 - "with a date" "Sat, 01 Jan 2000 00:00:00 GMT"', []],
    ['299 - "no end', []],
    ['299 - "good", nonsense', ["good"]],
    ['299 - ""', []],
    [`299 - "${"x".repeat(5000)}"`, []],
  ])("%s", (header, texts) => {
    expect(parseWarnings(header)).toEqual(texts);
  });

  it("is told once for each text and host", async () => {
    const { ask, events } = rig(warnings(), { warning: '299 - "it moves"' });
    await ask();
    await ask();
    expect(events).toEqual([
      { type: "warning", code: "registry-warning", message: "registry.example: it moves" },
    ]);
  });

  it("of a host that a redirect led to is not the registry's word", async () => {
    const { ask, events } = rig(warnings(), { warning: '299 - "buy this"' });
    await ask({ anonymous: true });
    expect(events).toEqual([]);
  });
});

describe("the rate limit", () => {
  it.each([
    [
      {
        "ratelimit-limit": "100;w=21600",
        "ratelimit-remaining": "76;w=21600",
        "docker-ratelimit-source": "93.184.216.34",
      },
      { limit: 100, remaining: 76, windowSeconds: 21_600, source: "93.184.216.34" },
    ],
    [
      { "ratelimit-limit": "200", "ratelimit-remaining": "0" },
      { limit: 200, remaining: 0 },
    ],
    [
      {
        "ratelimit-limit": "1",
        "ratelimit-remaining": "1",
        "docker-ratelimit-source": "\u001b[2Jnobody",
      },
      { limit: 1, remaining: 1 },
    ],
    [{ "ratelimit-limit": "100;w=21600" }, undefined],
    [{ "ratelimit-limit": "many", "ratelimit-remaining": "few" }, undefined],
    [{ "ratelimit-limit": "-1", "ratelimit-remaining": "1e9" }, undefined],
    [{}, undefined],
  ])("%j", (headers: Record<string, string>, limit) => {
    expect(parseRateLimit(headers)).toEqual(limit);
  });

  it("is told when it is something new", async () => {
    const headers = { "ratelimit-limit": "100;w=60", "ratelimit-remaining": "76" };
    const { ask, events } = rig(rateLimits(), headers);
    await ask();
    await ask();
    headers["ratelimit-remaining"] = "75";
    await ask();
    const told = { type: "rate-limit", host: "registry.example", limit: 100, windowSeconds: 60 };
    expect(events).toEqual([
      { ...told, remaining: 76 },
      { ...told, remaining: 75 },
    ]);
  });
});

function rig(step: ReturnType<typeof warnings>, headers: Record<string, string>) {
  const url = new URL("https://registry.example/v2/");
  const body = {
    read: async () => {},
    bytes: async () => new Uint8Array(),
    cancel() {},
    onEnd() {},
  };
  const send = step(
    async (): Promise<HttpResponse> => ({
      status: 200,
      headers: { ...headers },
      url,
      asked: url,
      peer: "public",
      body,
    }),
  );
  const events: LadingEvent[] = [];
  const ask = (scope: Partial<HttpRequest["scope"]> = {}): Promise<HttpResponse> =>
    send({
      method: "GET",
      url,
      headers: {},
      scope: { registry: "registry.example", repository: "app", action: "pull", ...scope },
      operation: { onEvent: (event) => events.push(event) },
    });
  return { ask, events };
}
