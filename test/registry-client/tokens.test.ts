import { describe, expect, it } from "vitest";
import type { Credential, CredentialSource } from "../../src/registry/auth/credentials.ts";
import { faultRig, type Rig } from "../faults/rig.ts";
import { TokenServer, type TokenServerOptions } from "../registry/token-server.ts";

const BASIC = { kind: "basic", username: "me", password: "p & w=é:x" } as const;
const IDENTITY = { kind: "identity", token: "refresh/1+=" } as const;
const ACCOUNTS: TokenServerOptions = {
  users: { me: BASIC.password },
  refresh: [IDENTITY.token],
};

interface Tokens extends AsyncDisposable {
  readonly server: TokenServer;
  readonly rig: Rig;
  /** The registry names another token server from now on. */
  moveTo(server: TokenServer): void;
}

/** A registry that takes the tokens of a token server, and lading with these credentials. */
async function tokens(
  credential: Credential | CredentialSource | undefined,
  options: TokenServerOptions = {},
  scope?: string,
): Promise<Tokens> {
  const server = await TokenServer.start({ ...ACCOUNTS, ...options });
  const credentials = credential && "get" in credential ? credential : always(credential);
  const rig = await faultRig({ credentials });
  let guard = server.guard(scope);
  rig.registry.on(/./, (exchange) => guard(exchange), 999);
  return {
    server,
    rig,
    moveTo(other) {
      guard = other.guard(scope);
    },
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

function always(credential: Credential | undefined): CredentialSource {
  return { get: async () => credential };
}

describe("a token for a password", () => {
  it("is asked for by GET, with the account in the header and each scope by itself", async () => {
    await using test = await tokens(BASIC, {}, "repository:app:pull repository:base:pull");
    await test.rig.pull();
    const [request] = test.server.received;
    expect(test.server.methods).toEqual(["GET"]);
    expect([...(request?.query ?? [])]).toEqual([
      ["service", "registry"],
      ["scope", "repository:app:pull"],
      ["scope", "repository:base:pull"],
    ]);
    expect(request?.headers.authorization).toBe(
      `Basic ${Buffer.from("me:p & w=é:x").toString("base64")}`,
    );
  });

  it.each([404, 405, 501])(
    "is asked for by POST where GET answers %i, and so from then on",
    async (GET) => {
      await using test = await tokens(BASIC, { refuses: { GET } });
      await test.rig.pull();
      expect(test.server.methods).toEqual(["GET", "POST"]);
      const post = test.server.received[1];
      expect(post?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
      expect(post?.headers.authorization).toBeUndefined();
      expect([...(post?.query ?? [])]).toEqual([]);
      expect(Object.fromEntries(post?.form ?? [])).toEqual({
        grant_type: "password",
        username: "me",
        password: "p & w=é:x",
        client_id: "lading",
        service: "registry",
        scope: "repository:app:pull",
      });
      test.server.valid.clear();
      await test.rig.lading.fetchManifest(test.rig.reference);
      expect(test.server.methods).toEqual(["GET", "POST", "POST"]);
    },
  );

  it.each([400, 401, 403])(
    "is not asked for a second way after %i: a wrong password counts once",
    async (GET) => {
      await using test = await tokens(BASIC, { refuses: { GET } });
      await expect(test.rig.pull()).rejects.toMatchObject({ code: "unauthorized" });
      expect(test.server.methods).toEqual(["GET"]);
    },
  );

  it("names all scopes in one field of a POST", async () => {
    const scope = "repository:app:pull repository:base:pull";
    await using test = await tokens(BASIC, { refuses: { GET: 405 } }, scope);
    await test.rig.pull();
    expect(test.server.received[1]?.form.getAll("scope")).toEqual([scope]);
  });
});

describe("a token for an identity token", () => {
  it("is asked for by POST, with the refresh token in the body", async () => {
    await using test = await tokens(IDENTITY);
    await test.rig.pull();
    expect(test.server.methods).toEqual(["POST"]);
    const [post] = test.server.received;
    expect(post?.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(post?.form ?? [])).toEqual({
      grant_type: "refresh_token",
      refresh_token: "refresh/1+=",
      client_id: "lading",
      service: "registry",
      scope: "repository:app:pull",
    });
  });

  it.each([404, 405, 501])("is asked for by GET as <token> where POST answers %i", async (POST) => {
    await using test = await tokens(IDENTITY, { refuses: { POST } });
    await test.rig.pull();
    expect(test.server.methods).toEqual(["POST", "GET"]);
    expect(test.server.received[1]?.headers.authorization).toBe(
      `Basic ${Buffer.from("<token>:refresh/1+=").toString("base64")}`,
    );
  });

  it.each([400, 401, 403])("is not asked for a second way after %i", async (POST) => {
    await using test = await tokens(IDENTITY, { refuses: { POST } });
    await expect(test.rig.pull()).rejects.toMatchObject({ code: "unauthorized" });
    expect(test.server.methods).toEqual(["POST"]);
  });

  it("goes on with the refresh token that the server gives in its place", async () => {
    await using test = await tokens(IDENTITY, { rotates: true });
    await test.rig.pull();
    for (let round = 0; round < 2; round += 1) {
      test.server.valid.clear();
      await test.rig.lading.fetchManifest(test.rig.reference);
    }
    expect(test.server.received.map(({ form }) => form.get("refresh_token"))).toEqual([
      "refresh/1+=",
      "refresh/1+=+",
      "refresh/1+=++",
    ]);
  });

  it("keeps the refresh token that one server gave from every other server", async () => {
    await using test = await tokens(IDENTITY, { rotates: true });
    await using other = await TokenServer.start({ ...ACCOUNTS, rotates: true });
    await test.rig.pull();
    test.moveTo(other);
    await test.rig.lading.fetchManifest(test.rig.reference);
    expect(other.received.map(({ form }) => form.get("refresh_token"))).toEqual([IDENTITY.token]);
  });

  it("tries again when another request was given a new refresh token meanwhile", async () => {
    await using test = await tokens(IDENTITY, { rotates: true });
    const { content, address } = test.rig.registry;
    content.tag("base:1", test.rig.image.descriptor);
    await Promise.all([
      test.rig.lading.fetchManifest(test.rig.reference),
      test.rig.lading.fetchManifest(`${address}/base:1`),
    ]);
    expect(test.server.valid.size).toBe(2);
  });

  it("goes back to the one that was saved when the server's is refused", async () => {
    await using test = await tokens(IDENTITY, { rotates: true });
    await test.rig.pull();
    test.server.refresh.clear();
    test.server.valid.clear();
    const { lading, reference } = test.rig;
    await expect(lading.fetchManifest(reference)).rejects.toMatchObject({ code: "unauthorized" });
    test.server.refresh.add(IDENTITY.token);
    await lading.fetchManifest(reference);
    expect(test.server.received.at(-1)?.form.get("refresh_token")).toBe(IDENTITY.token);
  });
});

describe("other tokens", () => {
  it("for nobody are asked for by GET without an account, and never by POST", async () => {
    await using test = await tokens(undefined);
    await test.rig.pull();
    expect(test.server.methods).toEqual(["GET"]);
    expect(test.server.received[0]?.headers.authorization).toBeUndefined();
    await using strict = await tokens(undefined, { refuses: { GET: 404 } });
    await expect(strict.rig.pull()).rejects.toMatchObject({ code: "unauthorized" });
    expect(strict.server.methods).toEqual(["GET"]);
  });

  it("that the registry takes as they are ask no token server", async () => {
    await using test = await tokens({ kind: "token", token: "mine" });
    test.server.valid.add("Bearer mine");
    await test.rig.pull();
    expect(test.server.received).toEqual([]);
  });

  it.each([
    ["GET", BASIC, "old"],
    ["POST", IDENTITY, "new"],
  ] as const)(
    "by %s are read from the field of that method first",
    async (_, credential, token) => {
      const answer = { token: "old", access_token: "new" };
      await using test = await tokens(credential, { answer });
      test.server.valid.add(`Bearer ${token}`);
      await test.rig.pull();
      const sent = test.rig.registry.received.at(-1)?.headers.authorization;
      expect(sent).toBe(`Bearer ${token}`);
    },
  );

  it("say in an error what a token server said by OAuth2", async () => {
    await using test = await tokens({ kind: "identity", token: "wrong" });
    await expect(test.rig.pull()).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("invalid_grant not this one"),
    });
  });
});

describe("credentials that were refused", () => {
  it("are asked for anew, and others that come are used at once (token server)", async () => {
    const source = changing([{ ...BASIC, password: "old" }, BASIC]);
    await using test = await tokens(source);
    await test.rig.pull();
    expect(test.server.methods).toEqual(["GET", "GET"]);
    expect(source.told).toEqual(["old"]);
  });

  it("are asked for anew, and others that come are used at once (basic)", async () => {
    const source = changing([{ ...BASIC, password: "old" }, BASIC]);
    await using rig = await faultRig({ credentials: source });
    const good = `Basic ${Buffer.from("me:p & w=é:x").toString("base64")}`;
    rig.registry.on(
      /./,
      ({ request, response, reply }) => {
        if (request.headers.authorization !== good) {
          response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
          return;
        }
        const { status, headers, body } = reply();
        response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
      },
      99,
    );
    await rig.pull();
    expect(source.told).toEqual(["old"]);
    const old = `Basic ${Buffer.from("me:old").toString("base64")}`;
    const sent = rig.registry.received.map(({ headers }) => headers.authorization);
    expect(sent.filter((authorization) => authorization === old)).toHaveLength(1);
  });

  it("are not tried again when the source has no others", async () => {
    const source = changing([{ ...BASIC, password: "old" }]);
    await using test = await tokens(source);
    await expect(test.rig.pull()).rejects.toMatchObject({ code: "unauthorized" });
    expect(test.server.methods).toEqual(["GET"]);
  });
});

/** Gives the next of the credentials once the one before was refused. */
function changing(credentials: readonly (Credential & { kind: "basic" })[]): CredentialSource & {
  readonly told: string[];
} {
  const told: string[] = [];
  return {
    told,
    get: async () => credentials[Math.min(told.length, credentials.length - 1)],
    refused(_, credential) {
      if (credential.kind === "basic") told.push(credential.password);
    },
  };
}
