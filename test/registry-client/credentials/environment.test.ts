import { describe, expect, it } from "vitest";
import type { CredentialRequest } from "../../../src/registry/auth/credentials.ts";
import {
  dockerAuthConfig,
  environmentCredentials,
} from "../../../src/registry/auth/sources/environment.ts";

const request = (registry: string, repository = "org/app"): CredentialRequest => ({
  origin: `https://${registry}`,
  registry,
  repository,
  action: "pull",
});
const SECRET = "hunter2";
const password = { LADING_USERNAME: "me", LADING_PASSWORD: SECRET };
const me = { kind: "basic", username: "me", password: SECRET };

describe("credentials in variables", () => {
  it.each([
    ["ghcr.io", "org/app", true],
    ["ghcr.io", "other/app", true],
    ["evil.example", "org/app", false],
    ["ghcr.io:8443", "org/app", false],
  ])(
    "go to the registry that LADING_REGISTRY names: %s/%s %s",
    async (registry, repository, given) => {
      const source = environmentCredentials({ ...password, LADING_REGISTRY: "ghcr.io" });
      const found = await source.get(request(registry, repository), {});
      if (given)
        expect(found).toMatchObject({ ...me, from: { kind: "environment", key: "ghcr.io" } });
      else expect(found).toBeUndefined();
    },
  );

  it("go to a path alone where it names one", async () => {
    const source = environmentCredentials({ ...password, LADING_REGISTRY: "ghcr.io/org" });
    expect(await source.get(request("ghcr.io", "org/app"), {})).toMatchObject(me);
    expect(await source.get(request("ghcr.io", "organisation/app"), {})).toBeUndefined();
    expect(await source.get(request("ghcr.io", ""), {})).toBeUndefined();
  });

  it.each(["docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])(
    "are docker.io's under the name %s",
    async (name) => {
      const source = environmentCredentials({ LADING_REGISTRY: name, LADING_TOKEN: "t" });
      const found = await source.get(request("docker.io", "library/alpine"), {});
      expect(found).toMatchObject({ kind: "token", token: "t" });
    },
  );

  it.each([
    [{ LADING_PASSWORD: SECRET }],
    [{ ...password }],
    [{ ...password, LADING_REGISTRY: "" }],
    [{ LADING_TOKEN: SECRET }],
    [{ LADING_REGISTRY: "a.example", LADING_PASSWORD: SECRET }],
    [{ LADING_REGISTRY: "a.example", LADING_USERNAME: SECRET }],
    [{ LADING_REGISTRY: "a.example", ...password, LADING_TOKEN: SECRET }],
    [{ LADING_REGISTRY: "a.example", LADING_TOKEN: `${SECRET}\r\nx: y` }],
    [{ LADING_REGISTRY: "a.example/Org", ...password }],
    [{ LADING_REGISTRY: "a.example/org:1", ...password }],
    [{ LADING_REGISTRY: "https://me@a.example", ...password }],
    [{ LADING_REGISTRY: "a.example/org?x", ...password }],
  ])("that do not fit together are refused and go to nobody: %j", async (environment) => {
    const answer = environmentCredentials(environment).get(request("a.example"), {});
    await expect(answer).rejects.toMatchObject({ code: "usage", hint: expect.any(String) });
    const error: unknown = await answer.catch((error: unknown) => error);
    expect(String(error) + JSON.stringify(error)).not.toContain(SECRET);
    expect(String(error)).toContain("LADING_");
  });

  it("that are not set, or empty, are none", async () => {
    const empty = { LADING_REGISTRY: "a.example", LADING_USERNAME: "", LADING_PASSWORD: "" };
    for (const environment of [{}, empty]) {
      expect(
        await environmentCredentials(environment).get(request("a.example"), {}),
      ).toBeUndefined();
    }
  });
});

describe("DOCKER_AUTH_CONFIG", () => {
  const auth = Buffer.from(`me:${SECRET}`).toString("base64");
  it("has the auths of a docker config, and nothing else of it", async () => {
    const config = {
      auths: { "a.example": { auth } },
      credsStore: "evil",
      credHelpers: { b: "x" },
    };
    const source = dockerAuthConfig({ DOCKER_AUTH_CONFIG: JSON.stringify(config) });
    expect(await source.get(request("a.example"), {})).toMatchObject(me);
    expect(await source.get(request("b"), {})).toBeUndefined();
  });

  it("that can't be read is an error, without its text", async () => {
    const source = dockerAuthConfig({ DOCKER_AUTH_CONFIG: `{"auths":{"a":{"auth":"${auth}"` });
    const error: unknown = await source.get(request("a"), {}).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "usage" });
    expect(String(error) + String((error as Error).cause)).not.toContain(auth);
  });
});
