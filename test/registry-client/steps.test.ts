import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import { LadingError } from "../../src/errors.ts";
import {
  compose,
  type HttpRequest,
  type HttpResponse,
  type Send,
} from "../../src/registry/http/message.ts";
import { networkError } from "../../src/registry/http/network-error.ts";
import { redirect } from "../../src/registry/http/redirect.ts";
import { retry } from "../../src/registry/http/retry.ts";
import { scheme } from "../../src/registry/http/scheme.ts";
import { userAgent } from "../../src/registry/http/user-agent.ts";
import { ManualClock } from "../manual-clock.ts";

function requestFor(
  url: string,
  headers: Record<string, string> = {},
  onEvent?: (event: LadingEvent) => void,
): HttpRequest {
  return {
    method: "GET",
    url: new URL(url),
    headers,
    scope: { registry: "registry.example", repository: "app", action: "pull" },
    operation: { onEvent },
  };
}

function response(
  status: number,
  headers: Record<string, string> = {},
  url = "https://registry.example/",
): HttpResponse {
  const body = {
    read: async () => {},
    bytes: async () => new Uint8Array(),
    cancel() {},
    onEnd() {},
  };
  return { status, headers, url: new URL(url), asked: new URL(url), peer: "public", body };
}

/** Answers one after another, and keeps what was sent. */
function script(...answers: (HttpResponse | Error)[]): { send: Send; sent: HttpRequest[] } {
  const sent: HttpRequest[] = [];
  const send: Send = async (request) => {
    sent.push(request);
    const answer = answers[Math.min(sent.length, answers.length) - 1];
    if (answer === undefined || answer instanceof Error) throw answer;
    return answer;
  };
  return { send, sent };
}

const network = (cause?: object) =>
  new LadingError("network", "it broke", {
    transient: true,
    cause: cause && Object.assign(new Error(), cause),
  });

describe("the steps", () => {
  it("see a request in the order in which they are named", async () => {
    const seen: string[] = [];
    const named = (name: string) => (next: Send) => (request: HttpRequest) => {
      seen.push(name);
      return next(request);
    };
    await compose(script(response(200)).send, [named("one"), named("two")])(
      requestFor("https://a.example/"),
    );
    expect(seen).toEqual(["one", "two"]);
  });
});

describe("the user agent", () => {
  it("is on each request, and not over one's own", async () => {
    const { send, sent } = script(response(200));
    const step = userAgent("lading/1")(send);
    await step(requestFor("https://a.example/"));
    await step(requestFor("https://a.example/", { "user-agent": "mine" }));
    expect(sent.map(({ headers }) => headers["user-agent"])).toEqual(["lading/1", "mine"]);
  });
});

