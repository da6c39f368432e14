import { describe, expect, it } from "vitest";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import {
  type Answer,
  ScriptedRegistry,
  status,
  withHeaders,
} from "../registry/scripted-registry.ts";
import { faultRig, layerOf, type Rig } from "./rig.ts";

/** A registry with a token server that gives `token1`, `token2`, …, and takes only the ones in `valid`. */
interface TokenRig extends Rig {
  readonly tokens: ScriptedRegistry;
  readonly valid: Set<string>;
}

async function tokenRig(): Promise<TokenRig> {
  const tokens = await ScriptedRegistry.start();
  const user = { kind: "basic", username: "user", password: "secret" } as const;
  const byHost: Record<string, typeof user> = {};
  const rig = await faultRig({
    credentials: { get: (request, options) => hostCredentials(byHost).get(request, options) },
  });
  byHost[rig.registry.address] = user;
  const valid = new Set<string>();
  let given = 0;
  const give: Answer = ({ response }) => {
    given += 1;
    valid.add(`Bearer token${given}`);
    response.end(JSON.stringify({ token: `token${given}`, expires_in: 3600 }));
  };
  tokens.on("GET /token", give, 99);
  return {
    ...rig,
    tokens,
    valid,
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    },
  };
}

function challengeOf({ tokens }: TokenRig, scope: string, more = ""): string {
  return `Bearer realm="http://${tokens.address}/token",service="s",scope="${scope}"${more}`;
}

/** Answers as the registry does, to who brings a token that is valid now. */
function guarded(rig: TokenRig, challenge: string): Answer {
  return ({ request, response, reply }) => {
    if (!rig.valid.has(request.headers.authorization ?? "")) {
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return;
    }
    const { status, headers, body } = reply();
    response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
  };
}

describe("a token", () => {
  it("that ends in the middle of a pull is fetched anew, and the pull goes on (fault 23)", async () => {
    await using rig = await tokenRig();
    const challenge = challengeOf(rig, "repository:app:pull");
    rig.registry.challenge = challenge;
    rig.registry.on(layerOf(rig), ({ response }) => {
      rig.valid.clear();
      response.writeHead(401, { "www-authenticate": challenge }).end();
    });
    rig.registry.on(/./, guarded(rig, challenge), 99);
    await rig.pull();
    expect(await rig.whole()).toBe(true);
    expect(rig.tokens.asked).toHaveLength(2);
    const last = rig.registry.received.at(-1);
    expect(last?.headers.authorization).toBe("Bearer token2");
  });

  it("that does not reach far enough is fetched again with the scope that is asked for (insufficient_scope)", async () => {
    await using rig = await tokenRig();
    const narrow = challengeOf(rig, "repository:app:none");
    const wide = challengeOf(rig, "repository:app:pull,metadata", ',error="insufficient_scope"');
    rig.registry.challenge = narrow;
    rig.registry.on(
      /./,
      ({ request, response, reply }) => {
        if (request.headers.authorization === "Bearer token1") {
          response.writeHead(401, { "www-authenticate": wide }).end();
          return;
        }
        const { status, headers, body } = reply();
        response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
      },
      99,
    );
    await rig.pull();
    expect(
      rig.tokens.asked.map((line) => new URL(line.slice(4), "http://x").searchParams.get("scope")),
    ).toEqual(["repository:app:none", "repository:app:pull,metadata"]);
  });

  it("that is refused each time ends in one error, not in a loop", async () => {
    await using rig = await tokenRig();
    const challenge = challengeOf(rig, "repository:app:pull");
    rig.registry.on(/./, status(401, { "www-authenticate": challenge }), 99);
    await expect(rig.pull()).rejects.toMatchObject({ code: "unauthorized" });
    expect(rig.tokens.asked.length).toBeLessThanOrEqual(4);
    expect(rig.registry.asked.length).toBeLessThanOrEqual(6);
  });

  it("is fetched once for many requests at one time, and brought along from then on", async () => {
    await using rig = await tokenRig();
    const challenge = challengeOf(rig, "repository:app:pull");
    rig.registry.on(/./, guarded(rig, challenge), 99);
    await rig.pull();
    expect(rig.tokens.asked).toHaveLength(1);
    expect(
      rig.registry.received.filter(({ headers }) => headers.authorization === undefined),
    ).toHaveLength(1);
  });
});

describe("where HEAD fails while GET works", () => {
  it.each([
    ["401", status(401)],
    ["403", status(403)],
    ["404", status(404)],
    ["405", status(405)],
    ["no digest", withHeaders({ "docker-content-digest": undefined })],
    ["no length", withHeaders({ "content-length": undefined })],
    ["a digest that is none", withHeaders({ "docker-content-digest": "sha256:x" })],
    ["another media type", withHeaders({ "content-type": "application/json" })],
  ])("GET decides: HEAD answers with %s", async (_what, answer) => {
    await using rig = await faultRig();
    rig.registry.on("HEAD /v2/app/manifests/1", answer, 9);
    expect((await rig.pull()).digest).toBe(rig.image.descriptor.digest);
    expect(await rig.whole()).toBe(true);
  });
});
