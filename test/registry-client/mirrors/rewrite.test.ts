import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HttpRequest } from "../../../src/registry/http/message.ts";
import { rewritten } from "../../../src/registry/mirrors/rewrite.ts";
import { plainSettings } from "../../../src/registry/settings/plain.ts";
import { mirrorAt, type TestMirror } from "../../registry/mirrored.ts";

describe("a request to a mirror", () => {
  it.each<[string, TestMirror, string, string]>([
    [
      "at its base",
      { at: "https://mirror.lan/v2/" },
      "https://mirror.lan/v2/library/alpine/manifests/3?ns=docker.io",
      "library/alpine",
    ],
    [
      "under a path before the API",
      { at: "https://nexus.lan/repository/hub/v2/" },
      "https://nexus.lan/repository/hub/v2/library/alpine/manifests/3?ns=docker.io",
      "library/alpine",
    ],
    [
      "under a path of the API, which belongs to the name",
      { at: "https://harbor.lan/v2/hub/" },
      "https://harbor.lan/v2/hub/library/alpine/manifests/3?ns=docker.io",
      "hub/library/alpine",
    ],
    [
      "under a name with something before it",
      { at: "https://mirror.lan/v2/", rewrite: { from: "", to: "hub/" } },
      "https://mirror.lan/v2/hub/library/alpine/manifests/3?ns=docker.io",
      "hub/library/alpine",
    ],
    [
      "under another name",
      { at: "https://mirror.lan/v2/", rewrite: { from: "library/", to: "official/" } },
      "https://mirror.lan/v2/official/alpine/manifests/3?ns=docker.io",
      "official/alpine",
    ],
    [
      "under its own name when it does not begin so",
      { at: "https://mirror.lan/v2/", rewrite: { from: "org/", to: "other/" } },
      "https://mirror.lan/v2/library/alpine/manifests/3?ns=docker.io",
      "library/alpine",
    ],
    [
      "without the registry's name when that is switched off",
      { at: "http://mirror.lan:5000/v2/", namespace: false },
      "http://mirror.lan:5000/v2/library/alpine/manifests/3",
      "library/alpine",
    ],
  ])("goes %s", async (_, mirror, url, repository) => {
    const asked = rewritten(request(), await host(), mirrorAt(mirror));
    expect(asked.url.href).toBe(url);
    expect(asked.scope).toMatchObject({
      registry: new URL(url).host,
      repository,
      mirrorOf: "docker.io",
      schemeFixed: true,
    });
    expect(asked.note).toEqual({ role: "mirror", mirror: new URL(url).origin });
  });

  it("keeps what is asked for, and the query", async () => {
    const asked = rewritten(
      request("https://registry-1.docker.io/v2/library/alpine/blobs/sha256:0?x=1"),
      await host(),
      mirrorAt({ at: "https://mirror.lan/v2/" }),
    );
    expect(asked.url.href).toBe(
      "https://mirror.lan/v2/library/alpine/blobs/sha256:0?x=1&ns=docker.io",
    );
  });

  it("takes the registry's credentials along only where the mirror is trusted", async () => {
    const at = "https://mirror.lan/v2/";
    const to = async (trusted: boolean) =>
      rewritten(request(), await host(), mirrorAt({ at, trusted })).scope.credentialsOf;
    expect(await to(false)).toBeUndefined();
    expect(await to(true)).toEqual({
      // Where they go, not where they are from: what a cloud gives stays away from there.
      origin: "https://mirror.lan",
      registry: "docker.io",
      repository: "library/alpine",
    });
  });

  it("stays on the mirror, whatever a name is rewritten to", async () => {
    const settings = await host();
    fc.assert(
      fc.property(fc.string(), (to) => {
        const mirror = mirrorAt({ at: "https://mirror.lan/v2/", rewrite: { from: "", to } });
        expect(rewritten(request(), settings, mirror).url.origin).toBe("https://mirror.lan");
      }),
    );
    const mirror = mirrorAt({
      at: "https://mirror.lan/v2/",
      rewrite: { from: "", to: "https://evil.example/" },
    });
    expect(rewritten(request(), settings, mirror).url.host).toBe("mirror.lan");
  });
});

function host() {
  return plainSettings().forRegistry("docker.io");
}

function request(url = "https://registry-1.docker.io/v2/library/alpine/manifests/3"): HttpRequest {
  return {
    method: "GET",
    url: new URL(url),
    headers: {},
    scope: { registry: "docker.io", repository: "library/alpine", action: "pull" },
    operation: {},
  };
}
