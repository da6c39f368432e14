import { describe, expect, it } from "vitest";
import type { Credential } from "../../src/registry/auth/credentials.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { type TokenRequest, TokenServer } from "../registry/token-server.ts";
import { faultRig, type Rig } from "./rig.ts";

const SECRET = "hunter2-very-secret";
const BASIC: Credential = { kind: "basic", username: "me", password: SECRET };
const IDENTITY: Credential = { kind: "identity", token: SECRET };

interface Redirecting extends AsyncDisposable {
  readonly rig: Rig;
  readonly tokens: TokenServer;
  /** Where the token server sends whoever POSTs. */
  readonly other: ScriptedRegistry;
}

/** A token server that redirects a POST elsewhere: with another path at the same place, or to another place. */
async function redirecting(
  credential: Credential,
  code: number,
  place: "same" | "other",
): Promise<Redirecting> {
  const tokens = await TokenServer.start({
    users: { me: SECRET },
    refresh: [SECRET],
    refuses: { GET: 404 },
  });
  const other = await ScriptedRegistry.start();
  const location = place === "same" ? "/oauth2/token" : `http://${other.address}/oauth2/token`;
  tokens.instead = ({ method, path }, response) => {
    if (method !== "POST" || path !== "/token") return false;
    response.writeHead(code, { location }).end();
    return true;
  };
  const rig = await faultRig({ credentials: { get: async () => credential } });
  rig.registry.on(/./, tokens.guard(), 99);
  return {
    rig,
    tokens,
    other,
    async [Symbol.asyncDispose]() {
      for (const part of [rig, tokens, other]) await part[Symbol.asyncDispose]();
    },
  };
}

describe.each([
  ["a password", BASIC],
  ["a refresh token", IDENTITY],
])("%s that is POSTed for a token", (_, credential) => {
  it.each([307, 308])("goes on to another path of that server (%i)", async (code) => {
    await using test = await redirecting(credential, code, "same");
    await test.rig.pull();
    const last = test.tokens.received.at(-1);
    expect([last?.method, last?.path]).toEqual(["POST", "/oauth2/token"]);
    expect(last?.body).toContain(SECRET);
  });

  it.each([307, 308])("does not go on to another origin (%i), which is not asked", async (code) => {
    await using test = await redirecting(credential, code, "other");
    await expect(test.rig.pull()).rejects.toMatchObject({ code: "refused" });
    expect(test.other.received).toEqual([]);
  });

  it.each([301, 302, 303])("is left behind where a GET goes on (%i)", async (code) => {
    await using test = await redirecting(credential, code, "other");
    test.other.on("GET /oauth2/token", ({ response }) => void response.end("{}"), 9);
    await expect(test.rig.pull()).rejects.toThrow();
    expect(test.other.received.length).toBeGreaterThan(0);
    const seen = JSON.stringify(test.other.received);
    const encoded = Buffer.from(`me:${SECRET}`).toString("base64");
    for (const secret of [SECRET, encoded, "grant_type"]) expect(seen).not.toContain(secret);
    expect(test.other.received.every(({ headers }) => !("content-type" in headers))).toBe(true);
  });
});

describe("a token server that answers a POST", () => {
  const answers: readonly (readonly [string, string, string])[] = [
    ["with a page", "<html>log in</html>", "malformed"],
    ["without a token", '{"expires_in": 60}', "malformed"],
    ["with a token that breaks out of a header", '{"access_token": "a\\r\\nx: y"}', "malformed"],
    ["with more than 64 KiB", `{"access_token": "${"a".repeat(70_000)}"}`, "limit-exceeded"],
  ];

  it.each(answers)("%s is an error, not a crash", async (_what, body, code) => {
    await using test = await redirecting(IDENTITY, 307, "same");
    test.tokens.instead = (_request: TokenRequest, response) => {
      response.end(body);
      return true;
    };
    await expect(test.rig.pull()).rejects.toMatchObject({ code });
  });

  it("with a refusal that repeats the secret shows none of it", async () => {
    await using test = await redirecting(IDENTITY, 307, "same");
    test.tokens.instead = ({ body }, response) => {
      const error_description = `no such refresh_token: ${new URLSearchParams(body).get("refresh_token")}`;
      response.writeHead(400).end(JSON.stringify({ error: "invalid_grant", error_description }));
      return true;
    };
    const error: unknown = await test.rig.pull().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("invalid_grant"),
    });
    expect(JSON.stringify(error) + JSON.stringify(test.rig.events)).not.toContain(SECRET);
  });
});
