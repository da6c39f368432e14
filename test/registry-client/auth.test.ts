import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { LadingError } from "../../src/errors.ts";
import { tokenServer } from "../../src/registry/auth/bearer.ts";
import { type Challenge, parseChallenges } from "../../src/registry/auth/challenge.ts";
import { canonicalHost, hostCredentials, identityOf } from "../../src/registry/auth/credentials.ts";
import { type Token, TokenCache } from "../../src/registry/auth/token-cache.ts";
import type { HttpRequest } from "../../src/registry/http/message.ts";

describe("a WWW-Authenticate header", () => {
  it("may hold several challenges, quoted commas and escaped quotes", () => {
    const header =
      'Basic realm="a, \\"b\\"", Bearer realm="https://auth.example/token",service="reg, istry",scope="repository:a/b:pull,push"';
    expect(parseChallenges(header)).toEqual([
      { scheme: "basic", params: { realm: 'a, "b"' } },
      {
        scheme: "bearer",
        params: {
          realm: "https://auth.example/token",
          service: "reg, istry",
          scope: "repository:a/b:pull,push",
        },
      },
    ]);
  });

  it("may leave out the scope, as Artifactory and Nexus do", () => {
    const [challenge] = parseChallenges('Bearer realm="https://r.example/t",service="s"');
    expect(tokenServer(challenge as Challenge, request("https://r.example")).scope).toBe(
      "repository:library/app:pull",
    );
  });

  it("may say the scheme and the names in any case, and hold schemes nobody knows", () => {
    expect(parseChallenges("NEGOTIATE, bearer REALM=x")).toEqual([
      { scheme: "negotiate", params: {} },
      { scheme: "bearer", params: { realm: "x" } },
    ]);
  });

  it("never breaks the parser, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (header) => {
        expect(parseChallenges(header).length).toBeLessThanOrEqual(16);
      }),
    );
    const long = 'Bearer a="'.repeat(100_000);
    expect(parseChallenges(long)).toBeDefined();
  });
});

describe("a token realm", () => {
  const challenge = (realm: string): Challenge => ({ scheme: "bearer", params: { realm } });

  it("in http is refused for a registry in https (CVE-2019-10214)", () => {
    expect(() => tokenServer(challenge("http://t.example/"), request("https://r.example"))).toThrow(
      expect.objectContaining({ code: "refused" }),
    );
    expect(tokenServer(challenge("http://t.example/"), request("http://r.example"))).toBeDefined();
  });

  it.each([
    "ftp://t.example/",
    "file:///etc/passwd",
    "not a url",
    "",
    "https://user:pw@t.example/",
  ])("%j is none", (realm) => {
    expect(() => tokenServer(challenge(realm), request("https://r.example"))).toThrow();
  });
});