describe("the scheme", () => {
  const asked = async (url: string, plain: string[], ...answers: (HttpResponse | Error)[]) => {
    const { send, sent } = script(...answers);
    const step = scheme(async ({ url }) => plain.includes(url.host))(send);
    await step(requestFor(url)).catch(() => {});
    await step(requestFor(url)).catch(() => {});
    return sent.map(({ url }) => url.protocol.slice(0, -1));
  };
  const handshake = (code: string, message: string) =>
    networkError(
      Object.assign(new Error(message), { code }),
      new URL("https://registry.example"),
      false,
    );
  const plainAnswer = handshake("EPROTO", "SSL routines:wrong version number");

  it("is https, and http only for hosts that are named", async () => {
    expect(await asked("https://a.example/", [], response(200))).toEqual(["https", "https"]);
    expect(await asked("https://a.example/", ["a.example"], response(200))).toEqual([
      "http",
      "http",
    ]);
    expect(await asked("https://a.example:5000/", ["a.example"], response(200))).toEqual([
      "https",
      "https",
    ]);
    expect(await asked("https://a.example/", [], plainAnswer)).toEqual(["https", "https"]);
  });

  it.each(["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "registry.localhost"])(
    "of %s is https, then http where that is no TLS, found out once",
    async (host) => {
      expect(await asked(`https://${host}/`, [], plainAnswer, response(200))).toEqual([
        "https",
        "http",
        "http",
      ]);
    },
  );

  it.each([
    ["nothing listens", handshake("ECONNREFUSED", "connect ECONNREFUSED")],
    ["its certificate is not trusted", handshake("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed")],
    ["its certificate has expired", handshake("CERT_HAS_EXPIRED", "certificate has expired")],
    ["it refuses the version", handshake("EPROTO", "tlsv1 alert protocol version")],
    ["it wants a certificate", handshake("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "alert")],
    ["it resets in the middle of an answer", network({ code: "ECONNRESET" })],
    ["it does not answer in time", network()],
  ])("of this machine stays https where %s", async (_what, error) => {
    expect(await asked("https://localhost:5000/", [], error)).toEqual(["https", "https"]);
  });
});

describe("the scheme of a host of this machine that hangs up before there is TLS", () => {
  const url = "https://localhost:5000/";
  const hangsUp = networkError(
    Object.assign(new Error("read"), { code: "ECONNRESET" }),
    new URL(url),
    false,
  );
  const plain = networkError(new Error("SSL routines:wrong version number"), new URL(url), false);
  const spoken = async (...answers: (HttpResponse | Error)[]) => {
    const { send, sent } = script(...answers);
    const step = scheme(async () => false)(send);
    const outcomes: unknown[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const outcome = step(requestFor(url)).then(({ status }) => status);
      outcomes.push(await outcome.catch((error: LadingError) => error.message));
    }
    return [outcomes, sent.map(({ url }) => url.protocol.slice(0, -1))];
  };

  it("stays https when http is answered with 400, as servers of TLS do; it was only starting", async () => {
    expect(await spoken(hangsUp, response(400), response(200))).toEqual([
      ["localhost:5000: the connection was reset", 200],
      ["https", "http", "https"],
    ]);
  });

  it("is http when that is answered otherwise", async () => {
    expect(await spoken(hangsUp, response(404), response(200))).toEqual([
      [404, 200],
      ["https", "http", "http"],
    ]);
  });

  it("is found out again after a 400 by one that speaks no TLS", async () => {
    expect(await spoken(plain, response(400), plain, response(200))).toEqual([
      [400, 200],
      ["https", "http", "https", "http"],
    ]);
  });
});

describe("the retry", () => {
  const policy = { retries: 3, baseMs: 100, capMs: 1000, random: () => 0.5 };

  async function outcome(...answers: (HttpResponse | Error)[]) {
    const clock = new ManualClock();
    const { send, sent } = script(...answers);
    const events: LadingEvent[] = [];
    let done = false;
    const result = retry(
      policy,
      clock,
    )(send)(requestFor("https://a.example/?token=secret", {}, (event) => events.push(event)))
      .then(
        ({ status }) => status,
        (error: LadingError) => error.code,
      )
      .finally(() => {
        done = true;
      });
    while (!done) {
      await new Promise(setImmediate);
      clock.advance(60_000);
    }
    return { result: await result, tries: sent.length, events };
  }

  it.each([408, 429, 500, 502, 503, 504, 507, 520, 529])("tries again after %i", async (status) => {
    expect(await outcome(response(status), response(200))).toMatchObject({ result: 200, tries: 2 });
  });

  it.each([400, 401, 403, 404, 405, 416, 501, 505])("takes %i as an answer", async (status) => {
    expect(await outcome(response(status), response(200))).toMatchObject({
      result: status,
      tries: 1,
    });
  });

  it("tries again after what fails in passing, and not after anything else", async () => {
    expect(await outcome(network(), response(200))).toMatchObject({ result: 200, tries: 2 });
    expect(await outcome(new LadingError("refused", "no"))).toMatchObject({
      result: "refused",
      tries: 1,
    });
  });

  it("gives the last answer back when it gives up", async () => {
    expect(await outcome(response(503))).toMatchObject({ result: 503, tries: 4 });
    expect(await outcome(network())).toMatchObject({ result: "network", tries: 4 });
  });

  it("waits with full jitter, longer each time, and says so without secrets", async () => {
    const { events } = await outcome(response(500));
    expect(events.map((event) => (event.type === "retry" ? event.delayMs : 0))).toEqual([
      50, 100, 200,
    ]);
    expect(JSON.stringify(events)).not.toContain("secret");
  });

  it("waits as long as Retry-After says", async () => {
    const { events } = await outcome(response(429, { "retry-after": "7" }), response(200));
    expect(events).toMatchObject([
      { type: "waiting", why: { kind: "retry-after", ms: 7000 } },
      { type: "retry", delayMs: 7000 },
    ]);
  });
});

describe("a redirect", () => {
  const secrets = {
    authorization: "Bearer x",
    cookie: "a=b",
    "x-mine": "y",
    "proxy-authorization": "z",
  };
  const harmless = { accept: "*/*", range: "bytes=0-", "user-agent": "lading" };

  async function follow(location: string, from = "https://a.example/one"): Promise<HttpRequest[]> {
    const { send, sent } = script(response(307, { location }), response(200));
    await redirect(send)(requestFor(from, { ...secrets, ...harmless }));
    return sent;
  }

  it("to the same origin keeps everything", async () => {
    const [, second] = await follow("/two?x=1");
    expect(second?.url.href).toBe("https://a.example/two?x=1");
    expect(second?.headers).toEqual({ ...secrets, ...harmless });
  });

  it.each([
    "https://b.example/two",
    "https://a.example:8443/two",
    "//b.example/two",
    "https://user:password@b.example/",
  ])("to %s takes nothing along that says who asks (GHSA-whvf-jp7m-59f3)", async (location) => {
    const [, second] = await follow(location);
    expect(second?.headers).toEqual(harmless);
    expect(second?.scope).toMatchObject({ anonymous: true, reach: "public" });
    expect(second?.url.username).toBe("");
  });

  it("back to the first origin takes nothing along either", async () => {
    const { send, sent } = script(
      response(302, { location: "https://b.example/" }),
      response(302, { location: "https://a.example/" }),
      response(200),
    );
    await redirect(send)(requestFor("https://a.example/", secrets));
    expect(sent[2]?.headers).toEqual({});
    expect(sent[2]?.scope.anonymous).toBe(true);
  });

  it.each([
    ["from https to http", "http://a.example/", "refused"],
    ["to a file", "file:///etc/passwd", "malformed"],
    ["to nowhere", "http://[", "malformed"],
  ])("%s is refused", async (_what, location, code) => {
    await expect(follow(location)).rejects.toMatchObject({ code });
  });

  describe("of a POST", () => {
    const headers = { "content-type": "application/x-www-form-urlencoded", accept: "*/*" };

    async function post(status: number, location: string): Promise<HttpRequest[]> {
      const { send, sent } = script(response(status, { location }), response(200));
      const request = requestFor("https://a.example/token", headers);
      await redirect(send)({ ...request, method: "POST", body: "password=secret" });
      return sent;
    }

    it.each([307, 308])("by %i never takes its body to another origin", async (status) => {
      for (const location of ["https://b.example/", "https://a.example:8443/", "//b.example/"]) {
        await expect(post(status, location)).rejects.toMatchObject({ code: "refused" });
      }
      const [, second] = await post(status, "/elsewhere");
      expect(second).toMatchObject({ method: "POST", body: "password=secret" });
    });

    it.each([301, 302, 303])("by %i becomes a GET without its body", async (status) => {
      for (const location of ["https://b.example/", "/elsewhere"]) {
        const [, second] = await post(status, location);
        expect(second?.method).toBe("GET");
        expect(second?.headers).toEqual({ accept: "*/*" });
        expect(JSON.stringify(second)).not.toContain("secret");
      }
    });
  });

  it("without end ends", async () => {
    const { send, sent } = script(response(302, { location: "/again" }));
    await expect(redirect(send)(requestFor("https://a.example/"))).rejects.toMatchObject({
      code: "registry-unavailable",
      hint: expect.stringContaining("circles"),
    });
    expect(sent).toHaveLength(11);
  });
});
