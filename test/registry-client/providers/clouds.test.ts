import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { howToLogIn } from "../../../src/registry/auth/provider/hint.ts";
import { temporaryFolder } from "../../temporary.ts";
import { base64, cloud, json, SECRET } from "./cloud.ts";

describe("GitHub's registry", () => {
  it.each([
    [
      { GITHUB_TOKEN: "t", GITHUB_ACTOR: "me" },
      { username: "me", password: "t" },
    ],
    [{ GH_TOKEN: "t" }, { username: "token", password: "t" }],
    [{ GITHUB_TOKEN: "", GH_TOKEN: "" }, undefined],
  ])("takes the token of %j", async (environment, expected) => {
    await using rig = await cloud(environment);
    const found = await rig.credential("ghcr.io");
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject({ ...expected, from: { kind: "provider", name: "GHCR" } });
    expect(rig.names).toEqual([]);
  });
});

describe("Google's registries", () => {
  const hosts = ["gcr.io", "eu.gcr.io", "europe-west1-docker.pkg.dev"];
  it.each(hosts)("take an access token: %s", async (registry) => {
    await using rig = await cloud({ GOOGLE_OAUTH_ACCESS_TOKEN: "t" });
    expect(await rig.credential(registry)).toMatchObject({
      username: "oauth2accesstoken",
      password: "t",
    });
  });

  it("take the key file of a service account as it is, and no other", async () => {
    const path = join(await temporaryFolder(), "key.json");
    const key = JSON.stringify({ type: "service_account", private_key: SECRET });
    await using rig = await cloud({ GOOGLE_APPLICATION_CREDENTIALS: path });
    await expect(rig.credential("gcr.io")).rejects.toMatchObject({
      code: "usage",
      context: { path },
    });
    await writeFile(path, key.slice(0, -1));
    const broken: unknown = await rig.credential("gcr.io").catch((error: unknown) => error);
    expect(String(broken)).toContain("no JSON object");
    expect(String(broken) + String((broken as Error).cause)).not.toContain(SECRET);
    await writeFile(path, key);
    expect(await rig.credential("gcr.io")).toMatchObject({ username: "_json_key", password: key });
    await writeFile(path, JSON.stringify({ type: "authorized_user", refresh_token: SECRET }));
    await using other = await cloud({ GOOGLE_APPLICATION_CREDENTIALS: path });
    expect(await other.credential("gcr.io")).toBeUndefined();
    expect([...rig.names, ...other.names], "nor is a metadata service asked").toEqual([]);
  });
});

describe("Azure's registry", () => {
  it("takes a service principal's secret", async () => {
    await using rig = await cloud({ AZURE_CLIENT_ID: "id", AZURE_CLIENT_SECRET: "s" });
    expect(await rig.credential("company.azurecr.io")).toMatchObject({
      username: "id",
      password: "s",
    });
    expect(rig.asked).toEqual([]);
  });

  it.each([
    ["login.microsoftonline.com", undefined],
    ["login.example", "https://login.example/"],
  ])("exchanges a workload identity's token, by way of %s", async (host, authority) => {
    const file = join(await temporaryFolder(), "token");
    await writeFile(file, "assertion\n");
    const environment = {
      AZURE_CLIENT_ID: "id",
      AZURE_TENANT_ID: "tenant",
      AZURE_FEDERATED_TOKEN_FILE: file,
      AZURE_AUTHORITY_HOST: authority,
    };
    const signIn = `POST ${host}/tenant/oauth2/v2.0/token`;
    const exchange = "POST company.azurecr.io/oauth2/exchange";
    await using rig = await cloud(environment, {
      [signIn]: json({ access_token: "access", expires_in: 3600 }),
      [exchange]: json({ refresh_token: "refresh" }),
    });
    expect(await rig.credential("company.azurecr.io")).toMatchObject({
      username: "00000000-0000-0000-0000-000000000000",
      password: "refresh",
    });
    const bodies = rig.asked.map(({ to, body }) => [
      to,
      Object.fromEntries(new URLSearchParams(body)),
    ]);
    expect(bodies).toEqual([
      [
        signIn,
        {
          grant_type: "client_credentials",
          client_id: "id",
          scope: "https://containerregistry.azure.net/.default",
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: "assertion",
        },
      ],
      [
        exchange,
        {
          grant_type: "access_token",
          service: "company.azurecr.io",
          tenant: "tenant",
          access_token: "access",
        },
      ],
    ]);
  });

  it.each([
    [{ AZURE_AUTHORITY_HOST: "http://login.example/" }],
    [{ AZURE_TENANT_ID: "../evil" }],
    [{ AZURE_FEDERATED_TOKEN_FILE: "/absent" }],
  ])("sends a workload identity's token nowhere for %j", async (changed) => {
    const file = join(await temporaryFolder(), "token");
    await writeFile(file, "assertion");
    const good = { AZURE_CLIENT_ID: "i", AZURE_TENANT_ID: "t", AZURE_FEDERATED_TOKEN_FILE: file };
    await using rig = await cloud({ ...good, ...changed });
    await expect(rig.credential("company.azurecr.io")).rejects.toMatchObject({ code: "usage" });
    expect(rig.names).toEqual([]);
  });
});

it.each([
  ["ghcr.io", "lading login ghcr.io, or set GITHUB_TOKEN (docs/credentials.md)"],
  ["public.ecr.aws", "docker-credential-ecr-login"],
  ["registry.example", "log in: lading login registry.example"],
])("who has none for %s is told how to get some", (registry, text) => {
  expect(howToLogIn(registry)).toContain(text);
});

describe("what a cloud gives", () => {
  const everything = {
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: SECRET,
    GITHUB_TOKEN: SECRET,
    GOOGLE_OAUTH_ACCESS_TOKEN: SECRET,
    AZURE_CLIENT_ID: "id",
    AZURE_CLIENT_SECRET: SECRET,
  };
  it.each([
    "ghcr.io.evil.example",
    "evilghcr.io",
    "ghcr.io:8443",
    "gcr.io.evil.example",
    "evilgcr.io",
    "a.b.gcr.io",
    "evil-docker.pkg.dev.example",
    "docker.pkg.dev",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
    "1.dkr.ecr.eu-west-1.amazonaws.com",
    "123456789012.dkr.ecr.eu-west-1.evil.amazonaws.com",
    "123456789012-dkr-ecr.amazonaws.com",
    "company.azurecr.io.evil.example",
    "a.company.azurecr.io",
    "registry.example",
    "docker.io",
  ])("goes to its own hosts alone, not to %s", async (registry) => {
    await using rig = await cloud(everything);
    expect(await rig.credential(registry)).toBeUndefined();
    expect(rig.names).toEqual([]);
  });

  it.each(["http://ghcr.io", "https://mirror.example", "https://ghcr.io:8443"])(
    "goes over https and to the registry under its own name, not to %s",
    async (origin) => {
      await using rig = await cloud(everything);
      expect(await rig.credential("ghcr.io", { origin })).toBeUndefined();
    },
  );

  it("counts after every file: who logged in meant it", async () => {
    const path = join(await temporaryFolder(), "auth.json");
    await writeFile(path, JSON.stringify({ auths: { "ghcr.io": { auth: base64("me:x") } } }));
    await using rig = await cloud({ ...everything, REGISTRY_AUTH_FILE: path });
    expect(await rig.credential("ghcr.io")).toMatchObject({ username: "me" });
  });
});
