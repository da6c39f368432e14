import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestKey, canonicalHost, parseKey } from "../../../src/registry/auth/sources/match.ts";

describe("a key of a credential file", () => {
  it.each([
    ["ghcr.io", "ghcr.io", ""],
    ["GHCR.io", "ghcr.io", ""],
    ["ghcr.io/", "ghcr.io", ""],
    ["ghcr.io/org", "ghcr.io", "org"],
    ["ghcr.io/org/team/", "ghcr.io", "org/team"],
    ["https://ghcr.io", "ghcr.io", ""],
    ["https://ghcr.io/org", "ghcr.io", ""],
    ["http://localhost:5000/v2/", "localhost:5000", ""],
    ["localhost:5000/v2", "localhost:5000", ""],
    ["https://index.docker.io/v1/", "docker.io", ""],
    ["index.docker.io/v1/", "docker.io", ""],
    ["docker.io/library", "docker.io", "library"],
    ["registry-1.docker.io/org", "docker.io", "org"],
    ["[::1]:5000/app", "[::1]:5000", "app"],
  ])("%s is for %s below %j", (key, registry, path) => {
    expect(parseKey(key)).toEqual({ registry, path });
  });
});

describe("of the keys of a file", () => {
  const keys = ["ghcr.io", "ghcr.io/org", "ghcr.io/org/team", "https://index.docker.io/v1/"];
  it.each([
    ["ghcr.io", "org/team/app", "ghcr.io/org/team"],
    ["ghcr.io", "org/team", "ghcr.io/org/team"],
    ["ghcr.io", "org/other", "ghcr.io/org"],
    ["ghcr.io", "organisation/app", "ghcr.io"],
    ["ghcr.io", "org/teams", "ghcr.io/org"],
    ["ghcr.io", "", "ghcr.io"],
    ["docker.io", "library/alpine", "https://index.docker.io/v1/"],
    ["ghcr.io:443", "org/app", undefined],
    ["evil-ghcr.io", "org/app", undefined],
    ["ghcr.io.evil.example", "org/app", undefined],
  ])("the longest that fits is taken at segments: %s/%s by %s", (registry, repository, key) => {
    expect(bestKey(keys, { registry, repository })).toBe(key);
  });

  it("none with a path is for the registry as a whole", () => {
    expect(bestKey(["ghcr.io/org"], { registry: "ghcr.io", repository: "" })).toBeUndefined();
    expect(bestKey(["ghcr.io/org"], { registry: "ghcr.io", repository: "app" })).toBeUndefined();
  });

  it("docker.io's are found under any of its names, with and without a path", () => {
    const names = ["docker.io", "index.docker.io", "registry-1.docker.io"];
    for (const name of names) {
      for (const registry of names) {
        const target = { registry, repository: "library/alpine" };
        expect(bestKey([name], target)).toBe(name);
        expect(bestKey([`${name}/library`], target)).toBe(`${name}/library`);
        expect(bestKey([`${name}/other`], target)).toBeUndefined();
      }
    }
  });

  it("of two for the same, the one that docker writes, else the first", () => {
    const target = { registry: "docker.io", repository: "library/alpine" };
    const usual = "https://index.docker.io/v1/";
    expect(bestKey(["docker.io", usual], target)).toBe(usual);
    expect(bestKey(["docker.io", "index.docker.io"], target)).toBe("docker.io");
  });

  it("never one of another registry, or of another path", () => {
    const part = fc.constantFrom("a", "ab", "b", "a.b", "docker.io", "index.docker.io", "v1", "A");
    const path = fc.array(part, { maxLength: 3 }).map((parts) => parts.join("/"));
    const key = fc
      .tuple(fc.constantFrom("", "https://", "http://"), part, fc.constantFrom("", ":1"), path)
      .map(([scheme, host, port, rest]) => `${scheme}${host}${port}${rest && `/${rest}`}`);
    fc.assert(
      fc.property(fc.array(key, { maxLength: 6 }), part, path, (keys, registry, repository) => {
        const found = bestKey(keys, { registry, repository });
        if (found === undefined) return;
        const scope = parseKey(found);
        expect(scope.registry).toBe(canonicalHost(registry));
        expect(`${repository}/`.startsWith(scope.path === "" ? "" : `${scope.path}/`)).toBe(true);
      }),
    );
  });
});
