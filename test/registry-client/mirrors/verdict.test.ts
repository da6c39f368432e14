import { describe, expect, it } from "vitest";
import { type ErrorCode, LadingError } from "../../../src/errors.ts";
import type {
  HttpRequest,
  HttpResponse,
  RequestScope,
} from "../../../src/registry/http/message.ts";
import { verdict } from "../../../src/registry/mirrors/verdict.ts";
import { emptyResponse } from "../empty-response.ts";

const digest = `sha256:${"0".repeat(64)}`;
const manifest = {
  "content-type": "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
  "docker-content-digest": digest,
};

describe("a mirror's answer", () => {
  it.each<[number, "use" | "endpoint" | "repository" | "subject"]>([
    [200, "use"],
    [206, "use"],
    [416, "use"],
    [301, "subject"],
    [400, "subject"],
    [401, "repository"],
    [403, "repository"],
    [404, "subject"],
    [408, "endpoint"],
    [429, "endpoint"],
    [500, "endpoint"],
    [501, "subject"],
    [503, "endpoint"],
  ])("%i: %s", (status, what) => {
    const found = verdict(request("GET", { subject: digest }), { response: response(status) });
    if (what === "use") expect(found).toBe("use");
    else expect(found).toEqual({ passOver: `it answered ${status}`, rest: what });
  });

  it.each<[string, "GET" | "HEAD", Partial<RequestScope>, Record<string, string>, boolean]>([
    ["a page", "GET", { subject: digest }, { "content-type": "Text/HTML; charset=utf-8" }, false],
    ["another length", "GET", { subject: digest, size: 5 }, { "content-length": "4" }, false],
    ["the right length", "GET", { subject: digest, size: 5 }, { "content-length": "5" }, true],
    ["no length", "GET", { subject: digest, size: 5 }, {}, true],
    ["a tag with its digest", "HEAD", { subject: "1" }, manifest, true],
    [
      "a tag without a digest",
      "HEAD",
      { subject: "1" },
      { ...manifest, "docker-content-digest": "" },
      false,
    ],
    [
      "a tag without a type",
      "HEAD",
      { subject: "1" },
      { ...manifest, "content-type": "text/plain" },
      false,
    ],
    ["a digest without anything", "HEAD", { subject: digest }, {}, true],
  ])("that is %s", (_, method, scope, headers, good) => {
    const found = verdict(request(method, scope), { response: response(200, headers) });
    if (good) expect(found).toBe("use");
    else expect(found).toMatchObject({ rest: "distrust" });
  });

  it.each<[ErrorCode, "endpoint" | "repository" | undefined]>([
    ["network", "endpoint"],
    ["registry-unavailable", "endpoint"],
    ["rate-limited", "endpoint"],
    ["refused", "endpoint"],
    ["malformed", "endpoint"],
    ["limit-exceeded", "endpoint"],
    ["unauthorized", "repository"],
    ["aborted", undefined],
    ["usage", undefined],
    ["disk", undefined],
    ["internal", undefined],
  ])("that is the error %s: %s", (code, rest) => {
    const found = verdict(request("GET", {}), { error: new LadingError(code, "why") });
    expect(found).toEqual(rest && { passOver: "why", rest });
  });

  it("that is a fault of ours is thrown", () => {
    expect(verdict(request("GET", {}), { error: new TypeError() })).toBeUndefined();
  });
});

function request(method: "GET" | "HEAD", scope: Partial<RequestScope>): HttpRequest {
  return {
    method,
    url: new URL("https://registry.example/v2/app/manifests/1"),
    headers: {},
    scope: { registry: "registry.example", repository: "app", action: "pull", ...scope },
    operation: {},
  };
}

function response(status: number, headers: Record<string, string> = {}): HttpResponse {
  return emptyResponse("https://mirror.example/v2/", status, headers);
}