describe("the token cache", () => {
  it("keeps tokens of two identities, scopes and realms apart", async () => {
    const cache = new TokenCache(clockAt(0));
    const key = { identity: "a", realm: "r", service: "s", scope: "x" };
    const token = (value: string) => async () => ({ value, expires: 100_000 });
    expect(await cache.get(key, token("1"))).toBe("1");
    expect(await cache.get(key, token("2"))).toBe("1");
    for (const other of [{ identity: "b" }, { realm: "q" }, { service: "t" }, { scope: "y" }]) {
      expect(await cache.get({ ...key, ...other }, token("other"))).toBe("other");
    }
  });

  it("fetches a token again shortly before it ends, and once for many who want it", async () => {
    let now = 0;
    const cache = new TokenCache({ ...clockAt(0), now: () => now });
    const key = { identity: "a", realm: "r", service: "s", scope: "x" };
    let fetched = 0;
    const fetch = async () => {
      fetched += 1;
      return { value: `t${fetched}`, expires: now + 60_000 };
    };
    const values = await Promise.all([1, 2, 3].map(() => cache.get(key, fetch)));
    expect(values).toEqual(["t1", "t1", "t1"]);
    now = 56_000;
    expect(await cache.get(key, fetch)).toBe("t2");
  });

  it("forgets a token that was refused, not the one that somebody fetched in its place", async () => {
    const cache = new TokenCache(clockAt(0));
    const key = { identity: "a", realm: "r", service: "s", scope: "x" };
    let fetched = 0;
    const get = () =>
      cache.get(key, async () => {
        fetched += 1;
        return { value: `t${fetched}`, expires: 9e9 };
      });
    await Promise.all([get(), get(), get()]);
    // Three requests with t1 got a 401, one after another.
    for (let n = 0; n < 3; n += 1) {
      cache.forget(key, "t1");
      expect(await get()).toBe("t2");
    }
    expect(fetched).toBe(2);
  });

  it("does not end for those who wait when the one who asked first gives up", async () => {
    const cache = new TokenCache(clockAt(0));
    const key = { identity: "a", realm: "r", service: "s", scope: "x" };
    const { promise, reject } = held();
    const first = cache.get(key, () => promise);
    const second = cache.get(key, async () => ({ value: "mine", expires: 9e9 }));
    reject(new LadingError("aborted", "by the first"));
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    expect(await second).toBe("mine");
  });

  it("lets one who waits give up at once, and goes on for the others", async () => {
    const cache = new TokenCache(clockAt(0));
    const key = { identity: "a", realm: "r", service: "s", scope: "x" };
    const { promise, resolve } = held<Token>();
    const first = cache.get(key, () => promise);
    const giving = new AbortController();
    const notAsked = () => Promise.reject(new Error("asked a second time"));
    const second = cache.get(key, notAsked, giving.signal);
    const third = cache.get(key, notAsked, new AbortController().signal);
    giving.abort("enough");
    await expect(second).rejects.toMatchObject({ code: "aborted", cause: "enough" });
    await expect(cache.get(key, notAsked, giving.signal)).rejects.toMatchObject({
      code: "aborted",
    });
    resolve({ value: "late", expires: 9e9 });
    expect(await Promise.all([first, third])).toEqual(["late", "late"]);
  });

  it("tries again after a failure", async () => {
    const cache = new TokenCache(clockAt(0));
    const key = { identity: "a", realm: "r", service: "s", scope: "x" };
    await expect(cache.get(key, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await cache.get(key, async () => ({ value: "yes", expires: 9e9 }))).toBe("yes");
  });
});

describe("credentials by host", () => {
  it("belong to one host and port, docker.io by any of its names", async () => {
    const credential = { kind: "token", token: "t" } as const;
    const source = hostCredentials({
      "https://index.docker.io/v1/": credential,
      "r.example:5000": credential,
    });
    const get = (origin: string) => {
      const registry = new URL(origin).host;
      return source.get({ origin, registry, repository: "a", action: "pull" }, {});
    };
    expect(await get("https://registry-1.docker.io")).toMatchObject(credential);
    expect(await get("https://r.example:5000")).toMatchObject(credential);
    expect(await get("https://r.example")).toBeUndefined();
    expect(await get("https://r.example:5001")).toBeUndefined();
    expect(canonicalHost("GHCR.io")).toBe("ghcr.io");
  });

  it("have an identity that tells them apart and tells nothing", () => {
    const one = { kind: "basic", username: "u", password: "secret" } as const;
    expect(identityOf(one)).toBe(identityOf({ ...one }));
    expect(identityOf(one)).not.toBe(identityOf({ ...one, password: "other" }));
    expect(identityOf(one)).not.toContain("secret");
  });
});

function request(origin: string): HttpRequest {
  return {
    method: "GET",
    url: new URL(`${origin}/v2/library/app/manifests/1`),
    headers: {},
    scope: { registry: new URL(origin).host, repository: "library/app", action: "pull" },
    operation: {},
  };
}

function clockAt(now: number): Clock {
  return { now: () => now, sleep: async () => {}, after: () => () => {} };
}

interface Held<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function held<T = never>(): Held<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((keep, refuse) => {
    resolve = keep;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
